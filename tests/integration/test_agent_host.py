# SPDX-License-Identifier: Apache-2.0
"""The agent's host on a simulated driver: details, messages, journal, maintenance, power."""

import json
import os
import pathlib
import stat
import unittest
import uuid
import zlib

from test_agent_admin import AgentCase
from tests.support.rest import RestError, wait_until

# A journalctl that prints what it was asked, and one entry for each way in which a message can come.
JOURNALCTL = r"""#!/bin/sh
printf '%s\n' "$*" >>"$JOURNAL_LOG"
case "$*" in
*hang*) exec sleep 1000;; # polls: nothing, it is there to be killed
*broken*) echo "cannot open /var/log/journal" >&2; exit 1;;
*junk*) echo "this is not JSON"; exit 0;;
*--list-boots*)
	echo "IDX BOOT ID                          FIRST ENTRY                 LAST ENTRY"
	echo " -1 11111111111111111111111111111111 Tue 2024-01-02 03:04:05 UTC Tue 2024-01-02 04:04:05 UTC"
	echo "  0 22222222222222222222222222222222 Wed 2024-01-03 03:04:05 UTC Wed 2024-01-03 04:04:05 UTC"
	exit 0;;
esac
echo '{"__CURSOR":"s=a;i=1","__REALTIME_TIMESTAMP":"1700000000123456","PRIORITY":"6","MESSAGE":"hello","_SYSTEMD_UNIT":"x.service","_PID":"12","_BOOT_ID":"22222222222222222222222222222222","SYSLOG_IDENTIFIER":"x"}'
echo '{"__CURSOR":"s=a;i=2","__REALTIME_TIMESTAMP":"1700000001000000","MESSAGE":[104,105,255],"UNIT":"y.service","_SYSTEMD_UNIT":"init.scope"}'
echo '{"__CURSOR":"s=a;i=3","__REALTIME_TIMESTAMP":"1700000002000000","MESSAGE":null}'
"""

SYSTEM = """#!/bin/sh
echo "$1" >>"$0.log"
[ ! -e "$0.broken" ] || { echo "no such bus" >&2; exit 3; }
"""

QUICK = ("--sim-create", "20ms", "--sim-shutdown", "50ms", "--sim-save", "20ms", "--sim-restore", "20ms")


class HostCase(AgentCase):
    def script(self, name, text):
        path = self.fleet.folder / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def path(self, agent, what):
        return f"/hosts/{agent.host_id}/{what}"

    def act(self, agent, action, body=None):
        return agent.rest.post(self.path(agent, f"actions/{action}?sync=true"), body)


