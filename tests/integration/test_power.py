# SPDX-License-Identifier: Apache-2.0
"""The aggregator's state on a disk that drops what was not flushed when its power goes (support/power_disk.py): ext4
on a loop device over FUSE over NBD. The same on a machine of its own: lab/test_metrics.py."""

import contextlib
import ctypes
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
SYNC_FILE_RANGE_WRITE = 2
libc = ctypes.CDLL(None, use_errno=True)
CUT_AFTER_MAX = 160  # writes and flushes of the disk until its power goes: up to fifteen steps


class Power(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("mounting needs root")
        if not shutil.which("qemu-storage-daemon") or not os.path.exists("/dev/fuse"):
            self.skipTest("no qemu-storage-daemon (qemu-system-common), or no FUSE here")
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="muster-power-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.mount, self.loop, self.daemon, self.n_images = self.top / "mnt", None, None, 0
        self.mount.mkdir()
        self.disk = self.enterContext(PowerDisk(str(self.top / "disk"), SIZE))
        self.addCleanup(self.leave)
        why = self.attach()
        if why:
            self.skipTest(why)
        # Without a checksum over its superblock: that is two sectors, and ext4 does not mount one that is torn.
        run("mkfs.ext4", "-q", "-O", "^metadata_csum", "-b", "4096", "-E", "lazy_itable_init=0,nodiscard",
            self.loop)
        run("mount", "-t", "ext4", self.loop, self.mount)

    def attach(self):
        """A loop device over the disk as a file, which has no cache of its own. Why not, if it cannot be."""
        self.n_images += 1
        image = self.top / f"image{self.n_images}"
        image.touch()
        self.daemon = subprocess.Popen(
            ["qemu-storage-daemon", "--blockdev", f"nbd,node-name=disk,server.type=unix,server.path={self.top}/disk",
             "--export", f"fuse,id=file,node-name=disk,mountpoint={image},writable=on"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        wait_until("the disk to be there", lambda: self.daemon.poll() is not None or image.stat().st_size == SIZE)
        if self.daemon.poll() is not None:
            return f"no file over FUSE here: {self.daemon.stdout.read().strip()}"
        done = run("losetup", "--find", "--show", image, check=False)
        if done.returncode != 0:
            return f"no loop devices here: {done.stderr.strip()}"
        self.loop = done.stdout.strip()
        return None

    def leave(self):
        """All that was mounted is cut off for good. Others may hold on to it, a mount namespace say, so it is not enough
        to unmount: they would write again when the power is back."""
        wait_until("the file system to go", lambda: not self.mount.is_mount()
                   or run("umount", self.mount, check=False).returncode == 0)
        if self.loop:
            run("losetup", "--detach", self.loop)
            self.loop = None
        if self.daemon:
            self.daemon.terminate()
            self.daemon.wait()
            self.daemon.stdout.close()
            self.daemon = None

    def write_early(self):
        """The kernel writes what it has of the archives, without a flush, as it may at any time."""
        with contextlib.suppress(OSError):  # the power may be gone
            for path in (self.mount / "aggregator/metrics").iterdir():
                with path.open("rb") as file:
                    libc.sync_file_range(file.fileno(), ctypes.c_int64(0), ctypes.c_int64(0), SYNC_FILE_RANGE_WRITE)

    def test_what_was_acknowledged_is_there_after_any_cut(self):
        dice = random.Random(SEED)
        print(f"MUSTER_SEED={SEED}")
        fleet = Fleet(self.top)
        fleet.state = self.mount / "aggregator"
        self.addCleanup(fleet.__exit__)
        # It sends to a store that is away, so that there are marks of remote_write as well.
        fleet.start_aggregator("--remote-write", "http://127.0.0.1:9/")
        fleet.anonymous = Rest(fleet.url, None, fleet.state / "ca.crt")
        feed = Feed(self, fleet, time.time)
        for _ in range(CUTS):
            feed.begin()
            self.disk.cut_after(dice.randrange(1, CUT_AFTER_MAX), dice)
            feed.send_until(self.disk.dead.is_set, self.write_early)
            fleet.aggregator.kill()
            feed.ended()
            self.leave()
            self.disk.power_on()
            self.assertIsNone(self.attach())
            run("mount", "-t", "ext4", self.loop, self.mount)
            fleet.restart_aggregator()
        feed.begin()
        print(f"{self.disk.n_cuts} cuts took {self.disk.n_cached} writes that were not flushed, {self.disk.n_torn} were "
              f"torn; {len(feed.sent)} steps")
        self.assertEqual(CUTS, self.disk.n_cuts)
        self.assertGreater(self.disk.n_cached, 0)


if __name__ == "__main__":
    unittest.main()
