# SPDX-License-Identifier: Apache-2.0
"""deploy/monitoring as it is: Prometheus takes it, its rules tell, and every panel has something to show."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from tests.support.fleet import Fleet
from tests.support.prometheus import Prometheus
from tests.support.rest import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/monitoring"
DASHBOARD = json.loads((FOLDER / "grafana/muster-fleet.json").read_text())


def filled(text):
    """What Grafana makes of a panel's or a variable's query."""
    for name, value in (("$__rate_interval", "30s"), ("$host", ".*"), ("$vm", ".*")):
        text = text.replace(name, value)
    return text


class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="muster-monitoring-"))
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.fleet = cls.enterClassContext(Fleet(folder))
        cls.fleet.start_aggregator()
        agent = cls.fleet.add_agent("xen1", "--sim-foreign", "2")
        cls.fleet.wait_connected(1)
        (folder / "disks").mkdir()
        cls.fleet.rest.post("/srs", {"hostId": agent.host_id, "name_label": "disks", "SR_type": "dir",
                                     "device_config": {"location": str(folder / "disks")}})
        text = (FOLDER / "prometheus.yml").read_text()
        for old, new in (("/etc/prometheus/muster.token", folder / "token"),
                         ("/etc/prometheus/muster-ca.crt", cls.fleet.state / "ca.crt"),
                         ("muster.example.org:8443", f"127.0.0.1:{cls.fleet.port}"),
                         ("muster.rules.yml", FOLDER / "muster.rules.yml"),
                         ("scrape_interval: 15s", "scrape_interval: 2s")):
            assert old in text, old
            text = text.replace(old, str(new))
        cls.prometheus = Prometheus(cls.fleet, folder / "prometheus", text=text)
        cls.addClassCleanup(cls.prometheus.kill)
        cls.prometheus.start()

    def test_every_panel_shows_something(self):
        queries = [t["expr"] for p in DASHBOARD["panels"] for t in p.get("targets", [])]
        self.assertGreater(len(queries), 15)
        for query in map(filled, queries):
            with self.subTest(query):
                wait_until(query, lambda q=query: self.prometheus.query(q))

    def test_legends_are_of_labels_that_there_are(self):
        for target in (t for p in DASHBOARD["panels"] for t in p.get("targets", [])):
            found = wait_until(target["expr"], lambda t=target: self.prometheus.query(filled(t["expr"])))
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                self.assertIn(label, found[0][0], target)

    def test_every_variable_has_values(self):
        queries = [v["definition"] for v in DASHBOARD["templating"]["list"] if v["type"] == "query"]
        self.assertEqual(2, len(queries))
        for query in queries:
            series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", filled(query)).groups()
            found = wait_until(query, lambda s=series: self.prometheus.query(s))
            self.assertTrue(all(labels[label] for labels, _ in found), found)

    def test_rules_are_loaded_and_quiet(self):
        def looked():
            rules = [r for g in self.prometheus.api("rules")["groups"] for r in g["rules"]]
            return rules if all(r["health"] != "unknown" for r in rules) else None
        rules = wait_until("all rules are evaluated", looked, 120)
        self.assertEqual(5, len(rules))
        self.assertEqual({("ok", "")}, {(r["health"], r.get("lastError", "")) for r in rules})

    def test_rules_tell(self):
        done = subprocess.run(["promtool", "test", "rules", ROOT / "tests/data/monitoring/rules.test.yml"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
