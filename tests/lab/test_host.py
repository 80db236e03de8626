# SPDX-License-Identifier: Apache-2.0
"""A host's details, messages, journal, maintenance and power on real Xen, over its admin socket.

What the agent says is checked against `xl`, sysfs and the machine itself, never against itself.
"""

import json
import pathlib
import re
import shlex
import subprocess
import sys
import unittest
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from host import GUEST_MEMORY_MIB, PATIENCE_S, LabHost, wait_for  # noqa: E402
from tests.support.fleet import BUILD  # noqa: E402

SOCKET = "/run/muster/agent.sock"
MIB = 1 << 20


class HostCase(unittest.TestCase):
    NAME = "host-facts"
    CPUS = 2

    @classmethod
    def setUpClass(cls):
        cls.host = cls.enterClassContext(LabHost.up(cls.NAME, cpus=cls.CPUS))
        cls.host.run("systemctl stop muster-agent; rm -rf /var/lib/muster", check=False)
        cls.host.destroy_guests()
        cls.host.install_agent(BUILD)
        cls.host.run(["systemctl", "restart", "muster-agent"])
        cls.host.wait_run("the admin socket", f"curl -sf --unix-socket {SOCKET} http://x/rest/v0/ping")
        cls.host_id = cls.get("/hosts?fields=id")[0]["id"]

    @classmethod
    def curl(cls, method, path, body=None):
        """(status, text)"""
        command = ["curl", "-s", "--unix-socket", SOCKET, "-X", method, "-w", "\n%{http_code}",
                   f"http://x/rest/v0{path}"]
        if body is not None:
            command += ["-H", "content-type: application/json", "-d", json.dumps(body)]
        text, _, status = cls.host.out(shlex.join(command)).rpartition("\n")
        return int(status), text

    @classmethod
    def get(cls, path):
        status, text = cls.curl("GET", path)
        assert status == 200, f"{path}: {status} {text}"
        return json.loads(text)

    @classmethod
    def xl_info(cls):
        rows = (line.split(":", 1) for line in cls.host.out("xl info").splitlines() if ":" in line)
        return {key.strip(): value.strip() for key, value in rows}


