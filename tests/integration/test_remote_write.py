# SPDX-License-Identifier: Apache-2.0
"""remote_write: to a real Prometheus, and to a store that is away, slow, broken, or picky."""

import base64
import pathlib
import re
import shutil
import tempfile
import time
import unittest
import uuid

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fake_agent import messages
from tests.support.ports import free_port
from tests.support.prometheus import Prometheus
from tests.support.remote_write import Receiver
from tests.support.rest import wait_until

STEP = 5
NAN = float("nan")
HOST_SERIES = ("cpu_avg", "cpu0", "memory_free_kib", "pif_eth0_rx", "pif_aggr_rx")
VM_SERIES = ("cpu_usage", "cpu0", "memory", "memory_internal_free", "vif_0_rx", "vbd_xvda_read",
             "vbd_xvda_write", "vbd_aggr_read", "vbd_aggr_write")


class Host:
    """An agent written in Python; the values of a step are told from the step."""

    def __init__(self, case, name, n_vms=2, series=VM_SERIES):
        self.agent, self.names = case.agent(name), series
        self.vms = [str(uuid.uuid4()) for _ in range(n_vms)]
        self.running = list(self.vms)
        self.seq, self.generation, self.told = 0, 0, None
        self.stream = self.agent.live(*[
            self.agent.vm(v, f"{name}-{i}") for i, v in enumerate(self.vms)])

    def reconnect(self):
        self.stream, welcome = self.agent.connect()
        assert welcome.resume
        self.told = None

    @property
    def id(self):
        return self.agent.id

    def slots(self):
        return [(self.id, name) for name in HOST_SERIES] + [
            (vm, name) for vm in self.running for name in self.names]

    def feed(self, step, unknown=()):
        """All series have step % 1000 and their place in it; `unknown`: names that have none."""
        m, slots = messages().metrics, self.slots()
        if slots != self.told:
            self.generation += 1
            self.stream.send(metric_dictionary=m.MetricDictionary(
                generation=self.generation, series=[
                    m.MetricSeries(object_id=uuid.UUID(o).bytes, name=name, unit="",
                                   kind=m.METRIC_KIND_GAUGE) for o, name in slots]))
            self.told = slots
        self.seq += 1
        self.stream.send_batches(
            {"seq": self.seq, "time_ms": step * STEP * 1000,
             "value": [NAN if name in unknown else self.value(step, i)
                       for i, (_, name) in enumerate(slots)]},
            generation=self.generation)
        seq = self.seq
        self.stream.expect("metric_ack", lambda a: a.seq == seq)
        return step

    @staticmethod
    def value(step, i=0):
        return step % 1000 + i / 4


def step_now():
    return int(time.time()) // STEP


def wait_step(step):
    wait_until("the next step", lambda: step_now() >= step)


class RemoteCase(AggregatorCase):
    names = "native"

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="muster-remote-")
        cls.addClassCleanup(folder.cleanup)
        cls.place = pathlib.Path(folder.name)
        cls.options = ("--remote-write", cls.receiver_url(), "--remote-write-names", cls.names,
                       *cls.more_options())
        super().setUpClass()

    @classmethod
    def more_options(cls):
        return ()

    @classmethod
    def receiver_url(cls):
        cls.receiver = Receiver()
        cls.addClassCleanup(lambda: cls.receiver.close())
        return cls.receiver.url

    def page(self, path):
        connection = self.rest.connection()
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.rest.token}"})
        text = connection.getresponse().read().decode()
        connection.close()
        return [line for line in text.splitlines() if not line.startswith("#")]

    def counts(self):
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in self.page("/metrics") if "remote_write" in line}

    def count(self, result, kind="samples"):
        return self.counts()[f'muster_remote_write_{kind}_total{{result="{result}"}}']

    def hold(self):
        """From now on nobody gets an answer; how many had one, and the aggregator knows of it."""
        wait_until("no request is under way", lambda: len(self.receiver) == sum(
            self.count(result, "requests") for result in ("answered", "failed")))
        self.addCleanup(self.receiver.free.set)
        self.receiver.free.clear()
        return len(self.receiver)

    def wait_sent(self, vm, steps, deadline=60):
        """All these steps of a VM's first series have been taken, in order, once."""
        def sent():
            got = self.receiver.samples("muster_vm_cpu_usage_ratio", vm_uuid=vm)
            return got if len(got) >= len(steps) else None
        got = wait_until("the steps are sent", sent, deadline)
        self.assertEqual([s * STEP * 1000 for s in steps], [at for at, _ in got])

    def check_order(self):
        for labels, samples in self.receiver.series().items():
            self.assertEqual(sorted(labels), list(labels))
            times = [at for at, _ in samples]
            self.assertEqual(sorted(set(times)), times, labels)


