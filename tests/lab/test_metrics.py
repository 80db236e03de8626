# SPDX-License-Identifier: Apache-2.0
"""What is sampled on real Xen is what xl, xentop and the kernel say: at rest, and over a minute in which a guest reads
a disk and sends to dom0, within two percent."""

import unittest

from disk_case import ADDRESS, KERNELS, MIB, OnXfs
from fleet_case import OP_DEADLINE
from tests.support.rest import wait_until

STEP_S, LOAD_S = 5, 60
SHARE = 0.02
# A read that no cache answers, and something for whoever listens, until the time is over.
LOAD = f"""end=$(($(cut -d. -f1 /proc/uptime) + {LOAD_S}))
while [ $(cut -d. -f1 /proc/uptime) -lt $end ]; do
echo 3 > /proc/sys/vm/drop_caches
dd if=/dev/xvdb of=/dev/null bs=64k count=32 2>/dev/null
head -c 100000 /dev/zero
done
exit
"""


class Metrics(OnXfs):
    NAME = "metrics"

    def rows(self, path, name):
        """{end of a step: value} of what is known."""
        reply = self.rest.get(f"{path}/stats?series={name}")
        values = reply["series"].get(name, {"values": []})["values"]
        first = reply["endTimestamp"] - (len(values) - 1) * STEP_S
        return {first + i * STEP_S: v for i, v in enumerate(values) if v is not None}

    def sampled_until(self, path, name, at):
        wait_until(f"a sample behind {at}", lambda: max(self.rows(path, name), default=0) >= at, OP_DEADLINE, 1)

    def newest(self, path):
        series = self.rest.get(f"{path}/stats?series=*")["series"]
        return {name: s["values"][-1] for name, s in series.items()}

    def near(self, expected, found, what, slack=0.0):
        self.assertIsNotNone(found, what)
        self.assertLessEqual(abs(found - expected), SHARE * abs(expected) + slack, f"{what}: {found}, not {expected}")

    def xentop(self, name):
        """A domain's line of xentop, by column."""
        lines = [line.split() for line in self.host.out(["xentop", "-b", "-i", "1"]).splitlines()]
        head = next(line for line in lines if line and line[0] == "NAME")
        return dict(zip(head, next(line for line in lines if line and line[0] == name)))

    def kernel(self, domid):
        """What dom0's kernel has counted, from the guest's point of view."""
        vif = f"/sys/bus/xen-backend/devices/vif-{domid}-0/net/*/statistics"
        vbd = f"/sys/bus/xen-backend/devices/vbd-{domid}-51728/statistics"
        files = {"vif_0_tx": f"{vif}/rx_bytes", "vif_0_rx": f"{vif}/tx_bytes", "vif_0_tx_packets": f"{vif}/rx_packets",
                 "vif_0_tx_drops": f"{vif}/rx_dropped", "vbd_xvdb_read": f"{vbd}/rd_sect",
                 "vbd_xvdb_iops_read": f"{vbd}/rd_req"}
        numbers = [int(n) for n in self.host.out(f"cat {' '.join(files.values())}").split()]
        found = dict(zip(files, numbers))
        found["vbd_xvdb_read"] *= 512
        return found

    def running(self):
        root = self.call("vdi.import", self.sr, path="/srv/guest/cloud.img", format="raw", name_label="root")["id"]
        data = self.call("vdi.create", self.sr, virtual_size=16 * MIB)["id"]
        vm = self.define("load", vcpus=1, memory="160MiB", kernel=KERNELS["pv"], ramdisk="/srv/guest/cloud.cpio.gz",
                         cmdline=f"console=hvc0 root=/dev/xvda1 quiet mitigations=off muster.ip={ADDRESS}/24",
                         disks=[{"vdev": "xvda", "vdi": root}, {"vdev": "xvdb", "vdi": data}],
                         nics=[{"bridge": "xenbr1"}])
        self.rest.action(vm, "start")
        self.answers()
        return vm

    def host_agrees(self, vm):
        host = f"/hosts/{self.host_id}"
        wait_until("the guest is counted", lambda: self.newest(host).get("vms") == 1, OP_DEADLINE, 1)
        self.sampled_until(host, "vms", self.host.dom0_now() + STEP_S)
        info = dict(line.split(":", 1) for line in self.host.out(["xl", "info"]).splitlines() if ":" in line)
        info = {key.strip(): value.strip() for key, value in info.items()}
        found, mib = self.newest(host), 1024
        domains = self.host.xl_list()
        held = sum(d["memory_mib"] for d in domains)
        self.near(int(info["total_memory"]) * mib, found["memory_total_kib"], "total memory", mib)
        self.near(int(info["free_memory"]) * mib, found["memory_free_kib"], "free memory", mib)
        self.near(next(d["memory_mib"] for d in domains if d["domid"] == 0) * mib, found["memory_dom0_kib"],
                  "dom0's memory", mib)
        self.near((int(info["total_memory"]) - int(info["free_memory"]) - held) * mib, found["memory_xen_kib"],
                  "Xen's memory", 8 * mib)
        self.assertEqual(int(info["nr_cpus"]), sum(name[3:].isdigit() for name in found if name.startswith("cpu")))
        self.assertEqual(1, found["vcpus"])
        cards = self.host.out("for d in /sys/class/net/*; do [ -e $d/device ] && ls -d $d; done; true").split()
        cards = {c.rsplit("/", 1)[1] for c in cards if "vif" not in c}
        self.assertEqual(cards, {n[4:-3] for n in found if n.startswith("pif_") and n.endswith("_rx")} - {"aggr"})
        self.assertIn("disk_vda_read", found)
        now = self.newest(f"/vms/{vm}")
        self.assertEqual(1, now["vcpus_running"] + now["vcpus_blocked"] + now["vcpus_waiting"])
        self.near(self.domain(vm)["memory_mib"] * MIB, now["memory"], "the guest's memory", MIB)

    def load_agrees(self, vm):
        domid, path = self.domain(vm)["domid"], f"/vms/{vm}"
        begin, before, top = self.host.dom0_now(), self.kernel(domid), self.xentop("load")
        cpu = self.domain(vm)["cpu_s"]
        # Quiet at both ends, so that it does not matter where in a step they lie.
        self.sampled_until(path, "vif_0_tx", begin + STEP_S)
        self.host.run(f"timeout {LOAD_S * 4} busybox nc -w 60 {ADDRESS} 23 > /dev/null", input=LOAD)
        end, after, top_after = self.host.dom0_now(), self.kernel(domid), self.xentop("load")
        cpu = self.domain(vm)["cpu_s"] - cpu
        self.sampled_until(path, "vif_0_tx", end + 2 * STEP_S)

        def total(of, name):
            return sum(v * STEP_S for at, v in self.rows(of, name).items() if begin < at <= end + 2 * STEP_S)
        moved = {name: after[name] - before[name] for name in after}
        self.assertGreater(moved["vbd_xvdb_read"], 10 * MIB)
        self.assertGreater(moved["vif_0_tx"], MIB)
        for name, slack in (("vif_0_tx", 4096), ("vif_0_rx", 4096), ("vif_0_tx_packets", 20), ("vif_0_tx_drops", 1),
                            ("vbd_xvdb_read", 65536), ("vbd_xvdb_iops_read", 4)):
            self.near(moved[name], total(path, name), name, slack)
        self.near(cpu, total(path, "cpu_usage"), "CPU time", 0.5)
        # xentop shows dom0's end of the cable: what it receives the guest has sent.
        self.near((int(top_after["NETRX(k)"]) - int(top["NETRX(k)"])) * 1024, total(path, "vif_0_tx"), "xentop's NETRX",
                  8192)
        self.near(int(top_after["VBD_RD"]) - int(top["VBD_RD"]), total(path, "vbd_aggr_iops_read"), "xentop's VBD_RD", 20)
        # The SR is where the guest's disks are.
        self.near(total(path, "vbd_aggr_read"), total(f"/srs/{self.sr}", "read"), "the SR's reads", 65536)

    def test_agrees_with_xl_xentop_and_the_kernel(self):
        vm = self.running()
        self.host_agrees(vm)
        self.load_agrees(vm)
        self.assertIn("virtual_allocation", self.muster("sr", "stats", "lab"))
        self.rest.action(vm, "hard_shutdown")


if __name__ == "__main__":
    unittest.main()