class Facts(HostCase):
    def test_details_equal_xl_info(self):
        details, info = self.get(f"/hosts/{self.host_id}/details"), self.xl_info()
        cpu, xen, memory = details["cpu"], details["xen"], details["memory"]
        self.assertEqual(
            {key: info[key] for key in (
                "nr_cpus", "cores_per_socket", "threads_per_core", "hw_caps", "virt_caps",
                "xen_version", "xen_extra", "xen_caps", "xen_scheduler", "xen_changeset",
                "xen_commandline", "cc_compiler", "cc_compile_by", "cc_compile_domain",
                "cc_compile_date", "build_id", "release")},
            {"nr_cpus": str(cpu["count"]), "cores_per_socket": str(cpu["coresPerSocket"]),
             "threads_per_core": str(cpu["threadsPerCore"]), "hw_caps": cpu["hwCaps"],
             "virt_caps": xen["virtCaps"], "xen_version": xen["version"],
             "xen_extra": xen["extra"], "xen_caps": xen["capabilities"].strip(),
             "xen_scheduler": xen["scheduler"], "xen_changeset": xen.get("changeset", ""),
             "xen_commandline": xen["commandLine"].strip(), "cc_compiler": xen["compiler"],
             "cc_compile_by": xen["compiledBy"], "cc_compile_domain": xen.get("compileDomain", ""),
             "cc_compile_date": xen["compileDate"], "build_id": xen.get("buildId", ""),
             "release": details["dom0"]["kernel"]})
        self.assertAlmostEqual(float(info["cpu_mhz"]), cpu["mhz"], delta=1)
        self.assertEqual(int(info["total_memory"]), memory["totalBytes"] // MIB)
        self.assertAlmostEqual(int(info["free_memory"]), memory["freeBytes"] // MIB, delta=2)
        self.assertEqual(int(info["outstanding_claims"]), memory["claimedBytes"])

    def test_dom0_numa_and_pools(self):
        details = self.get(f"/hosts/{self.host_id}/details")
        dom0, xl = details["dom0"], self.host.xl_list()[0]
        self.assertEqual(self.host.read("/proc/cmdline").strip(), dom0["commandLine"])
        self.assertEqual(xl["vcpus"], dom0["vcpus"])
        self.assertAlmostEqual(xl["memory_mib"], dom0["memoryBytes"] // MIB, delta=1)
        told = re.findall(r"^\s+(\d+):\s+(\d+)\s+\d+\s+\d+", self.host.out("xl info -n").partition(
            "numa_info")[2], re.MULTILINE)
        self.assertTrue(told)
        self.assertEqual([(int(node), int(memory)) for node, memory in told],
                         [(n["node"], n["memoryBytes"] // MIB) for n in details["numa"]])
        self.assertEqual(sorted(c["cpu"] for c in details["cpu"]["topology"]),
                         sorted(c for n in details["numa"] for c in n["cpus"]))
        self.expect_domain_0(xl)
        ram = sum(r["sizeBytes"] for r in details["memoryMap"] if r["kind"] == "ram")
        self.assertAlmostEqual(details["memory"]["totalBytes"], ram, delta=64 * MIB)
        pool = details["cpupools"][0]
        words = self.host.out("xl cpupool-list").splitlines()[1].split()
        self.assertEqual([words[0], int(words[1]), words[2], int(words[4])],
                         [pool["name"], len(pool["cpus"]), pool["scheduler"], pool["domainCount"]])
        told = self.host.out("xl sched-credit2 -s -p Pool-0")
        self.assertIn(f"ratelimit={pool['parameters']['ratelimitUs']}us", told.replace(" ", ""))

    def expect_domain_0(self, xl):
        """As `xl list` and `xl vcpu-list` have it; those that are offline have a "p" in their state."""
        dom0, = self.get("/vm-controllers?fields=*")
        states = [line.split()[4] for line in self.host.out("xl vcpu-list Domain-0").splitlines()[1:]]
        self.assertEqual({"number": sum("p" not in state for state in states), "max": len(states)}, dom0["CPUs"])
        self.assertEqual(xl["vcpus"], dom0["CPUs"]["number"])
        self.assertAlmostEqual(xl["memory_mib"], dom0["memory"]["size"] // MIB, delta=1)
        target = self.host.xenstore("/local/domain/0/memory/target")
        shall = int(target) << 10 if target else dom0["memory"]["size"]
        self.assertEqual([shall, shall], dom0["memory"]["dynamic"])
        self.assertGreaterEqual(dom0["memory"]["static"][1], dom0["memory"]["size"])
        self.assertEqual(("Running", self.host_id, dom0["id"]),
                         (dom0["power_state"], dom0["$container"], self.get(f"/hosts/{self.host_id}")["controlDomain"]))
        self.assertNotEqual(str(uuid.UUID(int=0)), dom0["id"])

    def test_dmesg_is_xl_dmesg(self):
        status, text = self.curl("GET", f"/hosts/{self.host_id}/dmesg")
        self.assertEqual(200, status)
        self.assertEqual(self.host.out("xl dmesg").strip(), text.strip())
        self.assertIn("Xen version 4.17", text)

    def test_journal_has_our_own_lines(self):
        entries = self.get(f"/hosts/{self.host_id}/journal?unit=muster-agent.service&lines=50")
        self.assertTrue(any("admin socket open" in (e.get("message") or "") for e in entries))
        self.assertEqual({"muster-agent.service"}, {e["unit"] for e in entries})
        self.assertEqual(sorted(e["at"] for e in entries), [e["at"] for e in entries])
        marker = f"marker-{uuid.uuid4()}"
        self.host.run(["logger", marker])
        after = entries[-1]["cursor"].replace(";", "%3B").replace("=", "%3D")
        self.host.wait("the entry after the cursor", lambda: any(
            e.get("message") == marker for e in self.get(f"/hosts/{self.host_id}/journal?cursor={after}")))
        boots = self.get(f"/hosts/{self.host_id}/boots")
        self.assertEqual(self.host.out("journalctl -qn1 -o json | jq -r ._BOOT_ID"), boots[-1]["boot"])
        status, text = self.curl("GET", f"/hosts/{self.host_id}/journal?unit=--flush")
        self.assertEqual(422, status, text)

    def test_pci_devices_are_those_of_sysfs(self):
        script = ("cd /sys/bus/pci/devices; for d in *; do "
                  "echo $d $(cat $d/class) $(cat $d/vendor) $(cat $d/device) "
                  "$(basename $(readlink $d/driver || echo -)); done")
        told = [line.split() for line in self.host.out(script).splitlines()]
        pcis = self.get(f"/hosts/{self.host_id}/details")["pcis"]
        self.assertTrue(told)
        self.assertEqual(
            told, [[p["address"], "0x" + p["class"], "0x" + p["vendor"], "0x" + p["device"],
                    p.get("driver", "-")] for p in pcis])
        if self.host.run("test -e /usr/lib/udev/hwdb.bin", check=False).returncode == 0:
            self.assertIn("Host bridge", {p["className"] for p in pcis})

    def test_usb_devices_are_those_of_sysfs(self):
        script = ("cd /sys/bus/usb/devices; for d in *; do case $d in *:*) continue;; esac; "
                  "echo $(cat $d/busnum).$(cat $d/devnum) $d $(cat $d/idVendor) $(cat $d/idProduct) "
                  "$(cat $d/speed)000 $(basename $(dirname $(readlink usb$(cat $d/busnum)))); done")
        told = sorted(line.split() for line in self.host.out(script).splitlines())
        usbs = self.get(f"/hosts/{self.host_id}/details")["usbs"]
        self.assertEqual(told, sorted([u["device"], u["port"], u["vendor"], u["product"], str(u["speedKbps"]),
                                       u["controller"]] for u in usbs))
        tablet = next(u for u in usbs if not u["hub"])
        self.assertEqual(("QEMU USB Tablet", "Human interface"), (tablet["deviceName"], tablet["className"]))

    def test_disks(self):
        disks = {d["name"]: d for d in self.get(f"/hosts/{self.host_id}/details")["disks"]}
        rows = self.host.out("lsblk -bdnro NAME,SIZE,TYPE").splitlines()
        told = {row.split()[0]: int(row.split()[1]) for row in rows if row.split()[2] in ("disk", "rom")}
        self.assertEqual(told, {name: d["sizeBytes"] for name, d in disks.items()})
        self.assertIn({"kind": "mount", "name": "/"}, disks["vda"]["usedBy"])
        self.assertEqual([], disks["vdb"]["usedBy"])
        self.host.run("pvcreate -q /dev/vdb && vgcreate -q vg0 /dev/vdb && lvcreate -qn data -L 64M vg0")
        try:
            disks = {d["name"]: d for d in self.get(f"/hosts/{self.host_id}/details")["disks"]}
            self.assertEqual([{"kind": "lvm", "name": "vg0-data"}], disks["vdb"]["usedBy"])
        finally:
            self.host.run("vgremove -qf vg0 && pvremove -q /dev/vdb")

    def test_host_object(self):
        host, info = self.get(f"/hosts/{self.host_id}"), self.xl_info()
        self.assertEqual(info["nr_cpus"], host["CPUs"]["cpu_count"])
        self.assertEqual(int(info["nr_cpus"]), host["cpus"]["cores"])
        for key in ("vendor", "family", "model", "stepping", "threads_per_core"):
            self.assertTrue(host["CPUs"][key])
        self.assertEqual("hvm_directio" in info["virt_caps"], host["chipset_info"]["iommu"])
        self.assertEqual(self.host.read("/sys/class/dmi/id/sys_vendor").strip(),
                         host["bios_strings"]["system-manufacturer"])
        self.assertTrue(host["enabled"])
        self.assertEqual({"enabled": int(info["threads_per_core"]) > 1},
                         self.get(f"/hosts/{self.host_id}/smt"))


class Networks(HostCase):
    NAME = "host-net"
    CPUS = 1

    def call(self, method, path, body=None):
        status, text = self.curl(method, path, body)
        self.assertIn(status, (200, 201, 204), text)
        return json.loads(text) if text else None

    def bridges(self):
        return {n["bridge"]: n for n in self.get("/networks?fields=*")}

    def test_networks_and_devices_are_objects(self):
        self.host.wait("the networks are seen", lambda: set(self.bridges()) == {"xenbr0", "xenbr1"})
        pifs = {p["device"]: p for p in self.get("/pifs?fields=*")}
        self.assertEqual({"eth0": True, "eth1": False}, {device: p["management"] for device, p in pifs.items()})
        self.assertEqual([pifs["eth0"]["id"]], self.bridges()["xenbr0"]["PIFs"])
        told = self.host.out("ls /sys/bus/pci/devices").split()
        self.host.wait("the devices are seen",
                       lambda: sorted(p["pci_id"] for p in self.get("/pcis?fields=pci_id")) == told)

    def test_a_network_is_made_and_deleted(self):
        self.host.run("cp /etc/network/interfaces /srv/interfaces; "
                      "echo 'source /etc/network/interfaces.d/*' >>/etc/network/interfaces")
        self.addCleanup(self.host.run, "cp /srv/interfaces /etc/network/interfaces")
        self.host.wait("the networks are seen", lambda: "xenbr1" in self.bridges())
        pif = next(p["id"] for p in self.get("/pifs?fields=*") if p["device"] == "eth1")
        pool = self.get("/pools?fields=id")[0]["id"]
        made = self.call("POST", f"/pools/{pool}/actions/create_network?sync=true",
                         {"name": "lab", "pif": pif, "vlan": 9})
        link = json.loads(self.host.out("ip -j -d link show eth1.9"))[0]
        self.assertEqual(("lab", 9), (link["master"], link["linkinfo"]["info_data"]["id"]))
        self.assertEqual((True, made["id"]), tuple(self.bridges()["lab"][k] for k in ("managed", "id")))
        self.host.run(["systemctl", "restart", "muster-agent"])
        self.host.wait_run("the admin socket", f"curl -sf --unix-socket {SOCKET} http://x/rest/v0/ping")
        self.host.wait("it is still there", lambda: self.bridges().get("lab", {}).get("managed"))
        self.call("DELETE", f"/networks/{made['id']}")
        self.assertEqual({"xenbr0", "xenbr1"}, set(self.bridges()))
        self.assertFalse({"lab", "eth1.9"} & set(self.host.out("ls /sys/class/net").split()))


class Maintenance(HostCase):
    NAME = "host-maint"
    CPUS = 1

    def test_a_start_is_refused_until_the_host_is_enabled(self):
        vm = str(uuid.uuid4())
        definition = {"uuid": vm, "name": "web", "type": "pv", "memory": f"{GUEST_MEMORY_MIB}MiB",
                      "kernel": "/srv/guest/vmlinux", "ramdisk": "/srv/guest/guest.cpio.gz",
                      "cmdline": "console=hvc0 rdinit=/init"}
        self.assertEqual(201, self.curl("POST", f"/hosts/{self.host_id}/vms", definition)[0])
        self.assertEqual(204, self.curl("POST", f"/hosts/{self.host_id}/actions/disable?sync=true")[0])
        status, text = self.curl("POST", f"/vms/{vm}/actions/start?sync=true")
        self.assertEqual(409, status, text)
        self.assertIn("maintenance", text)
        self.assertIsNone(self.host.domain("web"))
        self.assertFalse(self.get(f"/hosts/{self.host_id}")["enabled"])
        self.host.run(["systemctl", "restart", "muster-agent"])
        self.host.wait_run("the admin socket", f"curl -sf --unix-socket {SOCKET} http://x/rest/v0/ping")
        self.assertEqual(409, self.curl("POST", f"/vms/{vm}/actions/start?sync=true")[0])
        self.assertEqual(204, self.curl("POST", f"/hosts/{self.host_id}/actions/enable?sync=true")[0])
        status, text = self.curl("POST", f"/vms/{vm}/actions/start?sync=true&timeout=300")
        self.assertEqual(204, status, text)
        self.assertIsNotNone(self.host.domain("web"))


class Reboot(HostCase):
    NAME = "host-reboot"
    CPUS = 1

    def test_guests_are_shut_down_and_then_the_host_goes(self):
        self.host.guest("web")
        self.host.guest("db", slow_s=2)
        self.host.wait("both are seen", lambda: len(self.get("/vms")) == 2)
        status, text = self.curl("POST", f"/hosts/{self.host_id}/actions/clean_reboot?sync=true")
        self.assertEqual(409, status, text)
        self.assertTrue(self.host.alive())
        self.assertIn("web", text)
        self.assertEqual(2, len(self.host.xl_list()) - 1)
        watch = self.host.spawn(["sh", "-c", "while sleep 0.2; do xl list </dev/null; echo; done"],  # polls: no event tells
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        body = json.dumps({"vms": "shutdown", "vmTimeout": 250})
        done = self.host.run(shlex.join(
            ["curl", "-s", "--max-time", "280", "--unix-socket", SOCKET, "-X", "POST", "-w", "%{http_code}",
             "-H", "content-type: application/json", "-d", body,
             f"http://x/rest/v0/hosts/{self.host_id}/actions/clean_reboot?sync=true"]), check=False)
        # The agent may be stopped with everything else before it has answered.
        self.assertIn(done.stdout, ("204", "000"))
        wait_for("the machine resets", lambda: not self.host.alive(), PATIENCE_S, 0.5)
        lists = watch.communicate()[0].split("\n\n")
        self.assertTrue(any("web" in text for text in lists))
        whole = [text for text in lists if text.count("Domain-0") == 1 and text.rstrip().endswith(tuple("0123456789"))]
        self.assertNotRegex(whole[-1], "web|db")
        console = self.host.console_log().read_text(errors="replace")
        self.assertRegex(console, "(?i)reboot|restart")


if __name__ == "__main__":
    unittest.main()