class Reading(HostCase):
    def test_details_are_consistent(self):
        for cpus, nodes in ((8, 1), (64, 2), (33, 1), (1, 1)):
            with self.subTest(cpus=cpus):
                agent = self.agent("--sim-cpus", str(cpus), "--sim-foreign", "2", *QUICK, name=f"h{cpus}")
                d, host = agent.rest.get(self.path(agent, "details")), agent.rest.get("/hosts?fields=*")[0]
                cpu = d["cpu"]
                self.assertEqual(cpus, cpu["count"])
                self.assertEqual(cpus, cpu["sockets"] * cpu["coresPerSocket"] * cpu["threadsPerCore"])
                self.assertEqual(cpus, len({c["cpu"] for c in cpu["topology"]}))
                self.assertEqual(nodes, len(d["numa"]))
                self.assertEqual(sorted(c for n in d["numa"] for c in n["cpus"]), list(range(cpus)))
                self.assertEqual(d["memory"]["totalBytes"], sum(n["memoryBytes"] for n in d["numa"]))
                self.assertEqual(host["memory"]["total"], d["memory"]["totalBytes"])
                self.assertEqual(host["CPUs"]["vendor"], cpu["vendor"])
                self.assertEqual(str(cpu["threadsPerCore"]), host["CPUs"]["threads_per_core"])
                self.assertTrue(host["chipset_info"]["iommu"])
                self.assertEqual({"enabled": cpu["threadsPerCore"] > 1}, agent.rest.get(self.path(agent, "smt")))
                domids = {vm["domid"] for vm in agent.rest.vms().values()} | {0}
                self.assertEqual(domids, set(d["cpupools"][0]["domains"]))
                self.assertEqual(([], [], []), (d["pcis"], d["usbs"], d["disks"]))
                self.assertEqual(0, agent.stop())

    def test_domain_0(self):
        agent = self.agent("--sim-cpus", "8")
        dom0, = agent.rest.get("/vm-controllers?fields=*")
        details = agent.rest.get(self.path(agent, "details"))["dom0"]
        size = details["memoryBytes"]
        self.assertEqual({"number": details["vcpus"], "max": 8}, dom0["CPUs"])
        self.assertEqual({"size": size, "dynamic": [size, size], "static": [0, details["memoryMaxBytes"]]},
                         dom0["memory"])
        self.assertEqual(("Running", agent.host_id, "pv"),
                         tuple(dom0[k] for k in ("power_state", "$container", "virtualizationMode")))
        self.assertEqual(dom0["id"], agent.rest.get(f"/hosts/{agent.host_id}")["controlDomain"])
        self.assertEqual(501, agent.rest.request("PUT", f"/vm-controllers/{dom0['id']}/tags/gold")[0])
        self.assertEqual(0, agent.stop())
        agent.start()
        self.assertEqual([dom0["id"]], [d["id"] for d in agent.rest.get("/vm-controllers?fields=id")])

    def test_devices_out_of_a_tree(self):
        sysfs = self.fleet.folder / "sys"
        card = sysfs / "bus/pci/devices/0000:03:00.0"
        card.mkdir(parents=True)
        for name, text in {"class": "0x020000", "vendor": "0x8086", "device": "0x10d3"}.items():
            (card / name).write_text(text + "\n")
        (card / "driver").symlink_to("../../../../bus/pci/drivers/pciback")
        (sysfs / "class/dmi/id").mkdir(parents=True)
        (sysfs / "class/dmi/id/sys_vendor").write_text("Example Ltd\n")
        for number in (3, 4):
            stick = sysfs / f"bus/usb/devices/1-{number}"
            stick.mkdir(parents=True)
            for name, text in {"busnum": "1", "devnum": str(number), "idVendor": "0951", "idProduct": "1666",
                               "bDeviceClass": "08", "speed": "480", "product": "Stick"}.items():
                (stick / name).write_text(text + "\n")
        agent = self.agent("--sim-sysfs", str(sysfs), *QUICK)
        vm = agent.define(name="hv", type="hvm", memory="64MiB", usbDevices=[{"bus": 1, "address": 3}])
        d = agent.rest.get(self.path(agent, "details"))
        self.assertNotIn("vm", d["usbs"][0], "it does not run")
        agent.rest.action(vm, "start")
        d = agent.rest.get(self.path(agent, "details"))
        self.assertEqual([{"device": "1.3", "port": "1-3", "vendor": "0951", "product": "1666", "deviceName": "Stick",
                           "class": "08", "className": "Mass storage", "hub": False, "speedKbps": 480000, "vm": vm},
                          {"device": "1.4"}],
                         [{k: v for k, v in d["usbs"][0].items() if k != "vendorName"}, {"device": d["usbs"][1]["device"]}])
        self.assertNotIn("vm", d["usbs"][1])
        self.assertEqual(1, len(d["pcis"]))
        self.assertEqual(("0000:03:00.0", "8086", "10d3", "pciback", True),
                         tuple(d["pcis"][0][k] for k in ("address", "vendor", "device", "driver", "assignable")))
        self.assertEqual("Example Ltd", d["bios"]["manufacturer"])
        self.assertEqual({"system-manufacturer": "Example Ltd"},
                         agent.rest.get(f"/hosts/{agent.host_id}")["bios_strings"])

    def test_messages(self):
        agent = self.agent()
        status, headers, data = agent.rest.request("GET", self.path(agent, "dmesg"))
        self.assertEqual((200, "text/plain; charset=utf-8"), (status, headers["content-type"]))
        self.assertIn(b"(XEN) Xen version 4.17", data)

    def test_unknown_host(self):
        agent = self.agent()
        for what in ("details", "dmesg", "journal", "boots", "smt"):
            self.refused(404, ["host"], agent.rest.get, f"/hosts/{agent.host_id[:-4]}0000/{what}")


