# SPDX-License-Identifier: Apache-2.0
"""Metrics on real Xen. The link between agent and aggregator is cut for ten minutes; then every row of that time is
there. Meanwhile the rest, which asks the agent itself: what is sampled is what xl, xentop and the kernel say, at rest
and under a guest that computes, reads a disk and sends, within two percent; and an aggregator whose power is cut loses
no more than a step that nobody was told it has."""

import functools
import json
import os
import pathlib
import random
import shlex
import tempfile
import threading
import time
import unittest

from disk_case import ADDRESS, KERNEL, MIB, OnXfs
from fleet_case import OP_DEADLINE
from host import LabHost
from power_case import Dom0Aggregator, again_if_the_emulator_failed
from tests.support.power_disk import PowerDisk
from tests.support.power_feed import Feed
from tests.support.rest import wait_until

MINUTES = 14
STEP_S, CUT_S, LOAD_S, SERVED_S = 5, 600, 90, 60
SHARE = 0.02
SOCKET = "/run/muster/agent.sock"
# A read that no cache answers, something for whoever listens, and sums, until the time is over.
LOAD = f"""end=$(($(cut -d. -f1 /proc/uptime) + {LOAD_S}))
while [ $(cut -d. -f1 /proc/uptime) -lt $end ]; do
echo 3 > /proc/sys/vm/drop_caches
dd if=/dev/xvdb of=/dev/null bs=64k count=32 2>/dev/null
dd if=/dev/zero of=/dev/xvdb bs=64k count=8 oflag=direct 2>/dev/null
head -c 100000 /dev/zero
i=0
while [ $i -lt 2000 ]; do i=$((i + 1)); done
done
exit
"""
# What no cache answers, read and written for that long.
DISK, SERVED_LOAD = "/srv/served.raw", f"""up() {{ cut -d . -f 1 /proc/uptime; }}
end=$(($(up) + {SERVED_S}))
while [ $(up) -lt $end ]; do
echo 3 > /proc/sys/vm/drop_caches
dd if=/dev/xvdb of=/dev/null bs=64k 2>/dev/null
dd if=/dev/zero of=/dev/xvdb bs=64k count=64 oflag=direct 2>/dev/null
echo
done"""
SEED = int(os.environ.get("MUSTER_SEED", "20261126"))
CUTS, CUT_AFTER_MAX = 8, 160  # of a disk; writes and flushes until one
TICKS = "/run/ticks"


class Cut(threading.Thread):
    """The link is cut when it starts, for CUT_S; then all that the aggregator gets is fetched, before it is too old to
    be shown, and what the agent itself has of the same time."""

    def __init__(self, case, paths):
        super().__init__(daemon=True)
        self.case, self.paths = case, paths
        self.failed = None
        self.got, self.sampled = {}, {}

    def run(self):
        case = self.case
        # Says afterwards whether the machine stood still.
        tick = "date +%s.%N; sleep 1"  # polls: nothing, it is what is looked at
        ticker = case.host.spawn(f"while :; do {tick}; done > {TICKS}")
        case.proxy.cut()
        # In dom0's time, which is that of the samples.
        self.begin, ends_at = case.host.dom0_now(), time.monotonic() + CUT_S
        try:
            wait_until("ten minutes to pass", lambda: time.monotonic() >= ends_at, 2 * CUT_S, 0.2)
            self.end = case.host.dom0_now()
            case.proxy.mend()
            wait_until("the samples of the cut to arrive", self.arrived, step=0.5)
            for path in self.paths:
                self.got[path] = case.all_rows(case.rest.get, path, self.begin)
                self.sampled[path] = case.all_rows(case.agent, path, self.begin)
            self.ticks = [float(tick) for tick in case.host.read(TICKS).split()[:-1]]
        except Exception as error:  # the test that joins it says so
            self.failed = error
        finally:
            ticker.kill()
            ticker.wait()

    def stood_still(self, at):
        """Had dom0 no time at all for most of this step? Then nobody can have looked at its counters."""
        return any(b - a > STEP_S / 2 and a < at + STEP_S and b > at - STEP_S for a, b in zip(self.ticks, self.ticks[1:]))

    def arrived(self):
        """Of the first path; the others come with it."""
        rows = self.case.all_rows(self.case.rest.get, self.paths[0], self.begin)
        return any(at > self.end for values in rows.values() for at in values)


