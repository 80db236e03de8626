# SPDX-License-Identifier: Apache-2.0
"""`muster vm console` in a terminal of its own (a pty), against the aggregator and the host's
socket."""

import fcntl
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest

from tests.support.fleet import Fleet
from tests.support.rest import wait_until

KERNEL = "/etc/hostname"  # any file will do for a simulated guest
DEADLINE = 60
ESCAPE = b"\x1d"


class Terminal:
    """A person at a terminal, in which a command runs."""

    def __init__(self, argv, env, size=None):
        self.master, slave = pty.openpty()
        if size:
            self.resize(slave, *size)
        self.before = termios.tcgetattr(slave)
        self.flags = os.get_blocking(slave)
        self.slave = slave
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env,
                                        start_new_session=True)
        self.seen = b""

    @staticmethod
    def resize(slave, rows, columns):
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        os.write(self.master, keys)

    def expect(self, text):
        end = time.monotonic() + DEADLINE
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"no {text!r} after {self.seen!r}")
            self.seen += os.read(self.master, 65536)
        where = self.seen.index(text) + len(text)
        taken, self.seen = self.seen[:where], self.seen[where:]
        return taken

    def wait(self):
        return self.process.wait(DEADLINE)

    def is_itself(self):
        return (termios.tcgetattr(self.slave) == self.before and
                os.get_blocking(self.slave) == self.flags)

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


