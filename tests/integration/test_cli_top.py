# SPDX-License-Identifier: Apache-2.0
"""`muster top` on a screen (a pty) and for scripts, against the aggregator and the host's socket."""

import fcntl
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import termios
import time
import unittest

from tests.integration.test_cli_console import DEADLINE, Terminal
from tests.support.fleet import Fleet
from tests.support.rest import wait_until

KERNEL = "/etc/hostname"  # any file will do for a simulated guest
BEGIN, END = b"\033[?1049h\033[?25l", b"\033[?25h\033[?1049l"
PICTURE_END = b"\033[J"


class CliTop(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="muster-top-")
        cls.addClassCleanup(folder.cleanup)
        cls.fleet = Fleet(pathlib.Path(folder.name))
        cls.fleet.__enter__()
        cls.addClassCleanup(cls.fleet.__exit__)
        cls.fleet.start_aggregator()
        cls.agent = cls.fleet.add_agent("host1", "--sim-create", "20ms", "--sim-shutdown", "20ms")
        cls.fleet.wait_connected(1)
        for name in ("top-one", "top-two"):
            vm = cls.agent.define(name=name, type="pvh", memory="64MiB", kernel=KERNEL)
            wait_until("the aggregator knows it", lambda vm=vm: vm in cls.fleet.rest.vms("id"))
            cls.agent.rest.action(vm, "start")
        cls.muster = str(cls.fleet.build / "aggregator/cli/muster")
        cls.env = {**os.environ, "MUSTER_URL": cls.fleet.url, "MUSTER_TOKEN": cls.fleet.rest.token,
                   "MUSTER_CA": str(cls.fleet.state / "ca.crt")}
        wait_until("values of both", lambda: len([
            vm for vm in cls.fleet.rest.get("/stats?series=cpu_usage")["vms"] if vm["values"]]) == 2)

    def top(self, *options, size=(24, 100), env=None):
        t = Terminal([self.muster, "top", *options], env or self.env, size)
        self.addCleanup(t.close)
        return t

    @staticmethod
    def picture(t):
        """The next one, without what moves the cursor."""
        text = t.expect(PICTURE_END).decode()
        return re.sub(r"\033\[\??[0-9;]*[A-Za-z]", "", text)

    def picture_with(self, t, *parts):
        end = time.monotonic() + DEADLINE
        while True:
            found = self.picture(t)
            if all(part in found for part in parts):
                return found
            if time.monotonic() > end:
                raise AssertionError(f"no {parts} in {found}")

    def left(self, t, code=0):
        t.expect(END)
        self.assertEqual(code, t.wait())
        self.assertTrue(t.is_itself())

    def test_look_and_leave(self):
        socket = {k: v for k, v in self.env.items() if not k.startswith("MUSTER_")}
        for options, env in (((), self.env), (("--socket", str(self.agent.socket)), socket)):
            with self.subTest(options):
                t = self.top(*options, env=env)
                t.expect(BEGIN)
                text = self.picture_with(t, "1 host, 2 VMs", "by cpu")
                self.assertRegex(text, r"\nhost1 +2 +up +[\d.]+ % ")
                self.assertRegex(text, r"\ntop-one +host1 +Running +[\d.]+ % +\d+ +64 MiB ")
                t.type(b"q")
                self.left(t)

    def test_keys(self):
        t = self.top()
        self.picture_with(t, "by cpu")
        for key, name in ((b"m", "memory"), (b"n", "net"), (b"d", "disk"), (b"a", "name")):
            t.type(key)
            text = self.picture_with(t, f"by {name}")
        self.assertLess(text.index("top-one"), text.index("top-two"))
        t.type(b"r")
        text = self.picture_with(t, "least first")
        self.assertGreater(text.index("top-one"), text.index("top-two"))
        t.type(b"/TWOx\x7f")
        self.assertNotIn("top-one", self.picture_with(t, "; /TWO_"))
        t.type(b"\r")
        self.picture_with(t, "0 hosts, 1 VM;")
        t.type(b"\033[A")  # an arrow changes nothing
        t.type(b"/q\r")
        self.picture_with(t, "; /TWOq")
        t.type(b"\033")
        self.picture_with(t, "1 host, 2 VMs")
        t.type(b"q")
        self.left(t)

    def test_the_window(self):
        t = self.top(size=(8, 30))
        text = self.picture_with(t, "1 host, 2 VMs")
        self.assertLessEqual(len(text.strip().splitlines()), 8)
        self.assertTrue(all(len(line) <= 30 for line in text.splitlines()), text)
        self.assertNotIn("VCPUS", text)
        t.resize(t.slave, 40, 120)
        t.process.send_signal(signal.SIGWINCH)
        self.picture_with(t, "VCPUS", "top-one", "top-two")
        t.type(b"q")
        self.left(t)

    def test_every_way_out_restores_the_terminal(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT):
            with self.subTest(number):
                t = self.top()
                self.picture_with(t, "by cpu")
                t.process.send_signal(number)
                self.left(t, -number)
        t = self.top("-n", "1", "-d", "1s")
        t.expect(BEGIN)
        self.left(t)

    def test_interrupted_by_the_keyboard(self):
        pid = os.fork()
        if pid == 0:  # Ctrl-C is for who has the terminal as its own
            os.setsid()
            master, slave = os.openpty()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            before = termios.tcgetattr(slave)
            process = subprocess.Popen([self.muster, "top"], stdin=slave, stdout=slave,  # pylint: disable=consider-using-with
                                       stderr=slave, env=self.env, preexec_fn=lambda: signal.signal(
                                           signal.SIGINT, signal.SIG_DFL))
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            seen = b""
            while PICTURE_END not in seen:
                seen += os.read(master, 65536)
            os.write(master, b"\x1a\x03")  # Ctrl-Z is a key that means nothing
            code = process.wait(60)
            while END not in seen:
                seen += os.read(master, 65536)
            os._exit(0 if code == -signal.SIGINT and termios.tcgetattr(slave) == before else 1)
        self.assertEqual(0, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    def test_a_server_that_goes_away(self):
        t = self.top("-d", "1s")
        self.picture_with(t, "top-one")
        self.fleet.aggregator.stop()
        try:
            text = self.picture_with(t, "no answer:")
            self.assertIn("top-one", text)  # as it was
        finally:
            self.fleet.restart_aggregator()
            self.fleet.wait_connected(1)
        self.picture_with(t, "top-one", "by cpu\r\n")
        t.type(b"q")
        self.left(t)

    def run_muster(self, code, *words):
        done = subprocess.run([self.muster, "top", *words], env=self.env, capture_output=True,
                              text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(code, done.returncode, done.stdout + done.stderr)
        return done

    def test_for_scripts(self):
        text = self.run_muster(0, "-b", "-n", "2", "-d", "1s", "--sort", "name").stdout
        self.assertEqual(2, len(re.findall(r"(?m)^muster top: 1 host, 2 VMs$", text)))
        self.assertEqual(2, len(re.findall(r"(?m)^top-one +host1 +Running ", text)))
        self.assertNotIn("\033", text)
        reply = json.loads(self.run_muster(0, "-n", "1", "-o", "json").stdout)
        self.assertEqual({"top-one", "top-two"}, {vm["name_label"] for vm in reply["vms"]})
        self.assertEqual(64 << 20, reply["vms"][0]["values"]["memory"])
        self.assertIn("0 hosts, 1 VM\n", self.run_muster(0, "-b", "-n1", "two").stdout)
        self.assertIn("1 host, 2 VMs\n", self.run_muster(0, "-b", "-n1", "--host", "host1").stdout)
        self.run_muster(3, "-b", "-n1", "--host", "nobody")
        self.assertIn("--batch", self.run_muster(2).stderr)
        self.run_muster(2, "-b", "-n1", "-o", "csv")
        self.run_muster(2, "-n1", "-o", "json", "two")
        self.run_muster(2, "-b", "--sort", "size")
        self.run_muster(2, "-b", "-d", "10ms")


if __name__ == "__main__":
    unittest.main()
