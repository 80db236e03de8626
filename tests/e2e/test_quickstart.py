# SPDX-License-Identifier: Apache-2.0
"""deploy/quickstart as a person uses it."""

import signal
import socket
import subprocess
import threading
import unittest

from tests.support import demo


class Detached(unittest.TestCase):
    def setUp(self):
        self.demo = demo.Demo(hosts=2)
        self.addCleanup(self.demo.remove)

    def test_says_what_to_do_next(self):
        text = self.demo.start()
        for part in (self.demo.env["MUSTER_URL"], self.demo.env["MUSTER_TOKEN"], "curl --cacert"):
            self.assertIn(part, text)
        # The printed request works as printed.
        curl = next(line for line in text.split("\n") if line.strip().startswith("curl"))
        done = subprocess.run(["bash", "-c", curl.strip()], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("power_state", done.stdout)

    def test_env_is_private(self):
        self.demo.start()
        self.assertEqual(0o600, (self.demo.state / "env").stat().st_mode & 0o777)

    def test_stop_ends_all_and_a_second_start_resumes(self):
        self.demo.start()
        before = {vm["id"] for vm in self.demo.rest("/rest/v0/vms?fields=id")}
        token = self.demo.env["MUSTER_TOKEN"]
        pids = self.demo.pids()
        self.assertEqual({"aggregator", "host-1", "host-2"}, set(pids))
        self.assertEqual(0, self.demo.stop().returncode)
        for name, pid in pids.items():
            self.assertFalse(demo.is_alive(pid), name)
        self.demo.start()
        self.assertEqual(token, self.demo.env["MUSTER_TOKEN"])
        self.assertLessEqual(before, {vm["id"] for vm in self.demo.rest("/rest/v0/vms?fields=id")})

    def test_a_second_start_leaves_what_runs_alone(self):
        self.demo.start()
        pids = self.demo.pids()
        self.demo.start()
        self.assertEqual(pids, self.demo.pids())

    def test_an_agent_that_is_started_anew(self):
        """Its next run says that the call was done."""
        self.demo.start()
        pids = self.demo.pids()
        for _ in range(2):
            done = self.demo.muster("host", "restart-agent", "host-1")
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertEqual(pids, self.demo.pids())
        self.assertNotIn("does not end", self.demo.stop().stdout)
        self.assertNotEqual(0, self.demo.muster("--socket", str(self.demo.state / "host-1/agent.sock"),
                                                "host", "list").returncode, "nobody is left")

    def test_stop_ends_nothing_that_has_another_start_time(self):
        self.demo.start()
        stranger = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        self.addCleanup(stranger.wait)
        self.addCleanup(stranger.stdin.close)
        file = self.demo.state / "run/host-1"
        mine = file.read_text()
        self.addCleanup(self.demo.stop)
        self.addCleanup(file.write_text, mine)
        file.write_text(f"{stranger.pid} {mine.split()[1]}\n")
        self.assertEqual(0, self.demo.stop().returncode)
        self.assertTrue(demo.is_alive(stranger.pid))


class Foreground(unittest.TestCase):
    def test_ctrl_c_ends_what_it_started(self):
        host = demo.Demo(hosts=1)
        self.addCleanup(host.remove)
        # A runner in the background hands down that Ctrl-C is ignored, and no shell takes that back.
        script = subprocess.Popen(host.argv(), env=host.environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  start_new_session=True,
                                  preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.addCleanup(script.stdout.close)
        deadline = threading.Timer(2 * demo.DEADLINE, script.terminate)
        deadline.start()
        self.addCleanup(deadline.cancel)
        for line in script.stdout:
            if "Ctrl-C ends it" in line:
                break
        else:
            self.fail("it has not come up")
        pids = host.pids()
        self.assertEqual({"aggregator", "host-1"}, set(pids))
        script.send_signal(signal.SIGINT)
        rest = script.stdout.read()
        self.assertEqual(130, script.wait(demo.DEADLINE), rest)
        for name, pid in pids.items():
            self.assertFalse(demo.is_alive(pid), name)

    def test_a_port_in_use_is_named(self):
        host = demo.Demo(hosts=1)
        self.addCleanup(host.remove)
        with socket.socket() as other:
            other.bind(("127.0.0.1", host.port))
            other.listen()
            done = subprocess.run(host.argv(), env=host.environment(), text=True, timeout=60,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, check=False)
        self.assertNotEqual(0, done.returncode)
        self.assertIn(f":{host.port} is in use", done.stdout)
        self.assertIn("--listen", done.stdout)

    def test_wrong_options(self):
        host = demo.Demo()
        self.addCleanup(host.remove)
        for options, part in ((["--listen", "8443"], "ADDR:PORT"), (["--hosts", "many"], "number"),
                              (["--nonsense"], "unknown option"), (["--state"], "needs a value")):
            done = subprocess.run([str(demo.QUICKSTART), *options], env=host.environment(),
                                  text=True, timeout=60, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            self.assertEqual(2, done.returncode, done.stdout)
            self.assertIn(part, done.stdout)


if __name__ == "__main__":
    unittest.main()