class Sampled(OnXfs):
    """What was sampled, and whether it is near to what it should be."""

    def agent(self, path):
        """What the agent itself answers."""
        return json.loads(self.host.out(shlex.join(["curl", "-sSf", "-g", "--unix-socket", SOCKET,
                                                    f"http://x/rest/v0{path}"])))

    @staticmethod
    def all_rows(get, path, since, name="*"):
        """{series: {end of a step: value}} of what is known."""
        reply = get(f"{path}/stats?series={name}&start={int(since)}")
        first = {n: reply["endTimestamp"] - (len(s["values"]) - 1) * STEP_S for n, s in reply["series"].items()}
        return {n: {first[n] + i * STEP_S: v for i, v in enumerate(s["values"]) if v is not None}
                for n, s in reply["series"].items()}

    @staticmethod
    def newest(get, path):
        return {name: s["values"][-1] for name, s in get(f"{path}/stats?series=*")["series"].items()}

    def sampled_until(self, path, name, at):
        wait_until(f"a sample behind {at}", lambda: max(self.all_rows(self.agent, path, at - 60, name).get(name, {}),
                                                        default=0) >= at, OP_DEADLINE, 1)

    def near(self, expected, found, what, slack=0.0):
        self.assertIsNotNone(found, what)
        self.assertLessEqual(abs(found - expected), SHARE * abs(expected) + slack, f"{what}: {found}, not {expected}")

    @staticmethod
    def total(values, begin, end):
        """A sample stands for the time since the one before: a machine that is busy may have missed some."""
        at = sorted(values)
        return sum(values[b] * (b - a) for a, b in zip(at, at[1:]) if begin < b <= end)


