# SPDX-License-Identifier: Apache-2.0
"""What tools of XCP-ng ask for, and files for RRDtool, read by RRDtool itself: the values are those of
our own statistics."""

import base64
import json
import math
import pathlib
import subprocess
import tempfile
import time
import unittest
import uuid
import xml.etree.ElementTree as xml

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fake_agent import messages
from tests.support.fleet import Fleet
from tests.support.rest import wait_until

STEP = 5
NAMES = ("cpu_usage", "memory", "memory_internal_total", "vbd_xvda_iops_write",
         "vif_aggr_tx_packets", "a_name_that_no_word_makes_short")
HOLE = range(40, 47)  # steps before the newest that nobody knows


def close(a, b):
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-7)


def rrdtool(*words):
    done = subprocess.run(["rrdtool", *map(str, words)], capture_output=True, text=True, timeout=60,
                          check=False)
    if done.returncode:
        raise AssertionError(f"{words}: {done.stdout}{done.stderr}")
    return done.stdout


class Rrd(AggregatorCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix="muster-rrd-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def feed(self, name):
        """A host and a VM on it, with ten minutes of values. (host, vm)"""
        agent, vm, m = self.agent(name), self.new_id(), messages().metrics
        stream = agent.live(agent.vm(vm))
        objects = [agent.id, vm]
        now = int(time.time()) // STEP
        stream.send(metric_dictionary=m.MetricDictionary(generation=1, series=[
            m.MetricSeries(object_id=uuid.UUID(o).bytes, name=n, kind=m.METRIC_KIND_GAUGE, unit="")
            for o in objects for n in NAMES]))
        steps = [k for k in range(now - 119, now + 1) if now - k not in HOLE]
        for seq, k in enumerate(steps, 1):
            stream.send_batches(
                {"seq": seq, "time_ms": k * STEP * 1000,
                 "value": [math.sin(k + i) * 10 ** (i - 3)
                           for i in range(len(objects) * len(NAMES))]})
        stream.expect("metric_ack", lambda a: a.seq == len(steps))
        wait_until("minutes are there", lambda: any(
            v is not None for v in self.stats("vms", vm, "minutes")["series"]["memory"]["values"]))
        return agent.id, vm

    def stats(self, kind, id_, level="seconds", cf="AVERAGE"):
        return self.rest.get(f"/{kind}/{id_}/stats?series=*&granularity={level}&cf={cf}"
                             "&start=-1000000000")

    def rows(self, kind, id_, level="seconds", cf="AVERAGE"):
        """{end of a row: {name: value}} by our own statistics."""
        return self.by_row(self.stats(kind, id_, level, cf))

    @staticmethod
    def by_row(reply):
        n = len(next(iter(reply["series"].values()))["values"])
        return {reply["endTimestamp"] - (n - 1 - i) * reply["interval"]:
                {name: math.nan if s["values"][i] is None else s["values"][i]
                 for name, s in reply["series"].items()} for i in range(n)}

    def raw(self, path, headers=None, rest=None):
        """(status, content type, text)"""
        rest = rest or self.rest
        connection = rest.connection()
        token = {"Authorization": f"Bearer {rest.token}"} if rest.token else {}
        connection.request("GET", path, headers={**token, **(headers or {})})
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply.status, reply.headers.get("Content-Type"), text

    def text(self, path, **kwargs):
        status, _, text = self.raw(path, **kwargs)
        self.assertEqual(200, status, text)
        return text

    def moment(self, kind, id_):
        """(the object's file, {level and cf: rows} by our own statistics): both before a minute is made, or both behind."""
        wanted = [("seconds", "AVERAGE"), *(("minutes", cf) for cf in ("AVERAGE", "MIN", "MAX"))]

        def look():
            before = [self.stats(kind, id_, *w) for w in wanted]
            text = self.text(f"/rest/v0/{kind}/{id_}/stats.xml")
            return (text, before) if before == [self.stats(kind, id_, *w) for w in wanted] else None
        text, replies = wait_until("nothing is made meanwhile", look)
        return text, dict(zip(wanted, map(self.by_row, replies)))

    def restored(self, text):
        """(file of RRDtool, {its name: our name})"""
        source, target = self.folder / "object.xml", self.folder / "object.rrd"
        source.write_text(text)
        rrdtool("restore", "-f", source, target)
        names = {n: n for n in NAMES if len(n) <= 19}
        for line in text.splitlines():
            if line.strip().startswith("<!--"):
                short, _, long = line.strip()[5:-4].partition(" = ")
                names[short] = long
        self.assertEqual(set(NAMES), set(names.values()))
        return target, names


class Files(Rrd):
    def test_rrdtool_restores_and_reads_one(self):
        host, vm = self.feed("files")
        for kind, id_ in (("vms", vm), ("hosts", host)):
            text, ours = self.moment(kind, id_)
            path, names = self.restored(text)
            root = xml.fromstring(text)
            self.assertEqual(10, len(root.findall("rra")))
            last = int(root.findtext("lastupdate"))
            info = rrdtool("info", path)
            self.assertIn(f"last_update = {last}", info)
            self.assertIn("step = 5", info)
            for short in names:
                self.assertIn(f'ds[{short}].type = "GAUGE"', info)
            for i, (cf, per_row, rows) in enumerate(
                    [("AVERAGE", 1, 120)] + [(cf, n, k) for n, k in ((12, 120), (720, 168), (17280, 366))
                                             for cf in ("AVERAGE", "MIN", "MAX")]):
                for part in (f'rra[{i}].cf = "{cf}"', f"rra[{i}].rows = {rows}",
                             f"rra[{i}].pdp_per_row = {per_row}"):
                    self.assertIn(part, info)
            for (level, cf), want in ours.items():
                with self.subTest(kind=kind, level=level, cf=cf):
                    self.same_by_fetch(path, names, last, {"seconds": 5, "minutes": 60}[level], cf, want)
            self.same_by_xport(path, names, last, ours["seconds", "AVERAGE"])

    def same_by_fetch(self, path, names, last, seconds, cf, want):
        lines = rrdtool("fetch", path, cf, "-r", seconds, "-e", last // seconds * seconds, "-s",
                        f"end-{118 * seconds}").splitlines()
        columns = [names[short] for short in lines[0].split()]
        known = 0
        for line in lines[2:]:
            at, _, values = line.partition(":")
            row = want.get(int(at))
            for name, value in zip(columns, values.split(), strict=True):
                value = float(value)
                if row is None:
                    self.assertTrue(math.isnan(value), line)
                else:
                    self.assertTrue(close(value, row[name]), f"{at} {name}: {value} {row[name]}")
                    known += not math.isnan(value)
        self.assertGreater(known, 8 * len(NAMES) if seconds == 60 else 100 * len(NAMES))

    def same_by_xport(self, path, names, last, want):
        short = next(s for s, n in names.items() if n == "memory_internal_total")
        reply = json.loads(rrdtool("xport", "--json", "--step", 5, "-s", last - 500, "-e", last,
                                   f"DEF:x={path}:{short}:AVERAGE", "XPORT:x:total"))
        begin, step = int(reply["meta"]["start"]), int(reply["meta"]["step"])
        self.assertEqual(5, step)
        known = 0
        for i, (value,) in enumerate(reply["data"]):
            row = want.get(begin + i * step)
            if value is not None and row:
                self.assertTrue(close(value, row["memory_internal_total"]))
                known += 1
        self.assertGreater(known, 80)

    def test_rrdtool_goes_on_with_it(self):
        _, vm = self.feed("goes-on")
        text = self.text(f"/rest/v0/vms/{vm}/stats.xml")
        path, names = self.restored(text)
        last = int(xml.fromstring(text).findtext("lastupdate"))
        for i in range(1, 37):
            rrdtool("update", path, f"{last + i * 5}:" + ":".join("7" for _ in names))
        rows = rrdtool("fetch", path, "AVERAGE", "-r", 60, "-s", last // 60 * 60 + 60, "-e",
                       last // 60 * 60 + 180).splitlines()[2:]
        self.assertIn([7.0] * len(names), [[float(v) for v in row.split()[1:]] for row in rows])

    def test_as_xcp_rrdd_has_it(self):
        host, vm = self.feed("xapi")
        for path, kind, id_ in ((f"/rest/v0/vms/{vm}/stats.xml?flavour=xapi", "vms", vm),
                                (f"/vm_rrd?uuid={vm}", "vms", vm),
                                (f"/host_rrd?uuid={host}", "hosts", host)):
            root = xml.fromstring(self.text(path))
            self.assertEqual(list(NAMES), [ds.findtext("name") for ds in root.findall("ds")])
            rows = root.find("rra/database").findall("row")
            self.assertEqual(120, len(rows))
            last, want = int(root.findtext("lastupdate")), self.rows(kind, id_)
            for i, row in enumerate(rows):
                values = [float(v.text) for v in row.findall("v")]
                known = want.get(last - (len(rows) - 1 - i) * 5)
                if known:
                    for name, value in zip(NAMES, values, strict=True):
                        self.assertTrue(close(value, known[name]), f"{i} {name}")
        self.assertEqual(404, self.raw(f"/vm_rrd?uuid={self.new_id()}")[0])

    def test_one_is_longer_than_what_may_wait(self):
        """So it is sent in pieces, its length being said; to HEAD, nothing of it is."""
        _, vm = self.feed("long")
        path = f"/rest/v0/vms/{vm}/stats.xml"
        self.assertEqual("rrd", xml.fromstring(self.text(path)).tag)
        connection = self.rest.connection()
        self.addCleanup(connection.close)
        for method in ("HEAD", "GET"):  # on one connection
            connection.request(method, path, headers={"Authorization": f"Bearer {self.rest.token}"})
            reply = connection.getresponse()
            length, body = int(reply.headers["Content-Length"]), reply.read()
            self.assertGreater(length, 128 << 10)
            self.assertEqual(0 if method == "HEAD" else length, len(body))

    def test_muster_writes_one(self):
        _, vm = self.feed("cli")
        muster = self.fleet.build / "aggregator/cli/muster"
        target = self.folder / "by-muster.xml"
        at = ["--url", self.fleet.url, "--token", self.rest.token, "--ca", self.fleet.state / "ca.crt"]

        def run(code, *words):
            done = subprocess.run([str(w) for w in (muster, *words, *at)], capture_output=True,
                                  text=True, timeout=60, check=False)
            self.assertEqual(code, done.returncode, done.stdout + done.stderr)
            return done.stdout

        run(0, "vm", "stats", vm, "--export", target)
        rrdtool("restore", "-f", target, self.folder / "by-muster.rrd")
        self.assertIn("<name>memory_internal_total</name>",
                      run(0, "vm", "stats", vm, "--export", "-", "--flavour", "xapi"))
        run(2, "vm", "stats", vm, "--flavour", "xapi")
        run(3, "vm", "stats", vm, "--export", self.folder / "no/such/folder")


class Updates(Rrd):
    def read_xml(self, text):
        root = xml.fromstring(text)
        meta = root.find("meta")
        legend = [e.text for e in meta.findall("legend/entry")]
        rows = [(int(r.findtext("t")), [float(v.text) for v in r.findall("v")])
                for r in root.findall("data/row")]
        self.assertEqual((len(rows), len(legend)),
                         (int(meta.findtext("rows")), int(meta.findtext("columns"))))
        return int(meta.findtext("step")), legend, rows

    def read_json(self, text):
        reply = json.loads(text)
        meta = reply["meta"]
        rows = [(int(r["t"]), [float(v) for v in r["values"]]) for r in reply["data"]]
        self.assertEqual((str(len(rows)), str(len(meta["legend"]))), (meta["rows"], meta["columns"]))
        return int(meta["step"]), meta["legend"], rows

    def test_the_same_as_our_statistics(self):
        host, vm = self.feed("updates")
        start = int(time.time()) - 500
        for query, read, headers in (("", self.read_xml, {}), ("&json=true", self.read_json, {}),
                                     ("", self.read_json, {"Accept": "application/json"})):
            for level, interval, cf in (("seconds", 5, "AVERAGE"), ("minutes", 60, "MAX")):
                step, legend, rows = read(self.text(
                    f"/rrd_updates?start={start}&cf={cf}&interval={interval}&host={host}{query}",
                    headers=headers))
                self.assertEqual(interval, step)
                self.assertEqual([f"{cf}:host:{host}:{n}" for n in NAMES] +
                                 [f"{cf}:vm:{vm}:{n}" for n in NAMES], legend)
                self.assertEqual(sorted({at for at, _ in rows}, reverse=True), [at for at, _ in rows])
                self.assertGreaterEqual(rows[-1][0], start)
                self.compare(rows, legend, {host: self.rows("hosts", host, level, cf),
                                            vm: self.rows("vms", vm, level, cf)})

    def compare(self, rows, legend, want):
        known = 0
        for at, values in rows:
            for entry, value in zip(legend, values, strict=True):
                _, _, id_, name = entry.split(":")
                if at in want[id_]:
                    self.assertTrue(close(value, want[id_][at][name]), f"{at} {entry}")
                    known += not math.isnan(value)
        self.assertGreater(known, 5 * len(legend))

    def test_who_may_look_and_basic(self):
        _, vm = self.feed("basic")
        for path in ("/rrd_updates?start=-60", f"/vm_rrd?uuid={vm}", "/host_rrd",
                     f"/rest/v0/vms/{vm}/stats.xml"):
            self.assertEqual(401, self.raw(path, rest=self.fleet.anonymous)[0])
        word = base64.b64encode(f"root:{self.rest.token}".encode()).decode()
        status, kind, text = self.raw(f"/rrd_updates?start=-60&vm_uuid={vm}", rest=self.fleet.anonymous,
                                      headers={"Authorization": f"Basic {word}"})
        self.assertEqual((200, "text/xml"), (status, kind))
        self.assertEqual(len(NAMES), len(self.read_xml(text)[1]))


class OnAHost(unittest.TestCase):
    """The host's own socket has what the host sampled itself."""

    def test_files_and_updates(self):
        with tempfile.TemporaryDirectory(prefix="muster-rrd-host-") as folder:
            with Fleet(pathlib.Path(folder)) as fleet:
                fleet.start_aggregator()
                agent = fleet.add_agent("host1")
                fleet.wait_connected(1)
                self.look(agent, pathlib.Path(folder))

    def look(self, agent, folder):
        def get(path):
            done = subprocess.run(["curl", "-sS", "--unix-socket", str(agent.socket),
                                   f"http://host{path}"], capture_output=True, text=True,
                                  timeout=60, check=True)
            return done.stdout

        def sampled():
            text = get("/host_rrd")
            return text if "<name>loadavg</name>" in text else None
        root = xml.fromstring(wait_until("a sample of the host", sampled))
        self.assertEqual(4, len(root.findall("rra")))
        updates = xml.fromstring(get("/rrd_updates?start=-60&host=true"))
        self.assertTrue(any(e.text.startswith("AVERAGE:host:") and e.text.endswith(":loadavg")
                            for e in updates.iter("entry")))
        host = next(iter(updates.iter("entry"))).text.split(":")[2]
        (folder / "host.xml").write_text(get(f"/rest/v0/hosts/{host}/stats.xml"))
        rrdtool("restore", folder / "host.xml", folder / "host.rrd")
        self.assertIn("loadavg", rrdtool("info", folder / "host.rrd"))


if __name__ == "__main__":
    unittest.main()
