# SPDX-License-Identifier: Apache-2.0
"""Pages of metrics as Prometheus sees them: its own parser, and a real one that scrapes a fleet."""

import json
import pathlib
import re
import shutil
import threading
import time
import unittest
import uuid

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fake_agent import messages
from tests.support.prometheus import Prometheus, promtool
from tests.support.rest import wait_until

STEP = 5
HOST_SERIES = {"cpu_avg": 0.5, "cpu0": 0.25, "loadavg": 1.5, "memory_total_kib": 1 << 24,
               "memory_free_kib": 12345678, "pif_eth0_rx": 1000.5, "pif_eth0_tx": 2.5e9,
               "pif_aggr_rx": 1000.5, "pif_aggr_tx": 2.5e9}
VM_SERIES = {"cpu_usage": 0.125, "cpu0": 0.0625, "cpu1": 0.1875, "memory": 8589934592,
             "memory_internal_free": 4096, "memory_free": 4194304, "vif_0_rx": 12.5,
             "vif_0_tx": 1e-6, "vif_0_rx_errors": 0, "vbd_xvda_read": 3 << 20,
             "vbd_xvda_write": 1 << 20, "vbd_xvda_iops_read": 7, "vbd_xvda_iops_write": 9,
             "vbd_aggr_read": 3 << 20, "vbd_aggr_write": 1 << 20, "uptime": float("nan"),
             "not_a_name_of_ours": 1}
# What Grafana's dashboard 16588 asks for, but for latencies, which plain Xen does not know.
DASHBOARD = """
xen_host_loadavg{host=~".+"}
xen_host_cpu{host=~".+"}
xen_vm_memory{host=~".+"} - (xen_vm_memory_internal_free{host=~".+"} * 1024)
sum by (vm)(xen_vm_cpu{host=~".+"})
xen_host_pif_rx{pif="aggr",host=~".+"}
xen_host_pif_tx{pif="aggr",host=~".+"}
xen_vm_vif_rx{host=~".+"}
xen_vm_vif_tx{host=~".+"}
xen_host_io_throughput_read{host=~".+",sr=~".+"}
xen_host_io_throughput_write{host=~".+",sr=~".+"}
xen_vm_vbd_io_throughput_read{host=~".+"}
xen_vm_vbd_io_throughput_write{host=~".+"}
xen_collector_duration_seconds
xen_vm_cpu{vm_uuid="VM",cpu=~".+"}
xen_vm_memory{vm_uuid="VM"} - (xen_vm_memory_internal_free{vm_uuid="VM"} * 1024)
xen_vm_vif_rx{vm_uuid="VM",vif=~".+"}
xen_vm_vif_tx{vm_uuid="VM",vif=~".+"}
xen_vm_vbd_io_throughput_read{vm_uuid="VM",vbd=~".+"}
xen_vm_vbd_io_throughput_write{vm_uuid="VM",vbd=~".+"}
xen_vm_vbd_iops_read{vm_uuid="VM"}
xen_vm_vbd_iops_write{vm_uuid="VM"}
"""


class Host:
    """An agent written in Python, with some VMs and one step of values."""

    def __init__(self, case, name, n_vms):
        self.agent = case.agent(name)
        self.vms = [str(uuid.uuid4()) for _ in range(n_vms)]
        self.stream = self.agent.live(*[
            self.agent.vm(v, f'{name} "{i}"\\') for i, v in enumerate(self.vms)])
        self.seq = 0

    @property
    def id(self):
        return self.agent.id

    def objects(self):
        yield self.agent.id, HOST_SERIES
        for vm in self.vms:
            yield vm, VM_SERIES

    def feed(self):
        m = messages().metrics
        self.seq += 1
        self.stream.send(metric_dictionary=m.MetricDictionary(generation=self.seq, series=[
            m.MetricSeries(object_id=uuid.UUID(o).bytes, name=name, kind=m.METRIC_KIND_GAUGE,
                           unit="") for o, series in self.objects() for name in series]))
        self.stream.send_batches(
            {"seq": self.seq, "time_ms": int(time.time()) // STEP * STEP * 1000,
             "value": [v for _, series in self.objects() for v in series.values()]},
            generation=self.seq)
        return self

    def taken(self):
        self.stream.expect("metric_ack", lambda a: a.seq == self.seq)
        return self