class Metrics(Sampled):
    NAME = "metrics"
    cut = vm = None

    # The host goes after the last test; until then all share its guest.

    def setUp(self):
        if self.cut is None:
            self.host.run("rm -rf /srv/sr/*")
            super().setUp()
            type(self).sr, type(self).vm = self.sr, self.running()
            type(self).cut = Cut(self, [f"/hosts/{self.host_id}", f"/vms/{self.vm}"])
            self.cut.start()

    def tearDown(self):
        pass

    def running(self):
        root = self.call("vdi.import", self.sr, path="/srv/guest/cloud.img", format="raw", name_label="root")["id"]
        data = self.call("vdi.create", self.sr, virtual_size=16 * MIB)["id"]
        vm = self.define("load", vcpus=1, memory="160MiB", kernel=KERNEL, ramdisk="/srv/guest/cloud.cpio.gz",
                         cmdline=f"console=hvc0 root=/dev/xvda1 quiet mitigations=off muster.ip={ADDRESS}/24",
                         disks=[{"vdev": "xvda", "vdi": root}, {"vdev": "xvdb", "vdi": data}],
                         nics=[{"bridge": "xenbr1"}])
        self.rest.action(vm, "start")
        self.answers()
        wait_until("the aggregator counts the guest", lambda: self.newest(self.rest.get, f"/vms/{vm}"), OP_DEADLINE, 1)
        return vm

    # -- what others say

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
                 "vbd_xvdb_write": f"{vbd}/wr_sect", "vbd_xvdb_iops_read": f"{vbd}/rd_req"}
        numbers = [int(n) for n in self.host.out(f"cat {' '.join(files.values())}").split()]
        found = dict(zip(files, numbers))
        for name in ("vbd_xvdb_read", "vbd_xvdb_write"):
            found[name] *= 512
        return found

    # -- the tests; what the last one waits for goes on since the first began

    def test_a_guest_at_rest_agrees_with_xl(self):
        host = f"/hosts/{self.host_id}"
        wait_until("the guest is counted", lambda: self.newest(self.agent, host).get("vms") == 1, OP_DEADLINE, 1)
        self.sampled_until(host, "vms", self.host.dom0_now() + STEP_S)
        info = dict(line.split(":", 1) for line in self.host.out(["xl", "info"]).splitlines() if ":" in line)
        info = {key.strip(): value.strip() for key, value in info.items()}
        found, mib = self.newest(self.agent, host), 1024
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
        now = self.newest(self.agent, f"/vms/{self.vm}")
        self.assertEqual(1, now["vcpus_running"] + now["vcpus_blocked"] + now["vcpus_waiting"])
        self.near(self.domain(self.vm)["memory_mib"] * MIB, now["memory"], "the guest's memory", MIB)

    def test_a_load_agrees_with_xentop_and_the_kernel(self):
        domid, path = self.domain(self.vm)["domid"], f"/vms/{self.vm}"
        before, top, cpu = self.kernel(domid), self.xentop("load"), self.domain(self.vm)["cpu_s"]
        begin = self.host.dom0_now()
        # Quiet at both ends, so that it does not matter where in a step they lie.
        self.sampled_until(path, "vif_0_tx", begin + STEP_S)
        self.host.run(f"timeout {LOAD_S * 4} busybox nc -w 60 {ADDRESS} 23 > /dev/null", input=LOAD)
        end = self.host.dom0_now()
        after, top_after, cpu = self.kernel(domid), self.xentop("load"), self.domain(self.vm)["cpu_s"] - cpu
        self.sampled_until(path, "vif_0_tx", end + 2 * STEP_S)
        rows = self.all_rows(self.agent, path, begin - 60)
        sr = self.all_rows(self.agent, f"/hosts/{self.host_id}", begin - 60)[f"read_{self.sr[:8]}"]
        total = functools.partial(self.total, begin=begin, end=end + 2 * STEP_S)
        moved = {name: after[name] - before[name] for name in after}
        self.assertGreater(moved["vbd_xvdb_read"], 10 * MIB)
        self.assertGreater(moved["vif_0_tx"], MIB)
        self.assertGreater(cpu, 5)
        for name, slack in (("vif_0_tx", 4096), ("vif_0_rx", 4096), ("vif_0_tx_packets", 20), ("vif_0_tx_drops", 1),
                            ("vbd_xvdb_read", 65536), ("vbd_xvdb_write", 65536), ("vbd_xvdb_iops_read", 4)):
            self.near(moved[name], total(rows[name]), name, slack)
        self.near(cpu, total(rows["cpu_usage"]), "CPU time", 0.5)
        # xentop shows dom0's end of the cable: what it receives the guest has sent.
        self.near(int(top_after["CPU(sec)"]) - int(top["CPU(sec)"]), total(rows["cpu_usage"]), "xentop's CPU", 1.5)
        self.near((int(top_after["NETRX(k)"]) - int(top["NETRX(k)"])) * 1024, total(rows["vif_0_tx"]), "xentop's NETRX",
                  8192)
        self.near(int(top_after["VBD_RD"]) - int(top["VBD_RD"]), total(rows["vbd_aggr_iops_read"]), "xentop's VBD_RD", 20)
        # The SR is where the guest's disks are.
        self.near(total(rows["vbd_aggr_read"]), total(sr), "the SR's reads", 65536)

    def test_a_disk_that_drops_what_was_not_flushed(self):
        """Its power is cut again and again while samples and states are stored on it."""
        dice = random.Random(SEED)
        print(f"MUSTER_SEED={SEED}")
        with tempfile.TemporaryDirectory(prefix="muster-power-") as folder, \
                PowerDisk(f"{folder}/disk", 96 * MIB) as disk:
            self.host.plug_disk("power", disk.path)
            # Without a checksum over its superblock: that is two sectors, and ext4 does not mount one that is torn.
            self.host.run("mkfs.ext4 -q -b 4096 -O ^metadata_csum -E lazy_itable_init=0,nodiscard /dev/disk/by-id/virtio-power "
                          "&& mkdir -p /srv/power && mount /dev/disk/by-id/virtio-power /srv/power")
            # What is dirty is written at once, without a flush, as may happen at any time.
            self.host.run("sysctl -q vm.dirty_expire_centisecs=20 vm.dirty_writeback_centisecs=20")
            self.addCleanup(self.host.run, "sysctl -q vm.dirty_expire_centisecs=3000 vm.dirty_writeback_centisecs=500")
            aggregator = Dom0Aggregator(self.host, pathlib.Path(folder), "/srv/power/state")
            aggregator.install()
            aggregator.start()
            feed = Feed(self, aggregator, self.host.dom0_now)
            for _ in range(CUTS):
                feed.begin()
                disk.cut_after(dice.randrange(1, CUT_AFTER_MAX), dice)
                feed.send_until(disk.dead.is_set)
                aggregator.kill()
                feed.ended()
                self.host.wait_run("the file system to go", "umount /srv/power")
                disk.power_on()
                self.host.run("mount /dev/disk/by-id/virtio-power /srv/power")
                aggregator.start()
            feed.begin()
            aggregator.kill()
            self.host.run("umount /srv/power")
            print(f"{disk.n_cuts} cuts took {disk.n_cached} writes that were not flushed, {disk.n_torn} were torn; "
                  f"{len(feed.sent)} steps")
            self.assertEqual(CUTS, disk.n_cuts)
            self.assertGreater(disk.n_cached, 0)

    @again_if_the_emulator_failed
    def test_power_cut_of_the_whole_machine(self):
        """What dom0 had not written is gone with its memory; it boots from the same disk."""
        dice = random.Random(SEED)
        with tempfile.TemporaryDirectory(prefix="muster-power-") as folder, LabHost.up("power") as host:
            aggregator = Dom0Aggregator(host, pathlib.Path(folder), "/var/lib/muster-aggregator")
            aggregator.install()
            # Its own beginning is not what is cut.
            host.run("sync")
            aggregator.start()
            feed = Feed(self, aggregator, host.dom0_now)
            feed.begin()
            for _ in range(dice.randrange(10, 30)):
                feed.send()
                wait_until("the step to be acknowledged", feed.all_acked, step=0.02)
            feed.send()
            host.power_off()
            feed.ended()
            host.boot_again()
            aggregator.start()
            feed.begin()

    def test_what_a_cut_of_ten_minutes_held_back_is_there(self):
        cut = self.cut
        cut.join(2 * CUT_S + 2 * OP_DEADLINE)
        self.assertFalse(cut.is_alive())
        if cut.failed:
            raise cut.failed
        self.assertGreaterEqual(cut.end - cut.begin, CUT_S - 2 * STEP_S, "in dom0's time")
        steps = range(int(cut.begin // STEP_S + 1) * STEP_S, int(cut.end // STEP_S) * STEP_S + 1, STEP_S)
        for path in cut.paths:
            got, sampled = cut.got[path], cut.sampled[path]
            self.assertEqual(set(sampled), set(got))
            for name, values in sampled.items():
                within = {at: v for at, v in values.items() if cut.begin < at <= cut.end}
                self.assertEqual(within, {at: got[name].get(at) for at in within}, f"{path} {name}")
        rows = cut.got[cut.paths[0]]["running_domains"]
        self.assertEqual([], [at for at in steps if at not in rows and not cut.stood_still(at)], "samples are missing")
        self.assertEqual(0, self.rest.get(f"/hosts/{self.host_id}/metrics")["batchesTooOld"])
        self.assertIn("virtual_allocation", self.muster("sr", "stats", "lab"))


class ServedByQemu(Sampled):
    NAME = "served"

    def test_a_disk_that_qemu_serves(self):
        """It has no counters in dom0: QEMU is asked, and what the guest's own kernel has counted is what it says."""
        root = self.call("vdi.import", self.sr, path="/srv/guest/cloud.img", format="raw", name_label="root")["id"]
        self.host.run(f"truncate -s 16M {DISK}")
        self.addCleanup(self.host.run, f"rm {DISK}")
        vm = self.define("served", vcpus=1, memory="128MiB", kernel=KERNEL, ramdisk="/srv/guest/cloud.cpio.gz",
                         cmdline=f"console=hvc0 root=/dev/xvda1 quiet mitigations=off muster.ip={ADDRESS}/24",
                         disks=[{"vdev": "xvda", "vdi": root}, {"vdev": "xvdb", "path": DISK, "format": "raw", "backend": "qdisk"}],
                         nics=[{"bridge": "xenbr1"}])
        self.rest.action(vm, "start")
        self.answers()
        domid, path = self.domain(vm)["domid"], f"/vms/{vm}"
        self.host.run(f"xenstore-exists /local/domain/0/backend/qdisk/{domid}/51728")
        # Quiet at both ends, so that it does not matter where in a step they lie.
        before, begin = self.moved(), self.host.dom0_now()
        self.sampled_until(path, "vbd_xvdb_read", begin + STEP_S)
        counted = self.counted(vm)
        self.sh(SERVED_LOAD)
        after, end = self.moved(), self.host.dom0_now() + 2 * STEP_S
        self.sampled_until(path, "vbd_xvdb_read", end)
        wait_until("the aggregator has it too", lambda: max(
            self.all_rows(self.rest.get, path, begin)["vbd_xvdb_read"]) >= end, OP_DEADLINE, 1)
        counted = {name: n - counted[name] for name, n in self.counted(vm).items()}
        rows = self.all_rows(self.agent, path, begin - 60)
        for name, least in (("read", 16 * MIB), ("write", 4 * MIB)):
            moved = after[name] - before[name]
            self.assertGreater(moved, least)
            # QEMU is asked some time before each sample, now sooner, now later: rates are only near.
            self.assertLessEqual(abs(counted[name] - moved), 65536, f"{name}: {counted}, not {moved}")
            self.near(moved, self.total(rows[f"vbd_xvdb_{name}"], begin, end), name, moved / SERVED_S / 2)
            self.assertGreater(self.total(rows[f"vbd_xvdb_{name}_latency"], begin, end), 0)

    def counted(self, vm):
        """What the counters of its second disk say, of which Prometheus is told."""
        connection = self.rest.connection()
        connection.request("GET", f"/metrics/hosts/{self.host_id}", headers={"Authorization": f"Bearer {self.rest.token}"})
        page = connection.getresponse().read().decode()
        connection.close()
        found = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
        return {name: int(found[f'muster_vm_disk_{word}_bytes_total{{vm_uuid="{vm}",vbd="xvdb"}}'])
                for name, word in (("read", "read"), ("write", "written"))}

    def moved(self):
        """What the guest's kernel has moved: of Linux's `stat` the sectors."""
        stat = self.sh("cat /sys/block/xvdb/stat").split()
        return {"read": int(stat[2]) * 512, "write": int(stat[6]) * 512}


if __name__ == "__main__":
    unittest.main()