class CliConsole(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="muster-console-")
        cls.addClassCleanup(folder.cleanup)
        cls.fleet = Fleet(pathlib.Path(folder.name))
        cls.fleet.__enter__()
        cls.addClassCleanup(cls.fleet.__exit__)
        cls.fleet.start_aggregator()
        cls.agent = cls.fleet.add_agent("host1", "--sim-create", "20ms", "--sim-shutdown", "20ms")
        cls.fleet.wait_connected(1)
        cls.muster = str(cls.fleet.build / "aggregator/cli/muster")
        cls.env = {**os.environ, "MUSTER_URL": cls.fleet.url, "MUSTER_TOKEN": cls.fleet.rest.token,
                   "MUSTER_CA": str(cls.fleet.state / "ca.crt")}

    def setUp(self):
        self.name = self.id().rsplit(".", 1)[1].replace("_", "-")[-40:]
        self.vm = self.agent.define(name=self.name, type="pvh", memory="64MiB", kernel=KERNEL)
        wait_until("the aggregator knows it", lambda: self.vm in self.fleet.rest.vms("id"))
        self.agent.rest.action(self.vm, "start")

    def console(self, *options, name=None, env=None):
        t = Terminal([self.muster, "vm", "console", name or self.name, *options], env or self.env)
        self.addCleanup(t.close)
        return t

    def login(self, t):
        t.expect(b"Ctrl-] leaves.")
        t.expect(f"{self.name} login: ".encode())
        t.type(b"joe\r")
        t.expect(f"joe@{self.name}:~$ ".encode())

    def leave(self, t):
        t.type(ESCAPE)
        t.expect(b"Left.")
        self.assertEqual(0, t.wait())
        self.assertTrue(t.is_itself())

    def test_type_and_leave(self):
        for options in ((), ("--socket", str(self.agent.socket)),
                        ("--socket", str(self.fleet.state / "aggregator.sock"))):
            with self.subTest(options):
                env = dict(self.env)
                if options:
                    for key in ("MUSTER_URL", "MUSTER_TOKEN", "MUSTER_CA"):
                        del env[key]
                t = self.console(*options, env=env)
                if options:  # somebody is logged in
                    t.expect(f"joe@{self.name}:~$ ".encode())
                else:
                    self.login(t)
                self.assertTrue(t.is_raw())
                t.type(b"echo typed\r")
                t.expect(b"\r\ntyped\r\n")
                t.type(b"\x03")  # the guest's, not ours
                t.expect(b"^C\r\n")
                self.leave(t)

    def test_read_only_and_take(self):
        first = self.console()
        self.login(first)
        reader = self.console("--read-only")
        reader.expect(b", read-only; Ctrl-] leaves.")
        reader.type(b"echo nobody hears\r")
        second = self.console("--take")
        first.expect(b"types here from now on")
        second.type(b"echo mine\r")
        for t in (first, reader):
            self.assertNotIn(b"nobody", t.expect(b"\r\nmine\r\n"))
        for t in (first, reader, second):
            self.leave(t)

    def test_every_way_out_restores_the_terminal(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT,
                       signal.SIGABRT, signal.SIGSEGV):
            with self.subTest(number):
                t = self.console()
                t.expect(b"Ctrl-] leaves.")
                wait_until("the terminal is raw", t.is_raw)
                t.process.send_signal(number)
                code = t.wait()
                self.assertIn(code, (1, -number))
                self.assertTrue(t.is_itself(), number)

    def test_the_server_ends_it(self):
        t = self.console()
        self.login(t)
        self.fleet.aggregator.kill()
        t.expect(b"the connection has ended")
        self.assertEqual(1, t.wait())
        self.assertTrue(t.is_itself())
        self.fleet.restart_aggregator()
        self.fleet.wait_connected(1)

    def run_cli(self, *argv, env=None, **options):
        return subprocess.run([self.muster, *argv], env=env or self.env, capture_output=True,
                              timeout=DEADLINE, **options)

    def test_refusals(self):
        for code, words, argv, change in (
                (3, "there is no vm 'nobody'", ("vm", "console", "nobody"), {}),
                (2, "takes VM", ("vm", "console"), {}),
                (2, "takes VM", ("vm", "console", "a", "b"), {}),
                (2, "--take means nothing", ("vm", "list", "--take"), {}),
                (1, "MUSTER_TOKEN", ("vm", "console", self.name), {"MUSTER_TOKEN": "mt1.no"}),
                (1, "not trusted", ("vm", "console", self.name), {"MUSTER_CA": "/dev/null"}),
                (1, "takes nothing over",
                 ("vm", "console", self.name, "--read-only", "--take"), {})):
            with self.subTest(argv):
                done = self.run_cli(*argv, env={**self.env, **change}, stdin=subprocess.DEVNULL)
                self.assertEqual(code, done.returncode, done.stderr)
                if change.get("MUSTER_CA") is None:
                    self.assertIn(words, done.stderr.decode())

    def test_a_host_that_is_away(self):
        self.agent.kill()
        self.addCleanup(self.back)
        wait_until("it is away", lambda: not self.fleet.rest.get(
            "/hosts?fields=connected")[0]["connected"])
        done = self.run_cli("vm", "console", self.name, stdin=subprocess.DEVNULL)
        self.assertEqual(1, done.returncode)
        self.assertIn("is not connected", done.stderr.decode())

    def back(self):
        self.agent.start()
        self.fleet.wait_connected(1)

    def test_a_pipe_is_typed(self):
        process = subprocess.Popen([self.muster, "vm", "console", self.name], env=self.env,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        process.stdin.write(b"joe\recho from a pipe\r")
        process.stdin.close()
        seen = b""
        while b"\r\nfrom a pipe\r\n" not in seen:
            piece = process.stdout.read1(65536)
            self.assertTrue(piece, seen)
            seen += piece
        process.terminate()
        self.assertEqual(1, process.wait(DEADLINE))
        self.assertIn(b"interrupted", process.stderr.read())
        process.stdout.close()
        process.stderr.close()

    def test_much_output_reaches_the_terminal(self):
        t = self.console()
        self.login(t)
        t.type(b"yes many words in a row\r")
        for _ in range(20000):
            t.expect(b"many words in a row\r\n")
        t.type(b"x")
        t.expect(b"^C\r\n")
        self.leave(t)


if __name__ == "__main__":
    unittest.main()
