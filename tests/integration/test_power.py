# SPDX-License-Identifier: Apache-2.0
"""The aggregator's state on a disk that drops what was not flushed when its power goes (support/power_disk.py): ext4
on a loop device over FUSE over NBD. The same on a machine of its own: lab/test_metrics.py."""

import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import unittest

from tests.support.filesystem import run
from tests.support.fleet import Fleet
from tests.support.power_disk import PowerDisk
from tests.support.power_feed import Feed
from tests.support.rest import Rest, wait_until

SEED = int(os.environ.get("MUSTER_SEED", "20261126"))
SIZE = 96 << 20
CUTS = int(os.environ.get("MUSTER_CUTS", "8"))
CUT_AFTER_MAX = 160  # writes and flushes of the disk until its power goes: up to fifteen steps


class Power(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        if not shutil.which("qemu-storage-daemon") or not os.path.exists("/dev/fuse"):
            self.skipTest("no qemu-storage-daemon (qemu-system-common), or no FUSE here")
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="muster-power-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.mount, self.image, self.loop = self.top / "mnt", self.top / "image", None
        self.mount.mkdir()
        self.image.touch()
        self.disk = self.enterContext(PowerDisk(str(self.top / "disk"), SIZE))
        self.export()
        # Without a checksum over its superblock: that is two sectors, and ext4 does not mount one that is torn.
        run("mkfs.ext4", "-q", "-F", "-O", "^metadata_csum", "-E", "lazy_itable_init=0,nodiscard", self.image)
        self.addCleanup(self.leave)
        self.enter()

    def export(self):
        """The disk as a file, without a cache of its own."""
        daemon = subprocess.Popen(
            ["qemu-storage-daemon", "--blockdev", f"nbd,node-name=disk,server.type=unix,server.path={self.top}/disk",
             "--export", f"fuse,id=file,node-name=disk,mountpoint={self.image},writable=on"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(daemon.stdout.close)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.terminate)
        wait_until("the disk to be there", lambda: daemon.poll() is not None or self.image.stat().st_size == SIZE)
        if daemon.poll() is not None:
            self.skipTest(f"no file over FUSE here: {daemon.stdout.read().strip()}")

    def enter(self):
        done = run("losetup", "--find", "--show", self.image, check=False)
        if done.returncode != 0:
            self.skipTest(f"no loop devices here: {done.stderr.strip()}")
        self.loop = done.stdout.strip()
        run("mount", "-t", "ext4", self.loop, self.mount)

    def leave(self):
        """What is cached goes with the mount: nothing of it can be written any more."""
        if self.loop:
            wait_until("the file system to go", lambda: not self.mount.is_mount()
                       or run("umount", self.mount, check=False).returncode == 0)
            run("losetup", "--detach", self.loop)
            self.loop = None

    def test_what_was_acknowledged_is_there_after_any_cut(self):
        dice = random.Random(SEED)
        print(f"MUSTER_SEED={SEED}")
        fleet = Fleet(self.top)
        fleet.state = self.mount / "aggregator"
        self.addCleanup(fleet.__exit__)
        # It sends to a store that is away, so that there are marks of remote_write as well.
        fleet.start_aggregator("--remote-write", "http://127.0.0.1:9/")
        ca = self.top / "ca.crt"
        shutil.copy(fleet.state / "ca.crt", ca)
        fleet.rest = Rest(fleet.url, fleet.rest.token, ca)
        fleet.anonymous = Rest(fleet.url, None, ca)
        feed = Feed(self, fleet, time.time)
        for _ in range(CUTS):
            feed.begin()
            self.disk.cut_after(dice.randrange(1, CUT_AFTER_MAX), dice)
            feed.send_until(self.disk.dead.is_set)
            fleet.aggregator.kill()
            feed.ended()
            self.leave()
            self.disk.power_on()
            self.enter()
            fleet.restart_aggregator()
        feed.begin()
        print(f"{self.disk.n_cuts} cuts took {self.disk.n_cached} writes that were not flushed, {self.disk.n_torn} were "
              f"torn; {len(feed.sent)} steps")
        self.assertEqual(CUTS, self.disk.n_cuts)


if __name__ == "__main__":
    unittest.main()
