# SPDX-License-Identifier: Apache-2.0
"""What an aggregator whose power goes must know afterwards.

A fake agent reports samples and a VM's name, one step after the other, each when the one before has been acknowledged,
as an agent does. So at a cut one step is under way at most. What is served afterwards is compared with all that was
sent.
"""

import uuid

from tests.support.fake_agent import FakeAgent, messages
from tests.support.rest import wait_until

STEP_S = 5
KEPT = 118  # steps that are certainly still in memory when we look
STEPS_MAX = 110  # of a round, all of them of the last ten minutes


class Feed:
    """A fake agent of the TestCase `case`: what it has sent, and what was acknowledged. `fleet` is a Fleet, or what is
    like one; `now` is its clock."""

    def __init__(self, case, fleet, now):
        self.case, self.fleet, self.now = case, fleet, now
        self.agent = FakeAgent(fleet, "powered").enrol()
        case.addCleanup(self.agent.close)
        self.stream = self.vm = None
        self.generation = self.first = 0
        self.sent = {}  # number of a batch: (VM, step)
        self.acked = 0  # of these
        self.names = {}  # number of a state: (VM, name)

    def step_now(self):
        return int(self.now()) // STEP_S

    def begin(self):
        """The first stream, or after a start: what is there is looked at, then it goes on with a new VM."""
        if self.agent.seq == 0:
            self.stream = self.agent.live()
        else:
            self.resume()
        self.vm = str(uuid.uuid4())
        self.rename("n0")
        self.agent.wait_acked(self.stream)
        self.dictionary(self.vm)
        self.first = self.step_now() - STEPS_MAX - len(self.sent)

    def dictionary(self, vm):
        m = messages().metrics
        self.generation += 1
        self.stream.send(metric_dictionary=m.MetricDictionary(generation=self.generation, series=[
            m.MetricSeries(object_id=uuid.UUID(vm).bytes, name=name, kind=m.METRIC_KIND_GAUGE, unit="bytes")
            for name in ("number", "seven")]))

    def batch(self, number):
        self.stream.send_batches({"seq": number, "time_ms": self.sent[number][1] * STEP_S * 1000,
                                  "value": [number, 7.0]}, generation=self.generation)

    def rename(self, name):
        self.agent.delta(self.stream, self.agent.vm(self.vm, name))
        self.names[self.agent.seq] = (self.vm, name)

    def take_acks(self):
        for message in self.stream.pending():
            kind = message.WhichOneof("kind")
            if kind == "metric_ack":
                self.acked = max(self.acked, message.metric_ack.seq)
            elif kind == "state_ack":
                self.agent.acked = max(self.agent.acked, message.state_ack.seq)

    def send(self):
        """The next step."""
        number = len(self.sent) + 1
        self.sent[number] = (self.vm, self.first + number)
        self.batch(number)
        self.rename(f"n{number}")

    def all_acked(self):
        self.take_acks()
        return self.acked == len(self.sent) and self.agent.acked == self.agent.seq

    def send_until(self, ended, between=lambda: None):
        """A step after the other, until the power is gone; between() is called while one is under way."""
        for _ in range(STEPS_MAX):
            self.send()
            between()
            wait_until("the step to be acknowledged, or the cut", lambda: self.all_acked() or ended(), step=0.02)
            if ended():
                return
        raise AssertionError("the power did not go")

    def ended(self):
        """The aggregator is dead: what it has still said counts."""
        wait_until("the stream to end", lambda: (self.take_acks(), self.stream.is_over())[1])

    # -- after the start

    def rows(self, vm, series, query=""):
        reply = self.fleet.rest.get(f"/vms/{vm}/stats?series={series}&start=-660{query}")
        values = reply["series"].get(series, {"values": []})["values"]
        first = reply["endTimestamp"] // reply["interval"] - len(values) + 1
        return {first + i: v for i, v in enumerate(values) if v is not None}

    def resume(self):
        agent = self.agent
        self.stream, welcome = agent.connect()
        self.case.assertTrue(welcome.resume, f"{agent.acked} was acknowledged: {welcome}")
        self.case.assertGreaterEqual(welcome.resume_seq, agent.acked, "a state that was acknowledged")
        self.case.assertIn(welcome.metric_seq, (self.acked, len(self.sent)), "samples that were acknowledged")
        self.state_is(welcome.resume_seq)
        self.rows_are(welcome.metric_seq)
        agent.seq = agent.acked = welcome.resume_seq
        self.names = {seq: name for seq, name in self.names.items() if seq <= agent.seq}
        # The agent still has the one that is missing.
        if welcome.metric_seq < len(self.sent):
            self.dictionary(self.vm)
            self.batch(len(self.sent))
        self.acked = welcome.metric_seq
        wait_until("the step that was under way", lambda: (self.take_acks(), self.acked == len(self.sent))[1])
        self.rows_are(len(self.sent))

    def state_is(self, seq):
        """The inventory is that of this number."""
        names = {}
        for number in sorted(self.names):
            if number <= seq:
                names[self.names[number][0]] = self.names[number][1]
        shown = {vm: v["name_label"] for vm, v in self.fleet.rest.vms("id,name_label").items()}
        self.case.assertEqual(names, shown)

    def rows_are(self, newest):
        """Of the last VMs: every row up to that number as it was sent, and no other."""
        since = self.step_now() - KEPT
        for vm in list(dict.fromkeys(vm for vm, _ in self.sent.values()))[-3:]:
            want = {step: n for n, (of, step) in self.sent.items() if of == vm and n <= newest and step > since}
            found = {step: n for step, n in self.rows(vm, "number").items() if step > since}
            self.case.assertEqual(want, found)
            self.case.assertLessEqual(set(self.rows(vm, "seven").values()), {7})
            minutes = self.fleet.rest.get(f"/vms/{vm}/stats?series=seven&granularity=minutes")
            values = minutes["series"].get("seven", {"values": []})["values"]
            self.case.assertLessEqual({v for v in values if v is not None}, {7})