class Journal(HostCase):
    def journal_agent(self):
        self.script("journalctl", JOURNALCTL)
        self.log = self.fleet.folder / "asked"
        agent = self.agent(start=False)
        agent.env.update(PATH=f"{self.fleet.folder}:{os.environ['PATH']}", JOURNAL_LOG=str(self.log))
        return agent.start()

    def test_entries(self):
        agent = self.journal_agent()
        entries = agent.rest.get(self.path(agent, "journal?unit=x.service&lines=7&since=1700000000500"
                                                  "&boot=" + 32 * "2"))
        self.assertEqual({"at": 1700000000123, "unit": "x.service", "identifier": "x", "pid": 12, "priority": 6,
                          "message": "hello", "boot": 32 * "2", "cursor": "s=a;i=1"}, entries[0])
        self.assertEqual(("y.service", "hi?"), (entries[1]["unit"], entries[1]["message"]))
        self.assertNotIn("message", entries[2])
        asked = self.log.read_text()
        for word in ("--lines=7", "--unit x.service", "--since=@1700000000.500", "--boot " + 32 * "2"):
            self.assertIn(word, asked)
        agent.rest.get(self.path(agent, "journal?cursor=s%3Da%3Bi%3D1"))
        self.assertIn("--lines=200 --after-cursor=s=a;i=1", self.log.read_text())

    def test_boots(self):
        agent = self.journal_agent()
        self.assertEqual([{"index": -1, "boot": 32 * "1", "first": 1704164645000, "last": 1704168245000},
                          {"index": 0, "boot": 32 * "2", "first": 1704251045000, "last": 1704254645000}],
                         agent.rest.get(self.path(agent, "boots")))

    def test_bad_arguments(self):
        agent = self.journal_agent()
        for query, word in (("unit=--flush", "unit"), ("unit=a b".replace(" ", "%20"), "unit"),
                            ("lines=0", "lines"), ("lines=2001", "lines"), ("lines=x", "lines"),
                            ("since=-1", "since"), ("since=yesterday", "since"), ("boot=0", "boot"),
                            ("boot=" + 32 * "g", "boot"), ("cursor=-x", "cursor"), ("unit=" + 200 * "u", "unit")):
            with self.subTest(query):
                self.refused(422, [word], agent.rest.get, self.path(agent, "journal?" + query))
        self.assertFalse(self.log.exists(), "nothing of it came to journalctl")

    def test_a_journalctl_that_fails_and_one_that_lies(self):
        agent = self.journal_agent()
        self.refused(500, ["cannot open /var/log/journal"], agent.rest.get, self.path(agent, "journal?unit=broken"))
        self.refused(400, ["entry 1 of the journal"], agent.rest.get, self.path(agent, "journal?unit=junk"))

    def test_no_journalctl(self):
        agent = self.agent(start=False)
        agent.env.update(PATH=str(self.fleet.folder))
        agent.start()
        self.refused(501, ["no systemd journal"], agent.rest.get, self.path(agent, "journal"))

    def hang(self, agent):
        connection = agent.rest.connection()
        connection.request("GET", "/rest/v0" + self.path(agent, "journal?unit=hang"))
        return connection

    def running(self, agent):
        children = pathlib.Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split()
        return len(children)

    def test_one_that_hangs_is_ended_when_nobody_waits(self):
        agent = self.journal_agent()
        connection = self.hang(agent)
        wait_until("it runs", lambda: self.running(agent) == 1)
        agent.rest.get("/hosts?fields=*")
        connection.close()
        wait_until("it was ended", lambda: self.running(agent) == 0)

    def test_too_many_at_once(self):
        agent = self.journal_agent()
        connections = [self.hang(agent) for _ in range(8)]
        wait_until("they run", lambda: self.running(agent) == 8)
        self.refused(507, ["under way"], agent.rest.get, self.path(agent, "dmesg"))
        self.assertEqual(0, agent.stop())
        for connection in connections:
            connection.close()