class Answers(RemoteCase):
    def test_a_store_that_fails(self):
        """5xx, 429 with Retry-After: the same again, nothing lost, in order."""
        host = Host(self, "fails")
        self.receiver.answer(503, 500, (429, {"Retry-After": "2"}))
        first = step_now() + 1
        steps = [host.feed(first + i) for i in range(8)]
        self.wait_sent(host.vms[0], steps)
        self.check_order()
        with self.receiver.lock:
            tried = [r for r in self.receiver.requests if r[0] in (503, 500, 429)]
            again = [r for r in self.receiver.requests if r[2] == tried[0][2]]
        self.assertEqual(4, len(again), "the same bytes until they are taken")
        self.assertGreaterEqual(self.count("failed", "requests"), 3)
        self.assertEqual(0, self.count("dropped"))
        headers = tried[0][1]
        self.assertEqual("0.1.0", headers["X-Prometheus-Remote-Write-Version"])
        self.assertEqual("snappy", headers["Content-Encoding"])
        self.assertEqual("application/x-protobuf", headers["Content-Type"])
        self.assertNotIn("Authorization", headers)
        self.assertIn("remote_write fails", self.fleet.aggregator.text())
        wait_until("it says so", lambda: self.counts()["muster_remote_write_failing"] == 0)

    def test_a_store_that_refuses(self):
        """400: dropped, counted, told; on with the next."""
        host = Host(self, "refuses")
        before = self.count("refused")
        self.receiver.refuse_once("muster_vm_cpu_usage_ratio")
        first = step_now() + 1
        host.feed(first)
        wait_until("it is refused", lambda: self.count("refused") > before)
        steps = [host.feed(first + 1), host.feed(first + 2)]
        self.wait_sent(host.vms[1], steps)
        self.assertIn("remote_write is refused", self.fleet.aggregator.text())
        self.assertIn('err="text"', self.fleet.aggregator.text())

    def test_a_slow_store(self):
        """No answer: all else goes on, and what waits comes afterwards."""
        host = Host(self, "slow")
        first, n = step_now() + 1, self.hold()
        steps = [host.feed(first)]
        wait_until("a request waits", lambda: len(self.receiver) > n)
        for i in range(1, 6):
            steps.append(host.feed(first + i))
            self.assertEqual(200, self.rest.request("GET", f"/vms/{host.vms[0]}")[0])
        self.receiver.free.set()
        self.wait_sent(host.vms[0], steps)

    def test_a_series_that_ends(self):
        """Unknown behind known, and an object that its host goes on without: stale markers."""
        host = Host(self, "ends")
        first = step_now() + 1
        host.feed(first)
        host.feed(first + 1, unknown=("vif_0_rx",))
        gone = host.vms[1]
        host.running.remove(gone)
        self.wait_sent(gone, [first, first + 1])
        got = self.receiver.samples("muster_vm_network_receive_bytes_per_second", vm_uuid=gone)
        self.assertEqual([first, first + 1], [at // STEP // 1000 for at, _ in got])
        self.assertEqual(None, got[1][1])
        wait_step(first + 2)
        host.feed(first + 13)
        wait_until("it ends", lambda: self.receiver.samples(
            "muster_vm_cpu_usage_ratio", vm_uuid=gone)[-1] == ((first + 2) * STEP * 1000, None))
        # Once; and the other goes on.
        self.assertEqual(2, len(self.receiver.samples(
            "muster_vm_network_receive_bytes_per_second", vm_uuid=gone)))
        self.assertTrue(all(value is not None for _, value in self.receiver.samples(
            "muster_vm_cpu_usage_ratio", vm_uuid=host.vms[0])))

    def test_a_host_that_was_away(self):
        """What it kept meanwhile is sent, without an end in between."""
        host, other = Host(self, "away"), Host(self, "stays")
        first = step_now() + 1
        steps = [host.feed(first)]
        self.wait_sent(host.vms[0], steps)
        host.stream.close()
        others = [other.feed(first + i) for i in range(12)]
        self.wait_sent(other.vms[0], others)
        host.reconnect()
        steps += [host.feed(first + i) for i in range(1, 10)]
        self.wait_sent(host.vms[0], steps)
        self.check_order()


class Restarts(RemoteCase):
    def test_a_stop_and_a_crash(self):
        """What waited is sent after the start: once after a stop; after a crash what was sent since
        the last mark may come again, and nothing is missing."""
        host = Host(self, "restarts")
        first = step_now() + 1
        steps = [host.feed(first), host.feed(first + 1)]
        self.wait_sent(host.vms[0], steps)
        n = self.hold()
        steps += [host.feed(first + 2), host.feed(first + 3)]
        wait_until("a request waits", lambda: len(self.receiver) > n)
        with self.receiver.lock:
            del self.receiver.requests[n:]  # never answered
        begin = time.monotonic()
        self.fleet.aggregator.stop()
        self.assertLess(time.monotonic() - begin, 20, "a stop waits for nobody")
        self.receiver.free.set()
        host.stream.close()
        self.fleet.restart_aggregator()
        self.wait_sent(host.vms[0], steps)
        self.check_order()
        host.reconnect()
        steps += [host.feed(first + 4)]
        self.wait_sent(host.vms[0], steps)

        self.fleet.aggregator.kill()
        host.stream.close()
        self.fleet.restart_aggregator()
        host.reconnect()
        steps += [host.feed(first + 5)]
        def times():
            return [at // STEP // 1000 for at, _ in self.receiver.samples(
                "muster_vm_cpu_usage_ratio", vm_uuid=host.vms[0])]
        wait_until("all is there", lambda: set(times()) == set(steps))
        again = times()[len(steps) - 1:]
        self.assertEqual(sorted(again), again, "in order once more")


class Away(RemoteCase):
    """A store that is not there when the aggregator starts, and for long."""

    @classmethod
    def receiver_url(cls):
        cls.port = free_port()
        return f"http://127.0.0.1:{cls.port}/write"

    def test_memory_is_bounded(self):
        host = Host(self, "away", n_vms=100, series=[*VM_SERIES, *(f"cpu{i}" for i in range(1, 40))])
        first = step_now() - 100
        for i in range(2):
            host.feed(step_now() - 1 + i)
        wait_until("it fails", lambda: self.counts()["muster_remote_write_failing"] == 1)
        before = self.fleet.aggregator.status_kib("VmRSS")
        for i in range(100):
            host.feed(first + i)
        self.assertEqual(1, self.counts()["muster_remote_write_failing"])
        self.assertLess(self.fleet.aggregator.status_kib("VmRSS") - before, 16 << 10)
        type(self).receiver = Receiver(self.port)
        self.addCleanup(self.receiver.close)
        last = [host.feed(step_now() + 2), host.feed(step_now() + 3)]
        got = wait_until("it comes back", lambda: [
            at for at, _ in self.receiver.samples("muster_vm_cpu_usage_ratio", vm_uuid=host.vms[99])
            if at == last[-1] * STEP * 1000], 90)
        self.assertTrue(got)
        self.check_order()


class Auth(RemoteCase):
    """TLS with an authority of one's own, and a token that is replaced."""

    @classmethod
    def receiver_url(cls):
        cls.port = free_port()
        return f"https://127.0.0.1:{cls.port}/write"

    @classmethod
    def more_options(cls):
        (cls.place / "token").write_text("one\n")
        return ("--remote-write-token-file", cls.place / "token",
                "--remote-write-ca", cls.place / "ca.crt")

    def test_tls_and_token(self):
        state = self.fleet.state
        shutil.copy(state / "ca.crt", self.place / "ca.crt")
        receiver = Receiver(self.port, tls=(state / "server.crt", state / "server.key"))
        type(self).receiver = receiver
        self.addCleanup(receiver.close)
        receiver.answer(401)
        host = Host(self, "auth")
        first = step_now() + 1
        steps = [host.feed(first)]
        wait_until("it is asked", lambda: len(receiver) >= 1)
        (self.place / "next").write_text("two\n")
        (self.place / "next").rename(self.place / "token")  # read whole, whenever it is
        self.wait_sent(host.vms[0], steps)
        with receiver.lock:
            tokens = [headers["Authorization"] for _, headers, _ in receiver.requests]
        self.assertEqual("Bearer one", tokens[0])
        self.assertEqual("Bearer two", tokens[-1])
        self.assertNotIn("Bearer", self.fleet.aggregator.text())


class Basic(RemoteCase):
    @classmethod
    def more_options(cls):
        (cls.place / "password").write_text("pass word\n")
        return ("--remote-write-user", "muster",
                "--remote-write-password-file", cls.place / "password")

    def test_basic(self):
        host = Host(self, "basic")
        self.wait_sent(host.vms[0], [host.feed(step_now() + 1)])
        with self.receiver.lock:
            headers = self.receiver.requests[-1][1]
        self.assertEqual("Basic " + base64.b64encode(b"muster:pass word").decode(),
                         headers["Authorization"])


class RealCase(RemoteCase):
    """With a Prometheus, which a test starts when it wants."""

    @classmethod
    def receiver_url(cls):
        cls.port = free_port()
        return f"http://127.0.0.1:{cls.port}/api/v1/write"

    def prometheus(self):
        found = Prometheus(self.fleet, self.place / f"prometheus-{self.names}", " []\n",
                           options=("--web.enable-remote-write-receiver",), port=self.port)
        self.addCleanup(found.kill)
        return found

    @staticmethod
    def rows(prometheus, series, end, n):
        """[[second, value]] of the last ten minutes, when there are n at least."""
        found = prometheus.api("query", query=f"{series}[10m]", time=end * STEP + STEP)["result"]
        return found[0]["values"] if found and len(found[0]["values"]) >= n else None


@unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed (deploy/packages.sh)")
class Real(RealCase):
    """A real Prometheus has what REST's stats say, and the series that a scrape would give it."""

    def scraped(self):
        """What is on the page: {(name, labels)}. A label without a value is none."""
        path = "/metrics/fleet" + ("" if self.names == "native" else f"?compat={self.names}")
        found = set()
        for line in self.page(path):
            name, labels = re.match(r"(\w+)(?:\{(.*)\})? ", line).groups()
            found.add((name, tuple(sorted(re.findall(r'(\w+)="([^"]+)"', labels or "")))))
        return {(n, l) for n, l in found if n != "xen_collector_duration_seconds"}

    def test_it_is_the_same(self):
        host = Host(self, "real")
        first = step_now() + 1
        steps = [host.feed(first + i) for i in range(4)]
        prometheus = self.prometheus()
        prometheus.start()
        name = {"native": "muster_vm_memory_bytes", "xen-exporter": "xen_vm_memory"}[self.names]
        steps += [host.feed(first + i) for i in range(4, 8)]
        series = f'{name}{{vm_uuid="{host.vms[1]}"}}'
        got = wait_until("all is there", lambda: self.rows(prometheus, series, steps[-1], 8))
        stats = self.rest.get(f"/vms/{host.vms[1]}/stats?series=memory")
        wanted = {}
        for i, value in enumerate(reversed(stats["stats"]["memory"])):
            if value is not None:
                wanted[stats["endTimestamp"] - i * STEP] = value
        self.assertEqual(8, len(wanted))
        self.assertEqual(wanted, {at: float(value) for at, value in got})
        sent = {(r["metric"].pop("__name__"), tuple(sorted(r["metric"].items())))
                for r in prometheus.api("query", query='{__name__=~".+"}',
                                        time=steps[-1] * STEP)["result"]}
        self.assertEqual(self.scraped(), sent)


class RealCompat(Real):
    names = "xen-exporter"


@unittest.skipUnless(shutil.which("prometheus"), "prometheus is not installed (deploy/packages.sh)")
class RealCrash(RealCase):
    def test_nothing_is_missing(self):
        """What comes again is refused; what is new is not lost with it."""
        prometheus = self.prometheus()
        prometheus.start()
        host = Host(self, "crash")
        first = step_now() + 1
        series = f'muster_vm_memory_bytes{{vm_uuid="{host.vms[1]}"}}'
        steps = []
        for _ in range(5):
            steps.append(host.feed(first + len(steps)))
            wait_until("it is there",
                       lambda: self.rows(prometheus, series, steps[-1], len(steps)))
            if len(steps) == 1:  # a mark, which the crash then finds
                self.fleet.aggregator.stop()
                self.again(host)
        self.fleet.aggregator.kill()
        self.again(host)
        steps += [host.feed(first + 5), host.feed(first + 6)]
        got = wait_until("all is there", lambda: self.rows(prometheus, series, steps[-1], 7))
        self.assertEqual([step * STEP for step in steps], [at for at, _ in got])
        self.assertIn("remote_write is refused", self.fleet.aggregator.text())

    def again(self, host):
        host.stream.close()
        self.fleet.restart_aggregator()
        host.reconnect()


if __name__ == "__main__":
    unittest.main()
