# SPDX-License-Identifier: Apache-2.0
"""An agent in a lab host's dom0, an aggregator outside, and a REST client of it.

    aggregator (here) <- proxy that can be cut <- agent (dom0, as its systemd unit) <- libxl

What the aggregator's REST says is checked against `xl list` and xenstore, never against itself.
"""

import functools
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from host import GUEST_MEMORY_MIB, LabHost  # noqa: E402
from tests.support.fleet import BUILD, Fleet  # noqa: E402
from tests.support.rest import Proxy, RestError, wait_until  # noqa: E402

OUTSIDE = LabHost.OUTSIDE
GUEST = {"type": "pv", "vcpus": 1, "memory": f"{GUEST_MEMORY_MIB}MiB", "kernel": "/srv/guest/vmlinux",
         "ramdisk": "/srv/guest/guest.cpio.gz", "cmdline": "console=hvc0 rdinit=/init quiet mitigations=off"}
OP_DEADLINE = 300


def on_emulated_hvm(test):
    """A test with a PVH or HVM guest. The emulator at times breaks one (docs/testing-lab.md, "Traps"): then there is no
    verdict, and the test begins anew, at most twice. A test that fails while all guests are well has failed."""

    @functools.wraps(test)
    def run(self):
        for _ in range(2):
            broken = self.host.guests_that_the_emulator_broke()
            try:
                return test(self)
            except Exception as error:
                if self.host.guests_that_the_emulator_broke() == broken:
                    raise
                print(f"the emulator broke a guest, once more; without that: {error}")
                self.tearDown()
                self.setUp()
        return test(self)

    return run


class FleetCase(unittest.TestCase):
    NAME = None  # of the lab host
    CPUS = 1  # it has
    ADDRESS = None  # of the guest that sh() talks to

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="muster-lab-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.fleet = cls.enterClassContext(Fleet(cls.folder.name))
        cls.fleet.start_aggregator("--name", OUTSIDE)
        cls.proxy = Proxy(("127.0.0.1", cls.fleet.fleet_port))
        cls.addClassCleanup(cls.proxy.close)
        cls.host = cls.enterClassContext(LabHost.up(cls.NAME, cpus=cls.CPUS))
        # A host that was kept (MUSTER_LAB_KEEP) starts from nothing as well.
        cls.host.run("systemctl stop muster-agent; rm -rf /var/lib/muster", check=False)
        cls.host.destroy_guests()
        cls.host.install_agent(BUILD)
        cls.host.run(["muster-agent", "enrol", "--server", f"https://{OUTSIDE}:{cls.fleet.port}",
                      "--token", cls.fleet.join_token()])
        cls.host.write("/etc/muster/agent.conf", f"aggregator = {OUTSIDE}:{cls.proxy.port}\n")
        cls.host.run(["systemctl", "restart", "muster-agent"])
        cls.fleet.wait_connected(1)
        cls.rest = cls.fleet.rest
        cls.host_id = cls.rest.get("/hosts?fields=id")[0]["id"]

    def tearDown(self):
        self.proxy.mend()
        wait_until("the host is empty", self.clear, step=0.5)

    def clear(self):
        """Power off and forget what there is; true when there is nothing."""
        for vm_id, vm in self.rest.vms("id,power_state,managed").items():
            try:
                if vm["power_state"] != "Halted":
                    self.rest.action(vm_id, "hard_shutdown")
                if vm["managed"]:
                    self.rest.delete(f"/vms/{vm_id}")
            except RestError as refused:  # what was asked before is still at work: look again
                print(f"clearing {vm_id}: {refused}")
        return not self.rest.vms("id") and not self.domains()

    # -- what the host itself says

    def domains(self):
        """uuid -> {domid, name, state} of `xl list`, dom0 left out."""
        return {d["uuid"]: d for d in self.host.xl_list() if d["domid"] != 0}

    def domain(self, vm_id):
        return self.domains().get(vm_id)

    def assert_views_agree(self):
        """The aggregator's picture equals the hypervisor's, whole, and nothing is half dead."""

        def agree():
            domains = self.domains()
            vms = self.rest.vms("id,power_state,domid,name_label,managed")
            for vm_id, vm in vms.items():
                d = domains.get(vm_id)
                if vm["power_state"] in ("Halted", "Suspended") and d is None:
                    continue
                want = "Paused" if d and "p" in d["state"] else "Running"
                if not d or vm["power_state"] != want or vm["domid"] != d["domid"]:
                    return False
            return set(domains) <= set(vms)

        wait_until("aggregator and xl agree", agree, step=1)
        for d in self.host.xl_list():
            self.assertNotIn("(null)", d["name"])
            self.assertNotIn("d", d["state"], f"zombie: {d}")

    # -- doing things

    def define(self, name, **changes):
        definition = {**GUEST, "uuid": str(uuid.uuid4()), "name": name, **changes}
        return self.rest.post(f"/hosts/{self.host_id}/vms", definition)["id"]

    def call(self, method, object_id, **arguments):
        answer = self.rest.post("/calls", {"method": method, "objectId": object_id,
                                           "arguments": arguments})
        ended = self.rest.task(answer["taskId"], OP_DEADLINE)
        self.assertEqual("success", ended["status"], ended)
        return ended.get("result", {})

    def muster(self, *words):
        """What the command line says, outside."""
        env = {**os.environ, "MUSTER_URL": self.fleet.url, "MUSTER_TOKEN": self.rest.token,
               "MUSTER_CA": str(self.fleet.state / "ca.crt")}
        done = subprocess.run([BUILD / "aggregator/cli/muster", *words], env=env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=OP_DEADLINE)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def sh(self, command):
        """A command in the guest, over the network."""
        script = f"{command}\nr=$?; echo; echo done-$r\nexit\n"
        # A guest that dies meanwhile never says that it has.
        out = self.host.out(["timeout", "120", "busybox", "nc", "-w", "60", self.ADDRESS, "23"], input=script)
        self.assertIn("done-0", out)
        return out.split("done-0")[0].strip()

    def started(self, name, **changes):
        vm_id = self.define(name, **changes)
        self.rest.action(vm_id, "start")
        return vm_id

    def guest_up(self, vm_id):
        """The guest has booted: its agent keys are in xenstore."""
        wait_until(f"guest {vm_id} is up", lambda: (d := self.domain(vm_id)) and self.host.xenstore(
            f"/local/domain/{d['domid']}/attr/PVAddons/MajorVersion"), OP_DEADLINE, 1)