class PageCase(AggregatorCase):
    def page(self, path, accept=None, rest=None):
        """(status, content type, text)"""
        rest = rest or self.rest
        connection = rest.connection()
        headers = {"Authorization": f"Bearer {rest.token}"} if rest.token else {}
        connection.request("GET", path, headers={**headers, **({"Accept": accept} if accept else {})})
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply.status, reply.headers.get("Content-Type"), text

    def text(self, path, accept=None):
        status, _, text = self.page(path, accept)
        self.assertEqual(200, status, text)
        return text

    def samples(self, path):
        """{name and labels: value}"""
        lines = [line for line in self.text(path).splitlines() if not line.startswith("#")]
        found = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}
        self.assertEqual(len(lines), len(found), "a sample is there twice")
        return found

    def host(self, name="one", n_vms=2):
        return Host(self, name, n_vms).feed().taken()


class Pages(PageCase):
    def test_who_may_look(self):
        for path in ("/metrics", "/metrics/fleet", "/metrics/http_sd", "/openmetrics/metrics",
                     f"/metrics/hosts/{self.new_id()}"):
            with self.subTest(path):
                self.assertEqual(401, self.page(path, rest=self.fleet.anonymous)[0])
        self.assertEqual(404, self.page(f"/metrics/hosts/{self.new_id()}")[0])
        self.assertEqual(422, self.page("/metrics/fleet?compat=x")[0])

    def test_a_host(self):
        one, other = self.host("one"), self.host("other")
        found = self.samples(f"/metrics/hosts/{one.id}")
        vm = one.vms[0]
        for name, want in (
                (f'muster_host_up{{host_uuid="{one.id}"}}', 1),
                (f'muster_host_memory_total_bytes{{host_uuid="{one.id}"}}', 1 << 34),
                (f'muster_host_network_transmit_bytes_per_second{{host_uuid="{one.id}",pif="eth0"}}',
                 2.5e9),
                (f'muster_vm_info{{vm_uuid="{vm}",vm="one \\"0\\"\\\\",host_uuid="{one.id}",'
                 'host="one"}', 1),
                (f'muster_vm_running{{vm_uuid="{vm}"}}', 1),
                (f'muster_vm_memory_bytes{{vm_uuid="{vm}"}}', 8589934592),
                (f'muster_vm_guest_memory_free_bytes{{vm_uuid="{vm}"}}', 4194304),
                (f'muster_vm_vcpu_usage_ratio{{vm_uuid="{vm}",vcpu="1"}}', 0.1875),
                (f'muster_vm_network_transmit_bytes_per_second{{vm_uuid="{vm}",vif="0"}}', 1e-6),
                (f'muster_vm_disk_read_bytes_per_second{{vm_uuid="{vm}",vbd="xvda"}}', 3 << 20)):
            self.assertAlmostEqual(want, found.get(name), delta=want * 1e-7, msg=name)
        self.assertFalse([name for name in found if "aggr" in name or "uptime" in name
                          or "not_a_name" in name or other.id in name])
        # What was said more than a minute ago is not said any more.
        both = self.samples("/metrics/fleet")
        self.assertTrue(found.keys() < both.keys())
        self.assertTrue(any(other.id in name for name in both))

    def test_a_host_that_is_away(self):
        one = self.host("away")
        one.stream.close()
        vm = one.vms[0]
        wait_until("it is away", lambda: self.samples(f"/metrics/hosts/{one.id}")[
            f'muster_host_up{{host_uuid="{one.id}"}}'] == 0)
        self.assertNotIn(f'muster_vm_running{{vm_uuid="{vm}"}}',
                         self.samples(f"/metrics/hosts/{one.id}"))

    def test_formats(self):
        one = self.host("formats")
        path = f"/metrics/hosts/{one.id}"
        _, kind, plain = self.page(path)
        self.assertEqual("text/plain; version=0.0.4; charset=utf-8", kind)
        self.assertNotIn("# EOF", plain)
        _, kind, text = self.page(
            path, "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
        self.assertEqual("application/openmetrics-text; version=1.0.0; charset=utf-8", kind)
        self.assertTrue(text.endswith("\n# EOF\n"))
        self.assertIn("# UNIT muster_vm_memory_bytes bytes\n", text)
        self.assertEqual(re.sub("# (UNIT .*|EOF)\n", "", text), plain)

    @unittest.skipUnless(shutil.which("promtool"), "promtool is not installed (deploy/packages.sh)")
    def test_promtool_is_content(self):
        one = self.host("promtool")
        for path in ("/metrics", "/metrics/fleet", f"/metrics/hosts/{one.id}"):
            with self.subTest(path):
                self.assertEqual("", promtool(self.text(path)))
        for compat in ("xen-exporter", "xo"):
            self.assertNotIn("error while linting", promtool(self.text(f"/metrics/fleet?compat={compat}")))

    def test_compatible_names(self):
        one = self.host("compat")
        vm = one.vms[0]
        labels = f'host="compat",host_uuid="{one.id}"'
        found = self.samples(f"/metrics/hosts/{one.id}?compat=xen-exporter")
        of_vm = f'{labels},vm="compat \\"0\\"\\\\",vm_uuid="{vm}"'
        self.assertEqual(4096, found[f"xen_vm_memory_internal_free{{{of_vm}}}"])
        self.assertEqual(3, found[f'xen_vm_vbd_io_throughput_read{{{of_vm},vbd="xvda"}}'])
        self.assertEqual(2.5e9, found[f'xen_host_pif_tx{{{labels},pif="aggr"}}'])
        self.assertEqual(2, found[f'xen_host_io_throughput_write{{{labels},sr="all"}}'])
        self.assertIn("xen_collector_duration_seconds", found)
        pool = self.rest.get("/pools?fields=*")[0]
        found = self.samples("/openmetrics/metrics")
        self.assertEqual(0.125, found[
            f'xcp_vm_cpu_usage{{pool_id="{pool["id"]}",pool_name="{pool["name_label"]}",uuid="{vm}",'
            'type="vm",vm_name="compat \\"0\\"\\\\"}'])
        self.assertFalse([name for name in found if not name.startswith("xcp_")])

    def test_the_aggregator_itself(self):
        self.host("self")
        before = self.samples("/metrics")
        self.page("/metrics", rest=self.fleet.anonymous)
        after = self.samples("/metrics")
        for name, more in (("muster_rest_unauthenticated_total", 1),
                           ('muster_rest_requests_total{method="GET"}', 2),
                           ('muster_http_replies_total{status="2xx"}', 1),
                           ('muster_http_replies_total{status="4xx"}', 1),
                           ('muster_http_replies_total{status="5xx"}', 0)):
            self.assertEqual(before[name] + more, after[name])
        self.assertGreater(after['muster_metric_batches_total{result="taken"}'], 0)
        self.assertGreater(after["muster_metric_series"], len(HOST_SERIES))
        self.assertGreater(after["process_cpu_seconds_total"], 0)
        self.assertLess(abs(after["process_start_time_seconds"] - time.time()), 3600)
        resident = self.fleet.aggregator.status_kib("VmRSS") * 1024
        self.assertAlmostEqual(resident, after["process_resident_memory_bytes"], delta=resident / 2)
        n_fds = len(list(pathlib.Path(f"/proc/{self.fleet.aggregator.pid}/fd").iterdir()))
        self.assertAlmostEqual(n_fds, after["process_open_fds"], delta=10)
        self.assertEqual(0, after["muster_metric_store_failing"])
        self.assertGreaterEqual(after["muster_http_connections"], 1)

    def test_storage_repositories(self):
        """Once for the fleet, although two hosts have it; bytes are exact, what is unknown absent."""
        sr, other = self.new_id(), self.new_id()
        for name in ("first", "second"):
            agent = self.agent(name)
            agent.live(objects=[agent.sr(sr, 'a "b"', type="nfs", shared=True,
                                         size_bytes=(1 << 44) + 1, used_bytes=(1 << 43) + 3),
                                agent.sr(other, "other", used_bytes=-1)])
        found = self.samples("/metrics")
        self.assertEqual({
            f'muster_sr_info{{sr_uuid="{sr}",sr="a \\"b\\"",type="nfs"}}': 1,
            f'muster_sr_size_bytes{{sr_uuid="{sr}"}}': (1 << 44) + 1,
            f'muster_sr_used_bytes{{sr_uuid="{sr}"}}': (1 << 43) + 3,
            f'muster_sr_allocated_bytes{{sr_uuid="{sr}"}}': 200,
        }, {name: v for name, v in found.items() if sr in name})
        self.assertNotIn(f'muster_sr_used_bytes{{sr_uuid="{other}"}}', found)

    def test_http_sd(self):
        one = self.host("sd")
        targets = {t["labels"]["instance"]: t for t in json.loads(self.text("/metrics/http_sd"))}
        self.assertEqual({"targets": [f"127.0.0.1:{self.fleet.port}"], "labels": {
            "__scheme__": "https", "__metrics_path__": f"/metrics/hosts/{one.id}",
            "instance": one.id, "__meta_muster_host": "sd"}}, targets[one.id])
        targets = json.loads(self.text("/metrics/http_sd?compat=xen-exporter"))
        self.assertEqual({"xen-exporter"}, {t["labels"]["__param_compat"] for t in targets})

    def test_every_series_of_an_agent_has_a_name(self):
        """A real agent on the simulated driver: what it samples is shown, or is known not to be."""
        agent = self.fleet.add_agent("real", "--sim-foreign", "2")
        host = agent.host_id
        wait_until("it is connected", lambda: self.rest.get(f"/hosts/{host}")["connected"])
        left_out = re.compile(r".*_aggr_.*|.*_iops_total|memory_free|iops_total_.*|size_.*|"
                              r"physical_utilisation_.*|virtual_allocation_.*")

        def sampled():
            names = {"hosts": set(), "vms": set()}
            ids = [("hosts", host)] + [("vms", vm["id"]) for vm in self.rest.get(
                f"/vms?fields=id&filter=$container:{host}")]
            for kind, id_ in ids:
                status, _, reply = self.rest.request("GET", f"/{kind}/{id_}/stats?series=*")
                for name, series in (reply["series"] if status == 200 else {}).items():
                    if series["values"][-1] is not None and not left_out.fullmatch(name):
                        names[kind].add((id_, name))
            return names if len(ids) == 3 and names["vms"] else None
        names = wait_until("it has been sampled twice", sampled)
        of_series = [n for n in self.samples(f"/metrics/hosts/{host}")
                     if not re.match(r"muster_(host|vm)_(info|up|running)\{|.*_total\{", n)]
        self.assertGreaterEqual(len(of_series), len(names["hosts"] | names["vms"]))


class Large(PageCase):
    def test_a_page_in_pieces(self):
        """More than fits in a turn and in what may wait: all of it comes, once, and others go on."""
        m = messages().metrics
        agent = self.agent("large")
        vms = [self.new_id() for _ in range(60)]
        s = agent.live(*[agent.vm(v) for v in vms])
        names = [f"vif_{i}_rx" for i in range(500)]
        s.send(metric_dictionary=m.MetricDictionary(generation=1, series=[
            m.MetricSeries(object_id=uuid.UUID(v).bytes, name=n, kind=m.METRIC_KIND_RATE,
                           unit="bytes/s") for v in vms for n in names]))
        s.send_batches({"seq": 1, "time_ms": int(time.time()) // STEP * STEP * 1000,
                        "value": [i + 0.5 for i in range(len(vms) * len(names))]})
        s.expect("metric_ack")
        want = {f'muster_vm_network_receive_bytes_per_second{{vm_uuid="{v}",vif="{i}"}}':
                k * len(names) + i + 0.5 for k, v in enumerate(vms) for i in range(len(names))}
        found = self.samples("/metrics/fleet")
        self.assertEqual(want, {n: v for n, v in found.items() if "receive_bytes" in n})
        connection = self.rest.connection()
        headers = {"Authorization": f"Bearer {self.rest.token}"}
        connection.request("HEAD", "/metrics/fleet", headers=headers)
        reply = connection.getresponse()
        self.assertEqual(len(self.text("/metrics/fleet")), int(reply.headers["Content-Length"]))
        connection.close()
        self.slow_readers(headers)

    def slow_readers(self, headers):
        """Those that ask and do not read: only so many, and what they hold is given back."""
        slow = []
        for _ in range(20):
            slow.append(self.rest.connection())
            slow[-1].request("GET", "/metrics/fleet", headers=headers)
        status = [c.getresponse().status for c in slow]
        self.assertEqual({200, 503}, set(status))
        self.assertEqual(16, status.count(200))
        for c in slow:
            c.close()
        wait_until("their pages are given back", lambda: self.page("/metrics/fleet")[0] == 200)
        # An end in the middle of pages is an end as any other.
        slow = [self.rest.connection() for _ in range(3)]
        for c in slow:
            c.request("GET", "/metrics/fleet", headers=headers)
        self.assertEqual(200, slow[0].getresponse().status)
        self.assertEqual(0, self.fleet.aggregator.stop())
        for c in slow:
            c.close()
        self.fleet.restart_aggregator()


@unittest.skipUnless(shutil.which("prometheus"), "Prometheus is not installed (deploy/packages.sh)")
class Scraped(PageCase):
    HOSTS = 100
    JOBS = """
  - job_name: hosts{auth}
    http_sd_configs:
      - url: {url}/metrics/http_sd{sd_auth}
        refresh_interval: 5s
    relabel_configs:
      - {{source_labels: [__meta_muster_host], target_label: name}}
  - job_name: dashboard
    scheme: https
    metrics_path: /metrics/fleet
    params: {{compat: [xen-exporter]}}{auth}
    static_configs: [{{targets: ['{where}']}}]
  - job_name: xo
    scheme: https
    metrics_path: /openmetrics/metrics{auth}
    static_configs: [{{targets: ['{where}']}}]
  - job_name: self
    scheme: https{auth}
    static_configs: [{{targets: ['{where}']}}]
"""

    def feeding(self, hosts, stop):
        while not stop.wait(STEP):
            for host in hosts:
                host.feed()

    def test_a_fleet_of_hundred_hosts(self):
        hosts = [Host(self, f"h{i}", 3).feed() for i in range(self.HOSTS)]
        stop = threading.Event()
        feeder = threading.Thread(target=self.feeding, args=(hosts, stop))
        feeder.start()
        self.addCleanup(feeder.join)
        self.addCleanup(stop.set)
        prometheus = Prometheus(self.fleet, self.fleet.folder / "prometheus", self.JOBS)
        self.addCleanup(prometheus.kill)
        prometheus.start()
        wait_until("every host is scraped",
                   lambda: prometheus.scalar('sum(up{job="hosts"})') == self.HOSTS)
        self.assertEqual(3, wait_until("the others are", lambda: prometheus.scalar(
            'sum(up{job!="hosts"}) == 3')))
        for expression, want in (("count(muster_vm_memory_bytes)", self.HOSTS * 3),
                                 ('muster_hosts{state="connected"}', self.HOSTS),
                                 ("count(xcp_vm_cpu_usage)", self.HOSTS * 3)):
            wait_until(expression, lambda e=expression, n=want: prometheus.scalar(e) == n)
        self.check_values(prometheus, hosts[7])
        self.check_dashboard(prometheus, hosts[7].vms[1])
        # One that had no answer within 2 s has been asked again.
        wait_until("nothing is wrong with any page", lambda: not [
            t["lastError"] for t in prometheus.api("targets")["activeTargets"] if t["lastError"]])

    def check_values(self, prometheus, host):
        """What Prometheus has is what REST says."""
        for kind, id_, series, name, scale in (
                ("hosts", host.id, "memory_free_kib", "muster_host_memory_free_bytes", 1024),
                ("hosts", host.id, "cpu_avg", "muster_host_cpu_usage_ratio", 1),
                ("vms", host.vms[0], "memory", "muster_vm_memory_bytes", 1),
                ("vms", host.vms[0], "vif_0_tx",
                 "muster_vm_network_transmit_bytes_per_second", 1)):
            values = self.rest.get(f"/{kind}/{id_}/stats?series={series}")["series"][series]["values"]
            want = [v for v in values if v is not None][-1] * scale
            query = f'{name}{{{kind[:-1]}_uuid="{id_}"}}'
            found = wait_until(query, lambda q=query: prometheus.scalar(q))
            self.assertAlmostEqual(want, found, delta=abs(want) * 1e-7, msg=name)

    def check_dashboard(self, prometheus, vm):
        for expression in DASHBOARD.strip().splitlines():
            expression = expression.replace("VM", vm)
            with self.subTest(expression):
                wait_until("an answer", lambda e=expression: prometheus.query(e))
        # Its list of VMs takes names and ids out of the labels.
        labels, _ = wait_until("its labels", lambda: prometheus.query(
            f'xen_vm_memory{{vm_uuid="{vm}"}}'))[0]
        self.assertEqual({"host", "host_uuid", "vm", "vm_uuid"},
                         labels.keys() - {"__name__", "job", "instance"})


if __name__ == "__main__":
    unittest.main()