class Maintenance(HostCase):
    def test_it_refuses_starts_and_survives(self):
        agent = self.agent(*QUICK)
        vm, saved, runs = (self.define(agent, name) for name in ("web", "saved", "runs"))
        self.bring(agent, saved, "Suspended")
        self.bring(agent, runs, "Running")
        self.act(agent, "disable")
        self.assertFalse(agent.rest.get(f"/hosts/{agent.host_id}")["enabled"])
        self.refused(409, ["maintenance", "hint"], agent.rest.action, vm, "start")
        self.refused(409, ["maintenance"], agent.rest.action, saved, "resume")
        agent.rest.action(runs, "pause")  # what runs is operated as ever
        agent.rest.action(runs, "unpause")
        agent.rest.action(runs, "clean_reboot")
        self.assertEqual(0, agent.stop())
        agent.start()
        self.assertFalse(agent.rest.get(f"/hosts/{agent.host_id}")["enabled"])
        self.refused(409, ["maintenance", "by uid" if os.geteuid() else "by root"], agent.rest.action, vm, "start")
        agent.rest.post(f"/vms/{vm}/actions/start?sync=true", {"force": True})
        self.assertEqual("Running", agent.rest.power(vm))
        self.refused(422, ["force"], agent.rest.post, f"/vms/{vm}/actions/start", {"force": "yes"})
        self.act(agent, "enable")
        self.act(agent, "enable")
        self.assertTrue(agent.rest.get(f"/hosts/{agent.host_id}")["enabled"])
        agent.rest.action(saved, "resume")
        self.assertFalse((agent.state / "maintenance.json").exists())

    def test_a_damaged_flag_counts(self):
        agent = self.agent(start=False)
        (agent.state / "maintenance.json").write_text("{")
        agent.start()
        self.assertFalse(agent.rest.get(f"/hosts/{agent.host_id}")["enabled"])
        self.refused(409, ["maintenance"], agent.rest.action, self.define(agent), "start")
        self.act(agent, "enable")
        self.assertTrue(agent.rest.get(f"/hosts/{agent.host_id}")["enabled"])

    def test_autostart_is_left_out(self):
        agent = self.agent(*QUICK)
        vm = self.define(agent, autostart=True)
        self.act(agent, "disable")
        self.assertEqual(0, agent.stop())
        (agent.state / "autostart-boot-id").write_text("another boot\n")
        agent.start()
        self.assertIn("autostart left out in this boot: the host is in maintenance", agent.text())
        self.assertEqual("Halted", agent.rest.power(vm))

    def test_another_host(self):
        agent = self.agent()
        for action in ("enable", "disable", "clean_shutdown", "clean_reboot"):
            self.refused(404, ["no such host"], agent.rest.post,
                         f"/hosts/{agent.host_id[:-4]}0000/actions/{action}")


