# SPDX-License-Identifier: Apache-2.0
"""What an agent samples: where series come from, when they come, and what a source that goes leaves."""

import pathlib
import shutil
import unittest
import uuid

from tests.integration.test_agent_storage import MIB, StorageCase
from tests.support.fleet import Daemon
from tests.support.rest import wait_until

STAT = "{0} 0 {1} 4 0 0 0 0 1 5 6\n"


class MetricsCase(StorageCase):
    def newest(self, agent, path):
        """{name: newest value}, None where it is not known."""
        status, _, reply = agent.rest.request("GET", f"{path}/stats?series=*")
        return {name: s["values"][-1] for name, s in reply["series"].items()} if status == 200 else {}

    @staticmethod
    def by_time(reply, name):
        """{end of a row: value} of what is known."""
        values = reply["series"][name]["values"]
        first = reply["endTimestamp"] - (len(values) - 1) * reply["interval"]
        return {first + i * reply["interval"]: v for i, v in enumerate(values) if v is not None}

    def wait(self, agent, path, what, check):
        def now():
            found = self.newest(agent, path)
            return found if check(found) else None
        return wait_until(what, now)  # polls: a sample comes every 5 s


class OfTheHost(MetricsCase):
    def disk(self, name, reads):
        folder = self.sysfs / "block" / name
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "device").is_symlink():
            (folder / "device").symlink_to("../../../0:0:0:0")
        (folder / "next").write_text(STAT.format(reads, 8 * reads))
        (folder / "next").rename(folder / "stat")  # read whole, whenever a sample is taken

    def test_disks_and_temperatures(self):
        self.sysfs = pathlib.Path(self.fleet.folder, "sys")
        self.disk("sda", 100)
        chip = self.sysfs / "class/hwmon/hwmon0"
        chip.mkdir(parents=True)
        (chip / "name").write_text("thermal\n")
        (chip / "temp1_input").write_text("41500\n")
        agent = self.agent("--sim-sysfs", str(self.sysfs))
        host = f"/hosts/{self.host_id(agent)}"
        found = self.wait(agent, host, "two samples", lambda s: s.get("disk_sda_iops_read") == 0)
        self.assertEqual(41.5, found["temperature_thermal-temp1"])
        self.assertEqual(1, found["disk_sda_inflight"])
        self.assertIsNone(found["disk_sda_read_latency"])
        self.disk("sdb", 7)
        self.disk("sda", 1100)
        self.wait(agent, host, "a disk that was plugged in", lambda s: "disk_sdb_read" in s)
        self.wait(agent, host, "its rates", lambda s: s.get("disk_sdb_iops_read") == 0)
        # Midway the sources go: what was a number is unknown, not 0.
        (self.sysfs / "block/sda/stat").unlink()
        (chip / "temp1_input").write_text("")
        shutil.rmtree(self.sysfs / "block/sdb")
        gone = self.wait(agent, host, "sources that are gone",
                         lambda s: s.get("disk_sda_iops_read", 0) is None
                         and s.get("disk_sdb_iops_read") is None
                         and s["temperature_thermal-temp1"] is None)
        self.assertIsNone(gone["disk_sda_inflight"])
        reads = agent.rest.get(f"{host}/stats?series=disk_sda_iops_read")["series"]
        # Once, and spread over the time between two samples, which is 5 s on a machine that is idle.
        rate, = (v for v in reads["disk_sda_iops_read"]["values"] if v)
        self.assertTrue(1000 / 50 < rate < 1000 / 0.5, rate)

    def test_a_stop_while_sensors_are_read(self):
        """16 chips of 63 sensors, each of which takes as long as the kernel needs to add up the agent's memory."""
        classes = pathlib.Path(self.fleet.folder, "sys/class/hwmon")
        chip = classes / "hwmon0"
        chip.mkdir(parents=True)
        (chip / "name").write_text("slow\n")
        for n in range(63):
            (chip / f"temp{n}_input").symlink_to("/proc/self/smaps_rollup")
        for n in range(1, 16):
            (classes / f"hwmon{n}").symlink_to("hwmon0")
        agent = self.agent("--sim-sysfs", str(self.fleet.folder / "sys"), start=False)
        Daemon.start(agent)
        wait_until("it hears signals", agent.socket.exists)
        self.assertEqual(0, agent.stop(), agent.text())
        self.assertNotIn("did not end when asked", agent.text())

    def test_memory_and_numbers(self):
        agent = self.agent("--sim-foreign", "2")
        host = f"/hosts/{self.host_id(agent)}"
        vm = self.define(agent, "more", memory="128MiB", memoryMin="64MiB")
        agent.rest.action(vm, "start")
        found = self.wait(agent, host, "three VMs", lambda s: s.get("vms") == 3)
        self.assertGreaterEqual(found["vcpus"], 3)
        for name in ("memory_dom0_kib", "memory_xen_kib"):
            self.assertGreater(found[name], 0, name)
        self.assertLess(found["memory_dom0_kib"] + found["memory_xen_kib"] + found["memory_free_kib"],
                        found["memory_total_kib"])
        self.assertEqual((0, 64 * MIB), (found["memory_reclaimed"], found["memory_reclaimed_max"]))


