# SPDX-License-Identifier: Apache-2.0
"""The counters of disks that QEMU serves, asked of real QEMUs (started as libxl names things) and of some that hang, lie,
and talk to others."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD") or TOP / "build")
sys.path.insert(0, str(TOP))

from tests.support.rest import wait_until  # noqa: E402

PROBE = BUILD / "tests/integration/qmp_probe"
QEMU = "qemu-system-x86_64"
ROUND_MS = 500
PATIENCE_S = 120
MIB = 1 << 20


class Qemu:
    """A guest that never runs: a qcow2 disk as xen-block names it, and the same one emulated. Its I/O is ours."""

    def __init__(self, folder, domid):
        self.socket = folder / f"qmp-libxenstat-{domid}"
        self.own = folder / f"qmp-libxl-{domid}"
        image = folder / f"{domid}.img"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "16M"], check=True)
        args = [QEMU, "-M", "pc,accel=tcg", "-m", "64", "-S", "-display", "none", "-nodefaults",
                "-drive", f"file={folder / 'raw.img'},if=ide,index=0,media=disk,format=raw,snapshot=on",
                "-blockdev", f"driver=file,filename={image},node-name=xvda-file",
                "-blockdev", "driver=qcow2,file=xvda-file,node-name=xvda-qcow2",
                "-device", "virtio-blk-pci,drive=xvda-qcow2,id=disk"]
        for name in (self.own, self.socket):
            args += ["-chardev", f"socket,id={name.name},path={name},server=on,wait=off", "-mon",
                     f"chardev={name.name},mode=control"]
        self.process = subprocess.Popen(args, stdout=subprocess.DEVNULL)
        self.monitor = self.connect(self.own)
        self.execute("qmp_capabilities")

    def connect(self, path):
        """Once QEMU has come so far as to have made it."""
        def opened():
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(PATIENCE_S)
                try:
                    s.connect(str(path))
                except OSError:
                    assert self.process.poll() is None, f"QEMU ended with {self.process.returncode}"
                    return None
                return s.makefile("rw")
        stream = wait_until(f"QEMU listens on {path}", opened, PATIENCE_S)
        json.loads(stream.readline())
        return stream

    def execute(self, command, **arguments):
        self.monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.monitor.flush()
        while "return" not in (line := json.loads(self.monitor.readline())):
            if "error" in line:
                raise AssertionError(line)
        return line["return"]

    def io(self, what, device="-d disk/virtio-backend"):
        said = self.execute("human-monitor-command", **{"command-line": f'qemu-io {device} "aio_{what}"'})
        if said:
            raise AssertionError(said)

    def end(self):
        self.monitor.close()
        self.process.kill()
        self.process.wait()
        for path in (self.socket, self.own):
            path.unlink(missing_ok=True)


class Served:
    """A socket where somebody says what he likes; each connection is handed to `talk`."""

    def __init__(self, folder, domid, talk):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / f"qmp-libxenstat-{domid}"))
        self.listener.listen(64)
        self.talk, self.kept = talk, []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.kept.append(connection)
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        try:
            self.talk(connection)
        except OSError:
            pass  # it has hung up

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.kept:
            connection.close()


class Qmp(unittest.TestCase):
    def setUp(self):
        if not PROBE.exists():
            self.skipTest("built without libxl")
        if not shutil.which(QEMU):
            self.skipTest(f"there is no {QEMU} here")
        folder = tempfile.TemporaryDirectory(prefix="muster-qmp-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        with open(self.folder / "raw.img", "wb") as f:
            f.truncate(16 * MIB)
        self.log = open(self.folder / "log", "w+")
        self.addCleanup(self.log.close)
        self.probe = subprocess.Popen([PROBE, self.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=self.log, text=True)
        self.addCleanup(self.end)

    def end(self):
        self.probe.stdin.close()
        code = self.probe.wait(PATIENCE_S)
        self.probe.stdout.close()
        self.assertEqual(0, code, self.said())

    def said(self):
        return pathlib.Path(self.log.name).read_text()

    def qemu(self, domid):
        q = Qemu(self.folder, domid)
        self.addCleanup(q.end)
        return q

    def served(self, domid, talk):
        s = Served(self.folder, domid, talk)
        self.addCleanup(s.close)
        return s

    def round(self, *domains, ms=ROUND_MS):
        self.probe.stdin.write(f"{ms} {' '.join(map(str, domains))}\n")
        self.probe.stdin.flush()
        return json.loads(self.probe.stdout.readline())

    def until(self, what, probe, *domains):
        """Rounds, until probe(its result) is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not probe(found := self.round(*domains)):  # polls: a round is a question of time
            if time.monotonic() > deadline:
                self.fail(f"not {what}: {found}\n{self.said()}")
        return found

    def known(self, found, domid):
        disk = (found[str(domid)] or {}).get("xvda")
        return disk and disk["rd_bytes"] is not None

    def unknown(self, found, domid):
        disk = (found[str(domid)] or {}).get("xvda")
        return disk and disk["timed"] and disk["rd_bytes"] is None and disk["at"] == 0

    def test_counts(self):
        """Bytes, requests and time, under the guest's name; what the guest does before it has drivers counts too."""
        q = self.qemu(7)
        before = self.until("known", lambda r: self.known(r, 7), 7)["7"]
        self.assertEqual(["xvda"], list(before))
        q.io("read 0 1M")
        q.io("write 0 64k")
        q.io("read 0 512", device="ide0-hd0")
        wanted = {"rd_bytes": MIB + 512, "wr_bytes": 64 << 10, "rd_reqs": 2, "wr_reqs": 1}  # when all of it is done
        after = self.until("counted", lambda r: r["7"]["xvda"].items() >= wanted.items(), 7)["7"]["xvda"]
        self.assertGreater(after["rd_ns"], 0)
        self.assertGreater(after["wr_ns"], 0)
        self.assertGreater(after["at"], before["xvda"]["at"])

    def test_without_a_qemu(self):
        """What was never asked is not known; that there is nobody to be asked is an answer."""
        self.assertEqual({"8": None}, self.round(8))
        self.assertEqual({"8": {}}, self.round(8))

    def test_one_that_hangs(self):
        """Its disks are unknown, not gone and not 0; nobody else notices, and it is heard again when it is back."""
        q, _ = self.qemu(3), self.qemu(4)
        self.until("both", lambda r: self.known(r, 3) and self.known(r, 4), 3, 4)
        os.kill(q.process.pid, signal.SIGSTOP)
        self.until("one", lambda r: self.unknown(r, 3) and self.known(r, 4), 3, 4)
        os.kill(q.process.pid, signal.SIGCONT)
        self.until("both", lambda r: self.known(r, 3) and self.known(r, 4), 3, 4)
        self.assertIn("disks of a QEMU are not counted domid=3", self.said())

    def test_many_that_hang(self):
        """More than are asked at a time."""
        domains = list(range(100, 200))
        for domid in domains[:-1]:
            self.served(domid, lambda connection: None)
        self.qemu(domains[-1])
        self.until("the last one", lambda r: self.known(r, domains[-1]), *domains)

    def test_somebody_else_asks(self):
        """QEMU talks to one at a time on this socket, and we are not in the way of the other; nor ever on libxl's."""
        q = self.qemu(5)
        self.until("known", lambda r: self.known(r, 5), 5)
        other = q.connect(q.socket)
        self.until("unknown", lambda r: self.unknown(r, 5), 5)
        q.execute("query-status")
        other.close()
        self.until("known", lambda r: self.known(r, 5), 5)
        q.connect(q.socket).close()

    def test_a_guest_that_goes_and_comes(self):
        """A QEMU that has ended: unknown, and gone with its socket. Another guest of the number begins anew."""
        q = self.qemu(9)
        self.until("known", lambda r: self.known(r, 9), 9)
        q.process.kill()
        q.process.wait()
        self.until("unknown", lambda r: self.unknown(r, 9), 9)
        q.end()
        self.until("gone", lambda r: r == {"9": {}}, 9)
        self.qemu(9)
        self.until("known", lambda r: self.known(r, 9), 9)
        self.assertEqual({"9": None}, self.round("9:2"), "nothing of another guest's")
        self.until("known", lambda r: self.known(r, 9), "9:2")
        self.assertEqual({}, self.round())

    def test_what_makes_no_sense(self):
        """Endless, malformed, closed: it costs that QEMU's disks alone, and the log says it once."""
        def endless(connection):
            while True:
                connection.sendall(b"x" * 65536)

        self.served(1, endless)
        self.served(2, lambda connection: connection.sendall(b'{"QMP": {}}\n{"return": 7}\n{"return": 7}\n'))
        self.served(3, lambda connection: connection.shutdown(socket.SHUT_RDWR))
        self.qemu(4)
        words = ("more than 131072 bytes", "no list of disks", "closes its QMP socket")
        self.round(1, 2, 3, 4)
        self.round(1, 2, 3, 4, ms=5000)  # time enough, as only the first reason is told
        found = self.until("known", lambda r: self.known(r, 4), 1, 2, 3, 4)
        self.assertEqual([None] * 3, [found[d] for d in "123"], "nobody knows them")
        for domid, why in zip((1, 2, 3), words):
            self.assertRegex(self.said(), f'are not counted domid={domid} err=".*{why}')
            self.assertEqual(1, self.said().count(f"domid={domid} "))


if __name__ == "__main__":
    unittest.main()