class Power(HostCase):
    def power_agent(self, *options, **more):
        self.system = self.script("system", SYSTEM)
        return self.agent("--sim-power", str(self.system), *QUICK, *options, **more)

    def told(self):
        log = self.system.with_name("system.log")
        return log.read_text().split() if log.exists() else []

    def start(self, agent, name, order=0, **more):
        vm = self.define(agent, name, startOrder=order, **more)
        agent.rest.action(vm, "start")
        return vm

    def shutdowns(self, agent):
        """VMs in the order in which they were asked to stop."""
        tasks = sorted(agent.rest.get("/tasks?fields=*"), key=lambda t: t["start"])
        names = {vm["id"]: vm["name_label"] for vm in agent.rest.vms().values()}
        return [names[t["properties"]["objectId"]] for t in tasks if "shutdown" in t["properties"]["method"]]

    def test_reboot_in_reverse_order(self):
        agent = self.power_agent()
        self.start(agent, "db", 1)
        self.start(agent, "web", 20)
        self.start(agent, "mail", 3)
        self.act(agent, "clean_reboot", {"vms": "shutdown", "vmTimeout": 600})
        self.assertEqual({"Halted"}, {vm["power_state"] for vm in agent.rest.vms().values()})
        self.assertEqual(["reboot"], self.told())
        self.assertEqual(["web", "mail", "db"], self.shutdowns(agent))
        self.refused(409, ["about to go down"], agent.rest.action, next(iter(agent.rest.vms())), "start")
        self.refused(409, ["about to go down"], self.act, agent, "clean_shutdown")
        self.assertEqual(0, agent.stop())

    def test_keep_refuses_and_an_empty_host_goes(self):
        agent = self.power_agent()
        vm = self.start(agent, "web")
        self.refused(409, ["web", "hint"], self.act, agent, "clean_shutdown")
        self.assertEqual(("Running", []), (agent.rest.power(vm), self.told()))
        agent.rest.action(vm, "hard_shutdown")
        self.act(agent, "clean_shutdown", {"vms": "keep"})
        self.assertEqual(["poweroff"], self.told())

    def test_suspend_of_all(self):
        agent = self.power_agent()
        vms = [self.start(agent, f"vm{n}") for n in range(3)]
        self.act(agent, "clean_shutdown", {"vms": "suspend"})
        self.assertEqual({"Suspended"}, {agent.rest.power(vm) for vm in vms})

    def test_suspend_of_a_foreign_domain_is_refused_before_anything_happens(self):
        agent = self.power_agent("--sim-foreign", "1")
        vm = self.start(agent, "web", 50)
        self.refused(409, ["adopt"], self.act, agent, "clean_shutdown", {"vms": "suspend"})
        self.assertEqual(("Running", []), (agent.rest.power(vm), self.told()))

    def test_a_deaf_guest_keeps_the_host_up_unless_forced(self):
        agent = self.power_agent()
        deaf = self.start(agent, "deaf", cmdline="sim.deaf")
        self.refused(504, ["VM deaf"], self.act, agent, "clean_reboot", {"vms": "shutdown", "vmTimeout": 1})
        self.assertEqual(("Running", []), (agent.rest.power(deaf), self.told()))
        self.act(agent, "clean_reboot", {"vms": "shutdown", "vmTimeout": 1, "force": True})
        self.assertEqual(("Halted", ["reboot"]), (agent.rest.power(deaf), self.told()))

    def ask(self, agent, body, action="clean_reboot"):
        """Its task, once the guests are asked."""
        task = agent.rest.post(self.path(agent, f"actions/{action}"), body)["taskId"]
        wait_until("a guest is asked", lambda: any(vm["current_operations"] for vm in agent.rest.vms().values()))
        return task

    def test_cancelled(self):
        agent = self.power_agent()
        deaf = self.start(agent, "deaf", 1, cmdline="sim.deaf")
        first = self.start(agent, "first", 2)
        task = self.ask(agent, {"vms": "shutdown"})
        wait_until("half is done", lambda: agent.rest.get(f"/tasks/{task}").get("progress") == 45)
        wait_until("the other is asked", lambda: agent.rest.vm(deaf)["current_operations"])
        other = self.define(agent, "other")
        self.refused(409, ["about to go down"], agent.rest.action, other, "start")
        agent.rest.post(f"/tasks/{task}/actions/abort")
        ended = self.wait_task(agent, task)
        self.assertEqual(("failure", "CANCELLED"), (ended["status"], ended["result"]["code"]))
        agent.rest.action(other, "start")
        self.assertEqual(("Running", "Halted", []), (agent.rest.power(deaf), agent.rest.power(first), self.told()))

    def test_its_deadline(self):
        agent = self.power_agent()
        deaf = self.start(agent, "deaf", cmdline="sim.deaf")
        self.refused(504, ["deadline"], agent.rest.post,
                     self.path(agent, "actions/clean_reboot?sync=true&timeout=1"), {"vms": "shutdown"})
        self.assertEqual(("Running", []), (agent.rest.power(deaf), self.told()))

    def test_a_system_that_does_not_go_down(self):
        agent = self.power_agent()
        vm = self.start(agent, "web")
        self.system.with_name("system.broken").touch()
        self.refused(500, ["no such bus"], self.act, agent, "clean_reboot", {"vms": "shutdown"})
        agent.rest.action(vm, "start")

    def test_the_agent_stops_in_the_middle(self):
        agent = self.power_agent()
        deaf = self.start(agent, "deaf", cmdline="sim.deaf")
        task = self.ask(agent, {"vms": "shutdown"})
        wait_until("the guest is asked", lambda: agent.rest.vm(deaf)["current_operations"])
        self.assertEqual(0, agent.stop())
        agent.start()
        self.assertEqual(("Running", []), (agent.rest.power(deaf), self.told()))
        ended = self.wait_task(agent, task)
        self.assertEqual(("failure", "CANCELLED"), (ended["status"], ended["result"]["code"]))

    def of_another_boot(self, journal):
        now = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        texts = [line.split(" ", 1)[1].replace(now, str(uuid.uuid4())) for line in journal.splitlines()]
        return "".join(f"{zlib.crc32(text.encode()):08x} {text}\n" for text in texts)

    def test_the_agent_dies_in_the_middle(self):
        """The verdict is what the next boot id says."""
        for boot, status, words in ((None, "failure", "has not gone down"), ("another", "success", "")):
            for action in ("clean_reboot", "clean_shutdown"):
                with self.subTest(boot=boot, action=action):
                    agent = self.power_agent(name=f"{action}-{boot}")
                    self.start(agent, "deaf", cmdline="sim.deaf")
                    task = self.ask(agent, {"vms": "shutdown"}, action)
                    agent.kill()
                    if boot:
                        journal = agent.state / "journal"
                        journal.write_text(self.of_another_boot(journal.read_text()))
                    agent.start()
                    ended = self.wait_task(agent, task)
                    self.assertEqual(status, ended["status"])
                    self.assertIn(words, json.dumps(ended.get("result")))
                    self.assertEqual([], self.told())

    def smart_reboot(self, agent, body=None):
        self.act(agent, "smart_reboot", body)

    def in_another_boot(self, agent):
        """What it has written is of a boot that is over, and nothing has been started in this one."""
        for name in ("resume.json", "autostart-boot-id"):
            path = agent.state / name
            if path.exists():
                now = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
                path.write_text(path.read_text().replace(now, str(uuid.uuid4())))

    def resumes(self, agent):
        """Who was resumed, how often."""
        names = {vm["id"]: vm["name_label"] for vm in agent.rest.vms().values()}
        return sorted(names[t["properties"]["objectId"]] for t in agent.rest.get("/tasks?fields=*")
                      if t["properties"]["method"].endswith("resume"))

    def noted(self, agent):
        try:
            return json.loads((agent.state / "resume.json").read_text())
        except FileNotFoundError:
            return None

    def test_smart_reboot(self):
        agent = self.power_agent()
        vms = [self.start(agent, f"vm{n}") for n in range(2)]
        saved, halted = self.define(agent, "saved"), self.define(agent, "halted")
        self.bring(agent, saved, "Suspended")
        self.smart_reboot(agent, {"bypassBackupCheck": True})
        self.assertEqual((["reboot"], {"Suspended"}), (self.told(), {agent.rest.power(vm) for vm in vms}))
        self.assertEqual((True, set(vms)), (self.noted(agent)["sealed"], set(self.noted(agent)["vms"])))
        self.assertEqual(0, agent.stop())
        agent.start()  # in the same boot: it may be going down right now
        self.assertEqual({"Suspended"}, {agent.rest.power(vm) for vm in vms})
        self.assertEqual(0, agent.stop())
        self.in_another_boot(agent)
        agent.start()
        for vm in vms:
            wait_until("it goes on", lambda: agent.rest.power(vm) == "Running")
        wait_until("nothing is left to do", lambda: self.noted(agent) is None)
        self.assertEqual(("Suspended", "Halted"), (agent.rest.power(saved), agent.rest.power(halted)))
        self.assertEqual(["vm0", "vm1"], self.resumes(agent))
        self.assertEqual(0, agent.stop())
        agent.start()
        self.assertEqual(["vm0", "vm1"], self.resumes(agent), "nothing is resumed twice")

    def test_smart_reboot_with_one_that_goes_on_meanwhile(self):
        agent = self.power_agent()
        vm = self.start(agent, "web")
        self.smart_reboot(agent)
        self.assertEqual(0, agent.stop())
        agent.start()
        agent.rest.action(vm, "resume")  # the machine never went down
        wait_until("it is not to be resumed again", lambda: self.noted(agent) is None)

    def test_smart_reboot_refuses_before_anything_happens(self):
        agent = self.power_agent("--sim-foreign", "1")
        vm = self.start(agent, "web", 50)
        self.refused(409, ["adopt"], self.smart_reboot, agent)
        self.refused(422, ["resume", "suspend"], self.act, agent, "clean_reboot", {"resume": True})
        self.act(agent, "disable")
        self.refused(409, ["maintenance"], self.smart_reboot, agent)
        self.assertEqual(("Running", [], None), (agent.rest.power(vm), self.told(), self.noted(agent)))

    def test_smart_reboot_that_fails_lets_all_go_on(self):
        agent = self.power_agent()
        vm = self.start(agent, "web")
        self.system.with_name("system.broken").touch()
        self.refused(500, ["no such bus"], self.smart_reboot, agent)
        wait_until("it goes on", lambda: agent.rest.power(vm) == "Running")
        wait_until("nothing is left to do", lambda: self.noted(agent) is None)
        self.assertEqual(["web"], self.resumes(agent))

    def test_the_agent_dies_in_a_smart_reboot(self):
        agent = self.power_agent()
        deaf = self.start(agent, "deaf", 1, cmdline="sim.deaf")
        web = self.start(agent, "web", 2)
        agent.rest.post(self.path(agent, "actions/smart_reboot"), {"vmTimeout": 600})
        wait_until("the first is suspended", lambda: agent.rest.power(web) == "Suspended")
        self.assertFalse(self.noted(agent)["sealed"])
        agent.kill()
        agent.start()
        wait_until("it goes on", lambda: agent.rest.power(web) == "Running")
        wait_until("nothing is left to do", lambda: self.noted(agent) is None)
        self.assertEqual(("Running", ["web"], []), (agent.rest.power(deaf), self.resumes(agent), self.told()))

    def test_one_that_cannot_go_on_is_told(self):
        agent = self.power_agent()
        vm, other = self.start(agent, "web"), self.start(agent, "other")
        self.smart_reboot(agent)
        self.assertEqual(0, agent.stop())
        self.in_another_boot(agent)
        agent.argv += ["--fault", "restore:fail=IO:1"]
        agent.start()
        wait_until("nothing is left to do", lambda: self.noted(agent) is None)
        self.assertEqual(["Running", "Suspended"], sorted(agent.rest.power(v) for v in (vm, other)))
        self.assertIn("VM not resumed after the reboot", agent.text())
        self.assertEqual(1, sum(t["status"] == "failure" for t in agent.rest.get("/tasks?fields=*")))

    def test_bad_requests(self):
        agent = self.power_agent()
        for body, word in (({"vms": "kill"}, "vms"), ({"vms": 3}, "vms"), ({"force": 1}, "force"),
                           ({"vmTimeout": 0}, "vmTimeout"), ({"now": True}, "now"), ([], "object")):
            with self.subTest(body):
                self.refused(422, [word], self.act, agent, "clean_shutdown", body)
        self.assertEqual([], self.told())
        plain = self.agent(name="plain")
        self.refused(501, ["simulated"], self.act, plain, "clean_shutdown")


