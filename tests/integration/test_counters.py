# SPDX-License-Identifier: Apache-2.0
"""Counters: what agents add up beside their rates, on the pages for Prometheus."""

import json
import re
import shutil
import subprocess
import time
import unittest
import uuid

import grpc

from tests.integration.test_prometheus import PageCase, STEP
from tests.support.fake_agent import messages
from tests.support.prometheus import Prometheus, promtool
from tests.support.rest import wait_until

UNKNOWN = -2**63
SINCE = 1790000000
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
# Of the VM: name, kind, unit, counter?
SERIES = (("memory", "GAUGE", "bytes", False), ("vif_0_rx", "RATE", "bytes/s", True),
          ("vif_aggr_rx", "RATE", "bytes/s", False), ("cpu_usage", "RATE", "ratio", True))


class Counting:
    """An agent with one VM, of which vif_0_rx and cpu_usage are counted."""

    def __init__(self, case, name="counting", agent=None, vm=None):
        self.agent = agent or case.agent(name)
        self.vm = vm or case.new_id()
        self.stream = self.agent.live(self.agent.vm(self.vm))
        self.seq = self.generation = 0
        self.labels = f'{{vm_uuid="{self.vm}",vif="0"}}'
        self.received = f"muster_vm_network_receive_bytes_total{self.labels}"
        self.created = f"muster_vm_network_receive_bytes_created{self.labels}"
        self.rate = f"muster_vm_network_receive_bytes_per_second{self.labels}"
        self.cpu = f'muster_vm_cpu_seconds_total{{vm_uuid="{self.vm}"}}'

    def dictionary(self, since=SINCE):
        m = messages().metrics
        self.generation += 1
        self.stream.send(metric_dictionary=m.MetricDictionary(
            generation=self.generation, series=[
                m.MetricSeries(object_id=uuid.UUID(self.vm).bytes, name=name, unit=unit,
                               kind=m.MetricKind.Value("METRIC_KIND_" + kind),
                               counted_since_ms=since * 1000 if counted else 0)
                for name, kind, unit, counted in SERIES]))
        return self

    def batch(self, counted, base=False, values=(1, 2, 2, 0.5), seq=None):
        self.seq = seq or self.seq + 1
        self.stream.send_batches(
            {"seq": self.seq, "value": values, "counted": counted, "counted_base": base,
             "time_ms": int(time.time()) // STEP * STEP * 1000}, generation=self.generation)
        return self

    def together(self, *counted, seq=None):
        """Several in one message, the first a base, of the steps up to now."""
        first, now = seq or self.seq + 1, int(time.time()) // STEP
        self.seq = first + len(counted) - 1
        self.stream.send_batches(
            *({"seq": first + i, "value": (1, 2, 2, 0.5), "counted": c, "counted_base": i == 0,
               "time_ms": (now - len(counted) + 1 + i) * STEP * 1000}
              for i, c in enumerate(counted)), generation=self.generation)
        return self

    def taken(self):
        self.stream.expect("metric_ack", lambda a: a.seq >= self.seq)
        return self

    def reconnect(self):
        self.stream.close()
        self.stream, welcome = self.agent.connect()
        assert welcome.metric_seq == self.seq, (welcome.metric_seq, self.seq)


class Pages(PageCase):
    def page_of(self, host, accept=None):
        lines = self.text(f"/metrics/hosts/{host.agent.id}", accept).splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

    def check(self, host, received, cpu):
        """The numbers as text: all digits are there. None: it is absent."""
        found = self.page_of(host)
        self.assertEqual((received, cpu), (found.get(host.received), found.get(host.cpu)))

    def test_bases_and_what_is_added(self):
        host = Counting(self).dictionary().batch([2**53 + 1, 1_500_000_000], base=True).taken()
        self.check(host, "9007199254740993", "1.5")
        host.batch([10, 1]).taken()
        self.check(host, "9007199254741003", "1.500000001")
        host.batch([0, UNKNOWN], base=True).taken()
        self.check(host, "0", None)
        host.batch([5, 7]).taken()
        self.check(host, "5", None)
        host.batch([1, 1], base=True, seq=host.seq + 9).taken()
        self.check(host, "1", "0.000000001")
        self.assertFalse([name for name in self.page_of(host) if "aggr" in name])

    def test_formats(self):
        host = Counting(self).dictionary().batch([7, 8], base=True).taken()
        path = f"/metrics/hosts/{host.agent.id}"
        text = self.text(path)
        self.assertIn("# TYPE muster_vm_network_receive_bytes_total counter\n", text)
        self.assertNotIn("_created", text)
        text = self.text(path, OPENMETRICS)
        self.assertIn("# TYPE muster_vm_network_receive_bytes counter\n"
                      "# UNIT muster_vm_network_receive_bytes bytes\n"
                      f"{host.received} 7\n{host.created} {SINCE}\n", text)
        for compat in ("xen-exporter", "xo"):
            self.assertNotIn("_total", self.text(f"{path}?compat={compat}"))

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed (deploy/packages.sh)")
    def test_promtool_is_content(self):
        host = Counting(self).dictionary().batch([7, 8], base=True).taken()
        self.assertEqual("", promtool(self.text(f"/metrics/hosts/{host.agent.id}")))

    def test_a_vm_that_was_started_anew(self):
        """Its new counter has run past the old one: only its beginning tells."""
        host = Counting(self).dictionary().batch([1000, 0], base=True).taken()
        host.dictionary(since=SINCE + 60).batch([5000, 0], base=True).taken()
        found = self.page_of(host, OPENMETRICS)
        self.assertEqual(("5000", str(SINCE + 60)), (found[host.received], found[host.created]))

    def test_a_vm_that_moves(self):
        """Counters are those of the host that told of it last."""
        here = Counting(self, "here").dictionary().batch([1000, 0], base=True).taken()
        there = Counting(self, "there", vm=here.vm).dictionary(since=SINCE + 60)
        there.batch([7, 0], base=True).taken()
        found = {**self.page_of(here), **self.page_of(there)}
        self.assertEqual("7", found[here.received])

    def test_an_agent_that_comes_back(self):
        host = Counting(self).dictionary().batch([100, 0], base=True).taken()
        host.reconnect()
        host.dictionary().batch([150, 0], base=True).batch([7, 0]).taken()
        self.check(host, "157", "0")

    def test_the_aggregator_comes_back(self):
        """Until the next base nobody knows: absent, not 0."""
        host = Counting(self).dictionary().batch([100, 0], base=True).taken()
        self.crash()
        wait_until("the VM is known", lambda: self.rest.get(f"/hosts/{host.agent.id}"))
        self.check(host, None, None)
        host.reconnect()
        host.dictionary().batch([120, 5], base=True).taken()
        self.check(host, "120", "0.000000005")

    def test_what_was_kept_on_the_host_moves_nothing(self):
        host = Counting(self).dictionary().batch([100, 0], base=True).taken()
        m = messages().metrics
        host.stream.send(row_dictionary=m.MetricDictionary(generation=9, series=[
            m.MetricSeries(object_id=uuid.UUID(host.vm).bytes, name="vif_0_rx", unit="bytes/s",
                           kind=m.METRIC_KIND_RATE, counted_since_ms=1)]))
        host.stream.send(metric_row=m.MetricRow(
            seq=1, generation=9, seconds=5, average=[7.0],
            time_ms=(int(time.time()) // STEP - 6) * STEP * 1000))
        host.stream.expect("row_ack", lambda a: a.seq == 1)
        host.batch([1, 1]).taken()
        self.check(host, "101", "0.000000001")

    def test_batches_that_are_refused_are_counted(self):
        """A clock that is wrong for a moment: what was added then is not lost."""
        host = Counting(self).dictionary().batch([100, 0], base=True).taken()
        host.seq += 1
        host.stream.send_batches({"seq": host.seq, "counted": [10, 0], "time_ms": 5000},
                                 generation=host.generation)
        host.batch([1, 0]).taken()
        self.check(host, "111", "0")

    def test_several_in_a_message(self):
        """Each counts from the one in front of it; on another stream also those that are here."""
        host = Counting(self).dictionary().together([100, 0], [5, 1], [6, 0]).taken()
        self.check(host, "111", "0.000000001")
        host.batch([1, 0]).taken()
        self.check(host, "112", "0.000000001")
        host.reconnect()
        host.dictionary().together([105, 1], [6, 0], [1, 0], [8, 0], seq=2).taken()
        self.check(host, "120", "0.000000001")


class BadInput(PageCase):
    def ends(self, send, *words):
        host = Counting(self, "bad").dictionary()
        send(host)
        code, details = host.stream.ended()
        self.assertEqual(grpc.StatusCode.INVALID_ARGUMENT, code, details)
        for word in words:
            self.assertIn(word, details)

    def test_nothing_to_count_from(self):
        self.ends(lambda h: h.batch([1, 1]), "metric_batch 1", "counts from the one before")

    def test_a_gap(self):
        self.ends(lambda h: h.batch([1, 1], base=True).batch([1, 1], seq=3), "metric_batch 3",
                  "counts from the one before")

    def test_another_dictionary(self):
        self.ends(lambda h: h.batch([1, 1], base=True).dictionary().batch([1, 1]),
                  "metric_batch 2", "counts from the one before")

    def test_too_few_and_too_many(self):
        self.ends(lambda h: h.batch([1], base=True), "1 counters, the dictionary has 2")
        self.ends(lambda h: h.batch([1] * 100000, base=True), "100000 counters")

    def test_one_that_falls(self):
        self.ends(lambda h: h.batch([1, 1], base=True).batch([1, -1]), "counted[1] is -1")
        self.ends(lambda h: h.batch([1, 1], base=True).batch([UNKNOWN, 1]), "counted[0] is -9")
        self.ends(lambda h: h.batch([-5, 1], base=True), "counted[0] is -5")

    def test_in_the_middle_of_a_message(self):
        """Nothing of it is taken."""
        host = Counting(self, "bad").dictionary().together([100, 0], [5, -1], [6, 0])
        self.assertIn("counted[1] is -1", host.stream.ended()[1])
        host.seq = 0
        host.reconnect()
        host.dictionary().together([100, 0], [6], [6, 0])
        self.assertIn("metric_batch 2: 1 counters", host.stream.ended()[1])
        host.seq = 0
        host.reconnect()
        host.dictionary().batch([7, 0], base=True).taken()

    def test_one_that_runs_over(self):
        host = Counting(self, "over").dictionary()
        host.batch([2**63 - 1, 1], base=True).batch([2**63 - 1, 2**63 - 1]).batch([1, 1]).taken()
        found = self.samples(f"/metrics/hosts/{host.agent.id}")
        self.assertEqual((None, None), (found.get(host.received), found.get(host.cpu)))
        self.assertIn(host.rate, found)

    def test_a_series_twice_and_times_that_make_no_sense(self):
        host = Counting(self, "twice")
        m = messages().metrics
        vm = uuid.UUID(host.vm).bytes
        host.stream.send(metric_dictionary=m.MetricDictionary(generation=1, series=[
            m.MetricSeries(object_id=vm, name="vif_0_rx", unit="bytes/s", counted_since_ms=1),
            m.MetricSeries(object_id=vm, name="vif_0_rx", unit="bytes/s", counted_since_ms=2**64 - 1),
            m.MetricSeries(object_id=b"x", name="vif_0_rx", unit="bytes/s", counted_since_ms=5)]))
        host.generation = 1
        host.batch([1, 2, 3], base=True, values=[1.0]).taken()
        self.assertEqual(2, self.samples(f"/metrics/hosts/{host.agent.id}")[host.received])


class Rates(PageCase):
    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed (deploy/packages.sh)")
    def test_prometheus_makes_the_rates_that_we_make(self):
        """What a scrape finds after each step, given to Prometheus' own rate() with the steps' times."""
        host = Counting(self).dictionary()
        added = [5 * n for n in (1000, 1300, 700, 0, 0, 12345, 2000, 2000, 1999, 2001, 900, 1100, 1500)]
        counters, rates = [], []
        for i, more in enumerate(added):
            host.batch([more, 0], base=i == 0, values=(1, more / STEP, 0, 0)).taken()
            counters.append(self.samples(f"/metrics/hosts/{host.agent.id}")[host.received])
            rates.append(more / STEP)
        self.assertEqual([sum(added[:i + 1]) for i in range(len(added))], counters)
        ours = sum(rates[1:]) / len(rates[1:])
        low, high = self.evaluated(host.received, counters, ours)
        self.assertTrue(low and high, "rate() is within 2 % of ours")
        self.assertFalse(self.evaluated(host.received, counters, ours * 1.05)[0], "it can fail")

    def evaluated(self, series, counters, ours):
        """Is Prometheus' rate over all of it more than 98 %, less than 102 % of ours?"""
        at = f"{(len(counters) - 1) * STEP}s"
        window = f"{(len(counters) - 1) * STEP}s"
        answers = []
        for comparison in (f"> {ours * 0.98}", f"< {ours * 1.02}"):
            rules = {"evaluation_interval": "5s", "tests": [{
                "interval": f"{STEP}s",
                "input_series": [{"series": series, "values": " ".join(map(str, counters))}],
                "promql_expr_test": [{
                    "expr": f"count(rate({series}[{window}]) {comparison})", "eval_time": at,
                    "exp_samples": [{"value": 1}]}]}]}
            path = self.fleet.folder / "rules.json"  # JSON is YAML
            path.write_text(json.dumps(rules))
            done = subprocess.run(["promtool", "test", "rules", path], capture_output=True,
                                  text=True, check=False)
            self.assertIn("SUCCESS" if done.returncode == 0 else "got:", done.stdout + done.stderr)
            answers.append(done.returncode == 0)
        return answers

    def test_an_agent(self):
        """A real one, on the simulated driver: between two of its steps all counters have grown by
        their rates times the same span of time."""
        agent = self.fleet.add_agent("real", "--sim-foreign", "2")
        path = f"/metrics/hosts/{agent.host_id}"
        wait_until("it is connected", lambda: self.rest.get(f"/hosts/{agent.host_id}")["connected"])
        seen = []

        def spans():
            found = self.samples(path)
            if not seen or found != seen[-1]:
                seen.append(found)
            return self.spans_of(seen[-2], found) if len(seen) > 1 else None
        found = wait_until("two steps, one after the other", lambda: self.agreeing(spans()))
        self.assertGreater(len(found), 4)
        text = self.text(path, OPENMETRICS)
        created = [int(v) for v in re.findall(r"_created\{.*\} (\d+)\n", text)]
        self.assertEqual(len(re.findall(r"_total\{", text)), len(created))
        self.assertTrue(all(0 < at <= time.time() for at in created))

    @staticmethod
    def spans_of(before, now):
        """Seconds, as each counter that has grown says, by its rate."""
        found = []
        for name, value in now.items():
            rate = now.get(name.replace("_total{", "_per_second{"))
            grown = value - before.get(name, value)
            if "_total{" in name and rate and grown > 0:
                found.append(grown / rate)
        return found

    @staticmethod
    def agreeing(spans):
        return spans if spans and max(spans) / min(spans) < 1.02 and min(spans) > 1 else None


@unittest.skipUnless(shutil.which("prometheus"), "Prometheus is not installed (deploy/packages.sh)")
class Scraped(PageCase):
    JOBS = """
  - job_name: hosts{auth}
    http_sd_configs:
      - url: {url}/metrics/http_sd{sd_auth}
        refresh_interval: 5s
"""

    def test_it_knows_them_as_counters(self):
        host = Counting(self).dictionary().batch([2**40 + 1, 0], base=True).taken()
        prometheus = Prometheus(self.fleet, self.fleet.folder / "prometheus", self.JOBS)
        self.addCleanup(prometheus.kill)
        prometheus.start()
        total = 2**40 + 1

        def scraped():
            host.batch([0, 0]).taken()  # or it is not fresh any more
            return prometheus.scalar(host.received) == total
        wait_until("the base is there", scraped)
        for _ in range(3):
            host.batch([1000, 0]).taken()
            total += 1000
            wait_until("what was added is there", scraped)
        self.assertEqual(0, prometheus.scalar(f"resets({host.received}[10m])"))
        self.assertEqual(3, prometheus.scalar(f"changes({host.received}[10m])"))
        wait_until("since when", lambda: scraped() and prometheus.scalar(host.created) == SINCE)
        found = prometheus.api("metadata")
        kinds = {f["type"] for name in ("muster_vm_network_receive_bytes",
                                        "muster_vm_network_receive_bytes_total")
                 for f in found.get(name, [])}
        self.assertEqual({"counter"}, kinds)


if __name__ == "__main__":
    unittest.main()