class OfVms(MetricsCase):
    def test_what_is_plugged_in_has_its_series_and_a_new_name_changes_none(self):
        agent = self.agent()
        vm = self.define(agent)
        agent.rest.action(vm, "start")
        before = self.wait(agent, f"/vms/{vm}", "two samples", lambda s: s.get("cpu_usage") is not None)
        self.assertEqual((0, 0), (before["vif_aggr_rx"], before["vif_aggr_rx_drops"]))
        self.call(agent, "vif.create", vm, bridge="xenbr1")
        agent.rest.patch(f"/vms/{vm}", {"nameLabel": "other"})
        plugged = self.wait(agent, f"/vms/{vm}", "the new card", lambda s: s.get("vif_0_rx") is not None)
        self.assertEqual({f"vif_0_{way}{what}" for way in ("rx", "tx")
                          for what in ("", "_packets", "_errors", "_drops")}, set(plugged) - set(before))
        known = self.by_time(agent.rest.get(f"/vms/{vm}/stats?series=memory"), "memory")
        self.assertEqual(set(range(min(known), max(known) + 5, 5)), set(known), "no hole")


class OfSrs(MetricsCase):
    def test_what_they_hold_and_what_vms_do_there(self):
        agent = self.agent()
        sr = self.sr(agent)
        vm = self.with_disk(agent, self.vdi(agent, sr, size=64 * MIB))
        found = self.wait(agent, f"/srs/{sr}", "two samples", lambda s: s.get("read") == 0)
        self.assertEqual(64 * MIB, found["virtual_allocation"])
        self.assertGreater(found["size"], found["physical_utilisation"])
        agent.rest.action(vm, "start")
        self.wait(agent, f"/srs/{sr}", "what its VM writes", lambda s: s.get("write"))
        reply = agent.rest.get(f"/srs/{sr}/stats?series=*")
        for of_sr, of_disk in (("read", "vbd_xvda_read"), ("write", "vbd_xvda_write"),
                               ("iops_total", "vbd_xvda_iops_total")):
            disk = self.by_time(agent.rest.get(f"/vms/{vm}/stats?series={of_disk}"), of_disk)
            known = {at: v for at, v in self.by_time(reply, of_sr).items() if at in disk}
            self.assertTrue(known)
            self.assertEqual({at: disk[at] for at in known}, known, of_sr)
        self.assertEqual({"iops", "ioThroughput", "size", "physicalUsage", "usage"},
                         set(reply["stats"]))
        host = agent.rest.get(f"/hosts/{self.host_id(agent)}/stats")["stats"]
        self.assertEqual({sr[:8]}, set(host["ioThroughput"]["w"]))
        # Another whose series would have the same names: neither is taken for the other.
        self.sr(agent, "twin", id=sr[:8] + str(uuid.uuid4())[8:])
        self.wait(agent, f"/srs/{sr}", "silence", lambda s: s and s.get("size") is None)


if __name__ == "__main__":
    unittest.main()