class CpuPools(AgentCase):
    def ends(self, agent, method, object_id, **arguments):
        task = agent.rest.post("/calls", {"method": method, "objectId": object_id, "arguments": arguments})["taskId"]
        ended = self.wait_task(agent, task)
        return ended["result"]["message"] if ended["status"] == "failure" else None

    def pools(self, agent):
        host = agent.rest.get("/hosts?fields=id")[0]["id"]
        return {p["name"]: p for p in agent.rest.get(f"/hosts/{host}/details")["cpupools"]}

    def test_a_pool_and_a_vm_in_it(self):
        agent = self.agent()
        host = agent.rest.get("/hosts?fields=id")[0]["id"]
        vm = self.define(agent)
        agent.rest.action(vm, "start")
        last = len(self.pools(agent)["Pool-0"]["cpus"]) - 1
        cpus = f"{last - 1}-{last}"
        self.assertIn("is in pool Pool-0", self.ends(agent, "cpupool.create", host, name="fast", cpus=cpus))
        for method, arguments in (("cpupool.remove_cpus", {"pool": "Pool-0", "cpus": cpus}),
                                  ("cpupool.create", {"name": "fast", "cpus": str(last), "scheduler": "credit"}),
                                  ("cpupool.add_cpus", {"pool": "fast", "cpus": str(last - 1)}),
                                  ("cpupool.set", {"pool": "fast", "tsliceMs": 5})):
            self.assertIsNone(self.ends(agent, method, host, **arguments), method)
        self.assertIsNone(self.ends(agent, "cpupool.move", vm, pool="fast"))
        fast = self.pools(agent)["fast"]
        self.assertEqual(([last - 1, last], 1, "credit", 5),
                         (fast["cpus"], fast["domainCount"], fast["scheduler"], fast["parameters"]["tsliceMs"]))
        self.assertIn("1 domains", self.ends(agent, "cpupool.destroy", host, pool="fast"))
        agent.rest.action(vm, "hard_shutdown")
        self.assertIsNone(self.ends(agent, "cpupool.destroy", host, pool="fast"))
        self.assertIsNone(self.ends(agent, "cpupool.add_cpus", host, pool="Pool-0", cpus=cpus))
        self.assertEqual({"Pool-0"}, set(self.pools(agent)))
        status = agent.rest.request("POST", "/calls", {"method": "cpupool.move", "objectId": vm,
                                                       "arguments": {"pool": "Pool-0"}})[0]
        self.assertEqual(409, status, "it does not run")
        self.assertEqual(0, agent.stop())


if __name__ == "__main__":
    unittest.main()
