# SPDX-License-Identifier: Apache-2.0
"""Definitions keep every setting of a domain, on real libxl.

A domain that `xl create` made with settings that definitions have no field for is adopted, shut
down, and started from its definition: what libxl records of it must be the same as before.
"""

import json
import os
import pathlib
import sys
import unittest
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from host import TOP, LabHost  # noqa: E402
from tests.support.rest import wait_until  # noqa: E402

BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD") or TOP / "build")
SOCKET = "/run/muster/agent.sock"
ODD = ['cpuid="host,tm=0,est=0"', "localtime=1", "rtc_timeoffset=\"-3600\"", 'tsc_mode="native"',
       'device_model_args=["-name", "odd"]', "max_grant_frames=48", "max_maptrack_frames=512",
       "max_event_channels=511", "cpu_weight=300", "cap=80", 'cpus="0-1"', 'cpus_soft=["1"]', "maxvcpus=2",
       "maxmem=128", "nomigrate=1", "e820_host=1", 'ioports=["2f8-2ff"]', 'on_crash="coredump-restart"',
       'on_watchdog="preserve"', 'on_soft_reset="destroy"']
VIFS = ["mac=00:16:3e:44:00:01,bridge=xenbr0,rate=1MB/s@20ms,vifname=odd0,trusted",
        "mac=00:16:3e:44:00:02,bridge=xenbr0,mtu=1400,model=e1000,devid=3"]


class Definitions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.host = cls.enterClassContext(LabHost.up("definitions", cpus=2))
        cls.host.run("systemctl stop muster-agent; rm -rf /var/lib/muster", check=False)
        cls.host.destroy_guests()
        cls.host.install_agent(BUILD)
        cls.host.run(["systemctl", "restart", "muster-agent"])

    def tearDown(self):
        self.host.destroy_guests()

    def rest(self, method, path):
        """A request to the admin socket, as one makes it in dom0; fails unless it is granted."""
        out = self.host.out(["curl", "-sS", "-X", method, "-w", "\n%{http_code}", "--unix-socket", SOCKET,
                             f"http://localhost/rest/v0{path}"])
        body, _, status = out.rpartition("\n")
        self.assertIn(int(status), (200, 201, 204), body)
        return json.loads(body) if body.strip() else None

    def record(self, name):
        """libxl's own record of a domain's configuration, without what is of one run."""
        domain = self.host.domain(name)
        path = f"/var/lib/xen/userdata-d.{domain['domid']}.{domain['uuid']}.libxl-json"
        record = json.loads(self.host.read(path).rstrip("\0"))  # libxl keeps the text's end
        return plain(of_any_run(record))

    def adopted_and_started_again(self, name, vm):
        wait_until("it is listed", lambda: any(v["id"] == vm for v in self.rest("GET", "/vms?fields=id")), step=0.5)
        before = self.record(name), self.listed(name)
        for action in ("adopt", "hard_shutdown", "start"):
            self.rest("POST", f"/vms/{vm}/actions/{action}?sync=true")
        wait_until("it runs again", lambda: self.host.domain(name), step=0.5)
        return before, (self.record(name), self.listed(name))

    def listed(self, name):
        """What `xl list -l` says of it, less what each run has anew."""
        whole = json.loads(self.host.out(["xl", "list", "-l", name]))
        config = whole[0]["config"] if isinstance(whole, list) else whole["config"]
        return plain(of_any_run(config))

    def test_odd_settings_survive_adoption(self):
        vm = str(uuid.uuid4())
        self.host.run("truncate -s 16M /srv/odd.img")
        self.host.guest("odd", uuid=vm, vcpus=1, vifs=VIFS, lines=ODD,
                        disks=["format=raw,vdev=xvda,access=ro,discard,direct-io-safe,target=/srv/odd.img"])
        before, after = self.adopted_and_started_again("odd", vm)
        self.maxDiff = None
        self.assertEqual(after[0], before[0])
        self.assertEqual(after[1], before[1])
        definition = json.loads(self.host.read(f"/var/lib/muster/vms/{vm}.json"))
        self.assertEqual(definition["cpus"], "0-1")
        self.assertEqual(definition["cpuWeight"], 300)
        self.assertIn("cpuid", definition["libxl"]["b_info"])
        self.assertTrue(definition["disks"][0]["libxl"]["direct_io_safe"])

    def test_an_imported_file_starts_as_xl_would_start_it(self):
        vm = str(uuid.uuid4())
        self.host.write("/srv/imported.cfg", self.host.guest_config("imported", uuid=vm, vcpus=1, vifs=VIFS, lines=ODD))
        definition = self.host.out("muster-agent import --format xl /srv/imported.cfg")
        self.host.write("/srv/imported.json", definition)
        host = self.rest("GET", "/hosts?fields=id")[0]["id"]
        out = self.host.out(["curl", "-sS", "-f", "--unix-socket", SOCKET, "-H", "Content-Type: application/json",
                             "--data-binary", "@/srv/imported.json", f"http://localhost/rest/v0/hosts/{host}/vms"])
        self.assertEqual(json.loads(out)["id"], vm)
        self.rest("POST", f"/vms/{vm}/actions/start?sync=true")
        ours = self.record("imported")
        self.rest("POST", f"/vms/{vm}/actions/hard_shutdown?sync=true")
        self.rest("DELETE", f"/vms/{vm}")
        self.host.run("xl create -q /srv/imported.cfg </dev/null")
        self.maxDiff = None
        self.assertEqual(from_a_file(ours), from_a_file(self.record("imported")))


def of_any_run(config):
    """Less what a run has of its own: the domain's number, and the mark of who built it."""
    config["c_info"].pop("domid", None)
    config["c_info"].get("xsdata", {}).pop("muster/owner", None)
    return config


def plain(value):
    """Without members that say nothing; "destroy" is what an action is that is not said."""
    if isinstance(value, dict):
        kept = {name: plain(v) for name, v in value.items()}
        return {name: v for name, v in kept.items()
                if v not in ({}, []) and not (name.startswith("on_") and v == "destroy")}
    return [plain(v) for v in value] if isinstance(value, list) else value


def from_a_file(record):
    """Less what xl.conf says beside the file."""
    for part, name in (("c_info", "run_hotplug_scripts"), ("b_info", "claim_mode")):
        record[part].pop(name, None)
    return record


if __name__ == "__main__":
    unittest.main()
