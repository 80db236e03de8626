# SPDX-License-Identifier: Apache-2.0
"""Metrics from the stream to the archives and out of REST: nothing lost, nothing wrong."""

import os
import resource
import struct
import subprocess
import time
import unittest
import uuid

import grpc

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fake_agent import messages
from tests.support.fleet import BUILD
from tests.support.rest import wait_until

STEP = 5


def step_now():
    return int(time.time()) // STEP


class MetricsCase(AggregatorCase):
    @staticmethod
    def dictionary(objects, generation=1, n=3):
        m = messages().metrics
        return m.MetricDictionary(generation=generation, series=[
            m.MetricSeries(object_id=uuid.UUID(o).bytes, name=f"s{i}", kind=m.METRIC_KIND_GAUGE,
                           unit="bytes") for o in objects for i in range(n)])

    @staticmethod
    def batch(s, seq, step, values, generation=1):
        s.send_batches({"seq": seq, "time_ms": step * STEP * 1000, "value": values},
                       generation=generation)

    def feed(self, s, objects, steps, value=float, first_seq=1, n=3):
        """A batch a step, acknowledged: series i of every object is value(step) + i."""
        s.send(metric_dictionary=self.dictionary(objects, n=n))
        for seq, step in enumerate(steps, first_seq):
            self.batch(s, seq, step, [value(step) + i for _ in objects for i in range(n)])
        s.expect("metric_ack", lambda a: a.seq == first_seq + len(steps) - 1)

    def series(self, kind, id_, query="", name="s0"):
        """{end of a row: value} of what is known."""
        reply = self.rest.get(f"/{kind}/{id_}/stats?series={name}{query}")
        values = reply["series"].get(name, {"values": []})["values"]
        first = reply["endTimestamp"] - (len(values) - 1) * reply["interval"]
        return {first + i * reply["interval"]: v for i, v in enumerate(values) if v is not None}

    def steps(self, kind, id_, name="s0"):
        return {at // STEP: v for at, v in self.series(kind, id_, "&start=-660", name).items()}

    def intake(self, agent):
        return self.rest.get(f"/hosts/{agent.id}/metrics")

    def files(self, pattern):
        return sorted((self.fleet.state / "metrics").glob(pattern))


class Archives(MetricsCase):
    def test_batches_are_acknowledged_and_shown(self):
        agent, now = self.agent(), step_now()
        s = agent.live()
        self.feed(s, [agent.id], range(now - 19, now + 1), lambda k: k - now)
        found = self.steps("hosts", agent.id, "s1")
        self.assertEqual({k: k - now + 1 for k in range(now - 19, now + 1)}, found)
        intake = self.intake(agent)
        self.assertEqual((3, 0, 20, 0, 0), tuple(intake[k] for k in (
            "series", "seriesDropped", "batchesTaken", "batchesTooOld", "batchesTooNew")))
        self.assertEqual(now * STEP * 1000, intake["lastTime"])

    def test_all_hosts_of_the_pool_at_once(self):
        agents = [self.agent(f"pooled-{i}") for i in range(2)]
        now = step_now()
        for i, agent in enumerate(agents):
            self.feed(agent.live(), [agent.id], [now], lambda k, i=i: i)
        pool = self.rest.get("/pools?fields=id")[0]["id"]
        reply = self.rest.get(f"/pools/{pool}/stats?series=s0")
        self.assertEqual({h["id"] for h in self.rest.get("/hosts?fields=id")}, set(reply))
        for i, agent in enumerate(agents):
            self.assertEqual([i], [v for v in reply[agent.id]["series"]["s0"]["values"]
                                   if v is not None])

    def test_an_sr_of_two_hosts_is_both_together(self):
        agents, now, sr = [self.agent(f"sharing-{i}") for i in range(2)], step_now(), self.new_id()
        m = messages().metrics
        for i, agent in enumerate(agents):
            s = agent.live(objects=[agent.sr(sr, "shared", type="nfs", shared=True)])
            s.send(metric_dictionary=m.MetricDictionary(generation=1, series=[
                m.MetricSeries(object_id=uuid.UUID(agent.id).bytes, name=f"{name}_{sr[:8]}",
                               kind=m.METRIC_KIND_RATE, unit="bytes/s") for name in ("read", "size")]))
            for seq in (1, 2):
                self.batch(s, seq, now - 2 + seq, [10.0 ** i * seq, 7.0])
            s.expect("metric_ack", lambda a: a.seq == 2)
        self.assertEqual({now - 1: 11, now: 22}, self.steps("srs", sr, "read"))
        self.assertEqual({now - 1: 7, now: 7}, self.steps("srs", sr, "size"))
        reply = self.rest.get(f"/srs/{sr}/stats")["stats"]
        self.assertEqual([11, 22], [v for v in reply["ioThroughput"]["r"] if v is not None])
        self.assertEqual(404, self.rest.request("GET", f"/srs/{self.new_id()}/stats")[0])

    def test_none_is_missing_after_a_crash(self):
        agent, now = self.agent(), step_now()
        s = agent.live()
        self.feed(s, [agent.id], range(now - 60, now - 30))
        for seq in range(31, 41):
            self.batch(s, seq, now - 60 + seq - 1, [1.0, 1.0, 1.0])
        self.crash()
        s, welcome = agent.connect()
        self.assertGreaterEqual(welcome.metric_seq, 30)
        steps = range(now - 60 + welcome.metric_seq, now + 1)
        self.feed(s, [agent.id], steps, first_seq=welcome.metric_seq + 1)
        self.assertEqual(set(range(now - 60, now + 1)), set(self.steps("hosts", agent.id)))
        self.assertIn("records=", self.fleet.aggregator.text())

    def test_a_cut_of_ten_minutes_leaves_no_hole(self):
        """All of it comes at once, the newest first as well as last; minutes follow."""
        agent, now = self.agent(), step_now()
        s = agent.live()
        steps = range(now - 119, now + 1)
        self.feed(s, [agent.id], steps, lambda k: 7)
        self.assertEqual(set(steps), set(self.steps("hosts", agent.id)))

        def minutes():
            found = self.series("hosts", agent.id, "&granularity=minutes")
            return found if len(found) >= 9 else None
        found = wait_until("the minutes of the cut", minutes)
        self.assertEqual({7}, set(found.values()))

    def test_twice_is_once_and_known_stays(self):
        agent, now = self.agent(), step_now()
        s = agent.live()
        s.send(metric_dictionary=self.dictionary([agent.id], n=1))
        for seq, step, value in ((1, now - 3, 1.0), (2, now - 2, 2.0), (2, now - 2, 9.0),
                                 (3, now - 3, 9.0), (4, now - 1, float("inf")),
                                 (5, now - 4, float("nan")), (6, now, 3.0)):
            self.batch(s, seq, step, [value])
        s.expect("metric_ack", lambda a: a.seq == 6)
        self.assertEqual({now - 3: 1, now - 2: 2, now: 3}, self.steps("hosts", agent.id))

    def test_times_that_cannot_be_are_refused_and_said(self):
        agent, now = self.agent(), step_now()
        s = agent.live()
        s.send(metric_dictionary=self.dictionary([agent.id], n=1))
        for seq, step in enumerate((now - 1000, 0, 2 ** 40, now + 100, now), 1):
            self.batch(s, seq, step, [1.0])
        s.expect("metric_ack", lambda a: a.seq == 5)
        intake = self.intake(agent)
        self.assertEqual((1, 1, 3), tuple(intake[k] for k in (
            "batchesTaken", "batchesTooOld", "batchesTooNew")))
        self.assertEqual({now: 1}, self.steps("hosts", agent.id))
        wait_until("the log says why",
                   lambda: "metrics of a host are refused" in self.fleet.aggregator.text())

    def test_too_many_series_are_dropped_and_said(self):
        agent, now = self.agent(), step_now()
        vms = [self.new_id() for _ in range(20)]
        s = agent.live()
        self.feed(s, vms, [now], lambda k: 0, n=2000)
        intake = self.intake(agent)
        self.assertEqual(32768, intake["series"])
        self.assertEqual(40000 - 32768, intake["seriesDropped"])
        self.assertEqual({now: 1999}, self.steps("vms", vms[0], "s1999"))
        self.assertIn("series of a host are not kept", self.fleet.aggregator.text())

    def test_a_million_series_are_more_than_a_message_may_be(self):
        """No agent of ours does that (agent/stats/metric.h). That stream ends, whose sender is told why;
        another host, and this one's next stream, go on."""
        flood, other, now = self.agent("flood"), self.agent("other"), step_now()
        s, calm = flood.live(), other.live()
        self.feed(calm, [other.id], [now - 1], lambda k: 4)
        s.send(metric_dictionary=self.dictionary([flood.id], n=1_000_000))
        code, details = s.ended()
        self.assertEqual((grpc.StatusCode.RESOURCE_EXHAUSTED, True),
                         (code, "larger than max" in details), details)
        wait_until("it is away", lambda: not self.rest.get(f"/hosts/{flood.id}")["connected"])
        self.batch(calm, 2, now, [5.0, 6.0, 7.0])
        calm.expect("metric_ack", lambda a: a.seq == 2)
        self.assertEqual({now - 1: 4, now: 5}, self.steps("hosts", other.id))
        flood.connect()
        wait_until("it is back", lambda: self.rest.get(f"/hosts/{flood.id}")["connected"])

    def test_history_goes_with_the_vm(self):
        """It moves from one host to another, which both reported it for a while, and is deleted."""
        a, b, vm, now = self.agent("a"), self.agent("b"), self.new_id(), step_now()
        first, second = a.live(a.vm(vm)), b.live()
        self.feed(first, [a.id, vm], range(now - 29, now - 9), lambda k: 1)
        second.send(delta=messages().Delta(seq=2, vms=[b.vm(vm)]))
        self.feed(second, [b.id, vm], range(now - 11, now + 1), lambda k: 2)
        want = {k: 1 if k < now - 9 else 2 for k in range(now - 29, now + 1)}
        self.assertEqual(want, self.steps("vms", vm))
        for agent, s in ((a, first), (b, second)):
            s.send(delta=messages().Delta(seq=2 if agent is a else 3,
                                          removed=[uuid.UUID(vm).bytes]))
        wait_until("it is gone", lambda: self.rest.request("GET", f"/vms/{vm}")[0] == 404)
        self.assertEqual(want, self.steps("vms", vm))
        self.crash()
        self.assertEqual(want, self.steps("vms", vm))
        self.assertEqual(404, self.rest.request("GET", f"/vms/{self.new_id()}/stats")[0])
        for id_, code, says in ((vm, 0, r"(?m)^s0 +\S+ "), (self.new_id(), 3, "^$")):
            done = subprocess.run(
                [BUILD / "aggregator/cli/muster", "vm", "stats", id_, "--url", self.fleet.url, "--ca",
                 self.fleet.state / "ca.crt"], capture_output=True, text=True, check=False,
                env={**os.environ, "MUSTER_TOKEN": self.rest.token})
            self.assertEqual(code, done.returncode, done.stderr)
            self.assertRegex(done.stdout, says)


class Rows(MetricsCase):
    """What a host has kept while nobody took it, sent later."""

    def begin(self, s, objects, n=1, generation=1):
        s.send(row_dictionary=self.dictionary(objects, generation, n))

    @staticmethod
    def row(s, seq, unit, row, values, steps=12, **changed):
        fields = {"seq": seq, "generation": 1, "seconds": unit,
                  "time_ms": row * unit * 1000, "average": values}
        if unit == 60:
            fields.update(min=[v - 1 for v in values], max=[v + 1 for v in values],
                          known=bytes([steps] * len(values)))
        s.send(metric_row=messages().metrics.MetricRow(**{**fields, **changed}))

    def minutes(self, kind, id_, name="s0"):
        """Those that are over for long: what is fed beside becomes minutes when it does."""
        found = self.series(kind, id_, "&granularity=minutes", name)
        return {at // 60: v for at, v in found.items() if at < time.time() - 500}

    def rows(self, agent):
        intake = self.intake(agent)
        return intake["rowsTaken"], intake["rowsRefused"]

    def test_the_aggregator_says_what_it_has(self):
        agent, now = self.agent(), step_now()
        s, welcome = agent.connect()
        self.assertEqual(bytes(120), welcome.metric_have.minutes)
        self.assertEqual(bytes(129), welcome.metric_have.steps)
        s.send(snapshot=agent.snapshot())
        self.feed(s, [agent.id], range(now - 59, now - 29))
        have = agent.connect()[1].metric_have
        steps = {have.last_step - 128 + i for i, n in enumerate(have.steps) if n}
        self.assertEqual(set(range(now - 59, now - 29)), steps)

        def whole():
            have = agent.connect()[1].metric_have
            found = {have.last_minute - 119 + i: n for i, n in enumerate(have.minutes) if n}
            return found if sum(found.values()) == 30 else None
        found = wait_until("the minutes are made", whole)
        self.assertEqual(12, max(found.values()))

    def test_an_hour_and_more_is_taken_and_kept(self):
        agent, now = self.agent(), int(time.time()) // 60
        vm = self.new_id()
        s = agent.live()
        self.begin(s, [agent.id, vm])
        want = {}
        for seq, minute in enumerate(range(now - 110, now - 10), 1):
            self.row(s, seq, 60, minute, [float(seq), seq + 0.5])
            self.assertEqual(seq, s.expect("row_ack").seq)
            want[minute] = seq
            if seq == 50:  # what is new goes on beside it
                self.feed(s, [agent.id], [step_now()])
        self.assertEqual(want, self.minutes("hosts", agent.id))
        self.assertEqual({m: v + 0.5 for m, v in want.items()}, self.minutes("vms", vm))
        low = self.rest.get(f"/vms/{vm}/stats?granularity=minutes&series=s0&cf=MIN")
        self.assertIn(0.5, low["series"]["s0"]["values"])
        self.assertEqual((100, 0), self.rows(agent))
        self.crash()
        self.assertEqual(want, self.minutes("hosts", agent.id))
        # Twice, and less than what is known: nothing changes.
        s, welcome = agent.connect()
        have = {welcome.metric_have.last_minute - 119 + i: n
                for i, n in enumerate(welcome.metric_have.minutes) if n}
        self.assertEqual(set(want), set(have) & set(want))
        self.assertEqual({12}, {have[m] for m in want})
        self.begin(s, [agent.id, vm])
        self.row(s, 200, 60, now - 110, [99.0, 99.0])
        self.row(s, 201, 60, now - 109, [99.0, 99.0], steps=3)
        s.expect("row_ack", lambda a: a.seq == 201)
        self.assertEqual(want, self.minutes("hosts", agent.id))

    def test_steps(self):
        agent, now = self.agent(), step_now()
        s = agent.live()
        self.feed(s, [agent.id], [now], lambda k: 7, n=1)
        self.begin(s, [agent.id])
        for seq, step in enumerate(range(now - 60, now + 1), 1):
            self.row(s, seq, 5, step, [float(seq)])
        s.expect("row_ack", lambda a: a.seq == 61)
        want = {now - 61 + seq: seq for seq in range(1, 61)}
        self.assertEqual({**want, now: 7}, self.steps("hosts", agent.id))
        self.crash()
        self.assertEqual({**want, now: 7}, self.steps("hosts", agent.id))
        self.assertEqual(1, agent.connect()[1].metric_seq, "rows have no numbers of batches")

    def test_what_is_too_old_is_refused_and_counted(self):
        agent, now = self.agent(), int(time.time()) // 60
        s = agent.live()
        self.begin(s, [agent.id])
        for seq, minute in enumerate((now - 130, now + 3, 0, now - 60), 1):
            self.row(s, seq, 60, minute, [1.0])
            self.assertEqual(seq, s.expect("row_ack").seq)
        self.assertEqual((1, 3), self.rows(agent))
        self.assertEqual({now - 60: 1}, self.minutes("hosts", agent.id))

    def test_fewer_values_than_series(self):
        agent, now = self.agent(), int(time.time()) // 60
        s = agent.live()
        self.begin(s, [agent.id], n=3)
        self.row(s, 1, 60, now - 60, [1.0])
        self.row(s, 2, 5, step_now() - 1, [2.0])
        s.expect("row_ack", lambda a: a.seq == 2)
        self.assertEqual({now - 60: 1}, self.minutes("hosts", agent.id))
        self.assertEqual({}, self.minutes("hosts", agent.id, "s1"))

    def test_a_vm_that_has_moved_stays_where_it_is(self):
        a, b, vm, now = self.agent("a"), self.agent("b"), self.new_id(), step_now()
        first, second = a.live(), b.live(b.vm(vm))
        self.feed(second, [b.id, vm], [now])
        self.begin(first, [a.id, vm])
        minute = int(time.time()) // 60 - 60
        self.row(first, 1, 60, minute, [1.0, 2.0])
        first.expect("row_ack")
        self.assertEqual({minute: 2}, self.minutes("vms", vm))
        self.assertEqual((1, 6), (self.intake(a)["series"], self.intake(b)["series"]))

    def test_rows_that_make_no_sense_end_the_stream(self):
        minute = int(time.time()) // 60 - 60
        bad = ({"generation": 2}, {"average": [1.0, 2.0], "min": [1.0, 2.0], "max": [1.0, 2.0],
                                   "known": b"12"},
               {"seconds": 7}, {"known": b""}, {"min": []}, {"max": [1.0, 2.0]}, {"seconds": 5})
        for changed in bad:
            with self.subTest(changed):
                agent = self.agent()
                s = agent.live()
                self.begin(s, [agent.id])
                self.row(s, 1, 60, minute, [1.0], **changed)
                code, details = s.ended()
                self.assertEqual("INVALID_ARGUMENT", code.name)
                self.assertIn("metric_row", details)
                # Nothing else is lost by it.
                s, _ = agent.connect()
                self.begin(s, [agent.id])
                self.row(s, 1, 60, minute, [1.0])
                s.expect("row_ack")


class Restart(MetricsCase):
    def test_minutes_hours_and_days(self):
        """What is in the files is shown again: a shard file is filled by hand, as the page says."""
        agent, now = self.agent(), step_now()
        s = agent.live()
        self.feed(s, [agent.id], range(now - 59, now + 1), lambda k: 5, n=1)
        path = wait_until("the minutes are in the file", lambda: next(
            (f for f in self.files("shard-*.arc") if b"MIN1" in f.read_bytes()), None))
        self.fleet.aggregator.stop()
        hour = int(time.time()) // 3600
        with open(path, "r+b") as f:
            for level, at, size, rows, row in ((2, 1542016, 456, 168, hour - 30),
                                               (3, 3993472, 392, 366, hour // 24 - 40)):
                known = struct.pack("<32H", *[720] * 32) if level == 2 else b""
                payload = struct.pack("<96f", *[level] * 32, *[level - 1] * 32,
                                      *[level + 1] * 32) + known
                number = struct.pack("<I", row)
                crc = crc32c(struct.pack("<II", 0, level) + number + payload)
                f.seek(at + row % rows * size)
                f.write(number + struct.pack("<I", crc) + payload)
        self.fleet.restart_aggregator()
        minutes = self.series("hosts", agent.id, "&granularity=minutes")
        self.assertEqual({5}, set(minutes.values()))
        # The series is younger than those rows: they are not its own.
        self.assertEqual({}, self.series("hosts", agent.id, "&granularity=days"))
        reply = self.rest.get(f"/hosts/{agent.id}/stats?granularity=days&series=*")
        self.assertEqual(366, len(reply["series"]["s0"]["values"]))
        self.assertEqual(86400, reply["interval"])

    def test_files_that_are_not_ours(self):
        agent, now = self.agent(), step_now()
        s = agent.live()
        self.feed(s, [agent.id], range(now - 29, now + 1), lambda k: 5, n=1)
        wait_until("there is a file", lambda: self.files("shard-*.arc"))
        self.fleet.aggregator.stop()
        shard, journal = self.files("shard-*.arc")[0], self.files("journal-*.log")[-1]
        for path in (shard, journal):
            with open(path, "r+b") as f:
                f.seek(9)
                f.write(b"another pool")
        self.fleet.restart_aggregator()
        self.assertTrue(self.files("shard-*.arc.damaged-1"))
        self.assertTrue(self.files("journal-*.log.damaged-1"))
        self.assertEqual(2, self.fleet.aggregator.text().count("set aside"))
        s, _ = agent.connect()
        self.feed(s, [agent.id], range(now - 5, now + 1), lambda k: 6, n=1)
        self.assertEqual({6}, set(self.steps("hosts", agent.id).values()))

    def test_torn_and_damaged_journal_and_truncated_shard(self):
        agent, now = self.agent(), step_now()
        s = agent.live()
        self.feed(s, [agent.id], range(now - 29, now - 9), lambda k: 5, n=1)
        wait_until("there is a file", lambda: self.files("shard-*.arc"))
        self.fleet.aggregator.kill()
        journal, shard = self.files("journal-*.log")[-1], self.files("shard-*.arc")[0]
        with open(journal, "r+b") as f:
            f.seek(32 + 64 + 4)
            f.write(b"\xff")  # in the first record
            f.truncate(journal.stat().st_size - 3)
        with open(shard, "r+b") as f:
            f.truncate(100000)
        self.fleet.restart_aggregator()
        found = self.steps("hosts", agent.id)
        self.assertEqual(set(range(now - 28, now - 10)), set(found))
        self.assertIn("damaged=1 torn=1", self.fleet.aggregator.text())
        self.assertEqual(8584576, shard.stat().st_size)


class Together(MetricsCase):
    """Several steps in a message."""

    @staticmethod
    def message(first_seq, steps, n=3):
        """The values of batch k are k, k + 1, ..."""
        return [{"seq": seq, "time_ms": step * STEP * 1000,
                 "value": [seq + i for i in range(n)]}
                for seq, step in enumerate(steps, first_seq)]

    def test_all_are_there_and_acknowledged_once(self):
        agent, now = self.agent(), step_now()
        s = agent.live()
        s.send(metric_dictionary=self.dictionary([agent.id]))
        s.send_batches(*self.message(1, range(now - 40, now - 8)))
        self.assertEqual(32, s.expect("metric_ack").seq)
        want = {now - 41 + seq: seq for seq in range(1, 33)}
        self.assertEqual(want, self.steps("hosts", agent.id))
        # Another stream sends some of it again, and more.
        s, welcome = agent.connect()
        self.assertEqual(32, welcome.metric_seq)
        s.send(metric_dictionary=self.dictionary([agent.id]))
        s.send_batches(*self.message(31, range(now - 10, now - 6)))
        self.assertEqual(34, s.expect("metric_ack").seq)
        self.assertEqual([], [m for m in s.pending() if m.WhichOneof("kind") == "metric_ack"])
        want.update({now - 8: 33, now - 7: 34})
        self.crash()
        self.assertEqual(want, self.steps("hosts", agent.id))
        self.assertEqual(34, agent.connect()[1].metric_seq)

    def test_one_that_is_too_old_stands_in_nobodys_way(self):
        agent, now = self.agent(), step_now()
        s = agent.live()
        s.send(metric_dictionary=self.dictionary([agent.id]))
        s.send_batches(*self.message(1, (now - 1, now - 200, now)))
        self.assertEqual(3, s.expect("metric_ack").seq)
        self.assertEqual({now - 1: 1, now: 3}, self.steps("hosts", agent.id))
        intake = self.intake(agent)
        self.assertEqual((2, 1), (intake["batchesTaken"], intake["batchesTooOld"]))

    def test_what_makes_no_sense_ends_the_stream(self):
        now, n = step_now(), 16384 // 4
        one = self.message(1, [now - 1])
        for batches, words in (
                ([], "0 batches, 1 to 32"),
                (self.message(1, range(now - 32, now + 1)), "33 batches, 1 to 32"),
                (self.message(1, range(now - 4, now + 1), n=n), "20480 values and counters"),
                (one + one, "metric_batch 1: it came behind 1"),
                (one + self.message(2, [now], n=n + 1), "metric_batch 2: 4097 values")):
            with self.subTest(words):
                agent = self.agent()
                s = agent.live()
                s.send(metric_dictionary=self.dictionary([agent.id], n=n))
                s.send_batches(*batches)
                code, details = s.ended()
                self.assertEqual("INVALID_ARGUMENT", code.name)
                self.assertIn(words, details)
                # Nothing of it was taken. As many as there may be are.
                s, welcome = agent.connect()
                self.assertEqual(0, welcome.metric_seq)
                s.send(metric_dictionary=self.dictionary([agent.id], n=n))
                s.send_batches(*self.message(1, range(now - 3, now + 1), n=n))
                self.assertEqual(4, s.expect("metric_ack").seq)


class Acknowledging(MetricsCase):
    def journalled(self):
        return sum(p.stat().st_size for p in self.fleet.state.glob("metrics/journal-*.log"))

    def test_is_for_those_that_ask(self):
        agent, now = self.agent(), step_now()
        s = agent.live()
        s.send(metric_dictionary=self.dictionary([agent.id]))

        def send(seq, later):
            s.send_batches({"seq": seq, "time_ms": (now - 20 + seq) * STEP * 1000,
                            "value": [1.0, 2.0, 3.0]}, ack_later=later)

        send(1, True)
        send(2, True)
        # 64 bytes, and 12 for where they are, and the values
        wait_until("they are on the disk", lambda: self.journalled() >= 32 + 2 * 88)
        send(3, False)
        self.assertEqual(3, s.expect("metric_ack").seq)
        # Of several at once the last that asks; what does not is acknowledged along with others.
        for seq in range(4, 10):
            send(seq, seq % 2 == 1)
        s.expect("metric_ack", lambda a: a.seq >= 8)


class FullDisk(MetricsCase):
    def limit(self, size):
        pid = self.fleet.aggregator.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))

    def test_goes_on_from_memory_and_heals(self):
        agent, now = self.agent(), step_now()
        s = agent.live()
        # The journal is longer than what the log may still grow to.
        self.feed(s, [agent.id], range(now - 69, now - 9), lambda k: 1)
        self.limit(4096)
        self.addCleanup(self.limit, resource.RLIM_INFINITY)
        for seq in range(61, 71):
            self.batch(s, seq, now - 70 + seq, [1.0, 2.0, 3.0])
        wait_until("it is shown", lambda: len(self.steps("hosts", agent.id)) == 70)
        wait_until("the log says so",
                   lambda: "storing metrics fails" in self.fleet.aggregator.text())
        self.assertEqual([], [m for m in s.pending() if m.WhichOneof("kind") == "metric_ack"
                              and m.metric_ack.seq > 60])
        pool = self.rest.get("/pools?fields=id,trouble")[0]
        self.assertRegex(pool["trouble"], "storing .*fails: .*File too large")
        alarms = f"/pools/{pool['id']}/alarms?fields=*"
        alarm = wait_until("an alarm of the pool", lambda: self.rest.get(alarms))[0]
        self.assertEqual(("pool", pool["id"], "Storing fails", "critical"),
                         (alarm["object"]["type"], alarm["object"]["uuid"], alarm["body"]["name"], alarm["level"]))
        self.limit(resource.RLIM_INFINITY)
        s.expect("metric_ack", lambda a: a.seq == 70)
        wait_until("the log says so",
                   lambda: "storing metrics works again" in self.fleet.aggregator.text())
        wait_until("the alarm is over", lambda: not self.rest.get(alarms))
        self.assertNotIn("trouble", self.rest.get(f"/pools/{pool['id']}"))
        self.crash()
        self.assertEqual(70, len(self.steps("hosts", agent.id)))


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


if __name__ == "__main__":
    unittest.main()
