# SPDX-License-Identifier: Apache-2.0
"""`muster` for users, groups, roles and tokens, and signing in with it."""

import json
import os
import pty
import stat
import subprocess
import termios
import unittest

from tests.support import demo

PASSWORD = "correct horse: battery"


class Access(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = demo.Demo(hosts=1)
        cls.addClassCleanup(cls.demo.remove)
        cls.demo.start()

    def run_muster(self, code, *args, **kwargs):
        done = self.demo.muster(*args, **kwargs)
        self.assertEqual(code, done.returncode, f"{args}: {done.stdout}{done.stderr}")
        return done

    def user(self, name, password=None, **more):
        self.run_muster(0, "user", "create", name, *(f"{k}={v}" for k, v in more.items()))
        self.addCleanup(self.demo.muster, "user", "delete", name)
        if password:
            self.run_muster(0, "user", "passwd", name, text=password + "\n")

    def as_user(self, name, *args, code=0, text=None, home=None):
        """`muster` of somebody who has signed in: with the file in his home alone."""
        done = self.demo.muster(*args, text=text, env={
            "HOME": str(home or self.home(name)), "MUSTER_TOKEN": "", "MUSTER_URL": "",
            "MUSTER_CA": ""})
        self.assertEqual(code, done.returncode, f"{args}: {done.stdout}{done.stderr}")
        return done

    def home(self, name):
        path = self.demo.state / "homes" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def login(self, name, password=PASSWORD, code=0):
        return self.as_user(name, "login", name, "--url", self.demo.env["MUSTER_URL"], "--ca",
                            self.demo.env["MUSTER_CA"], text=password + "\n", code=code)

    def test_users_groups_and_roles(self):
        self.user("ann")
        self.user("bob", permission="admin")
        self.assertRegex(self.run_muster(0, "user", "list").stdout, r"(?m)^bob +admin +no +no ")
        self.run_muster(0, "user", "edit", "bob", "permission=none", "name=rob")
        self.assertEqual("none", self.demo.json("user", "show", "rob")["permission"])
        self.run_muster(0, "group", "create", "night shift")
        self.run_muster(0, "group", "add", "night shift", "ann", "rob")
        self.assertEqual(2, len(self.demo.json("group", "show", "night shift")["users"]))
        self.run_muster(0, "group", "remove", "night shift", "rob")
        self.run_muster(0, "role", "create", "keeper", "description=looks after one VM")
        self.run_muster(0, "role", "allow", "keeper", "vm:read", "name_label:db-1")
        self.run_muster(0, "role", "deny", "keeper", "vm:shutdown:hard")
        text = self.run_muster(0, "role", "privileges", "keeper").stdout
        self.assertRegex(text, r"(?m)^allow +vm +read +name_label:db-1 ")
        self.assertRegex(text, r"(?m)^deny +vm +shutdown:hard ")
        self.run_muster(0, "role", "assign", "keeper", "rob", "group:night shift")
        for name in ("ann", "rob"):
            self.assertEqual({"read", "shutdown:hard"}, {
                p["action"] for p in self.demo.json("user", "privileges", name)})
        self.run_muster(0, "role", "revoke", "keeper", "vm:shutdown:hard")
        self.run_muster(3, "role", "revoke", "keeper", "vm:shutdown:hard")
        self.run_muster(0, "role", "unassign", "keeper", "group:night shift")
        self.assertEqual([], self.demo.json("user", "privileges", "ann"))
        self.run_muster(0, "role", "copy", "viewer", "onlooker")
        self.assertGreater(len(self.demo.json("role", "privileges", "onlooker")), 10)
        self.run_muster(0, "role", "delete", "onlooker", "keeper")
        self.run_muster(0, "group", "delete", "night shift")
        self.run_muster(0, "user", "delete", "rob")

    def test_verbs_take_no_more_than_their_privileges(self):
        """What a role allows is done by `muster`, not only by those who may call everything."""
        self.user("dora", PASSWORD)
        self.run_muster(0, "role", "create", "keeper of some")
        self.addCleanup(self.demo.muster, "role", "delete", "keeper of some")
        for right in ("vm:*", "vm-snapshot:*", "vdi:*", "vbd:*", "vif:*", "network:*", "sr:scan"):
            self.run_muster(0, "role", "allow", "keeper of some", right)
        self.run_muster(0, "role", "assign", "keeper of some", "dora")
        folder = self.demo.state / "disks of some"
        folder.mkdir()
        sr = self.run_muster(0, "sr", "create", "host-1", "some", "dir", f"location={folder}").stdout.strip()
        self.run_muster(0, "vm", "create", "hers", "--template", "Other (PVH)", "--sr", "some",
                        "--disk", "4MiB", "--network", "xenbr0")
        self.login("dora")
        for args in (("vm", "snapshot", "hers", "name_label=before"), ("vm", "revert", "hers", "before"),
                     ("vdi", "resize", "hers xvda", "8MiB"), ("vif", "edit", "hers", "0", "rateLimit=100"),
                     ("vbd", "detach", "hers", "0"), ("vbd", "attach", "hers", "VDI=hers xvda"),
                     ("vif", "detach", "hers", "0"), ("snapshot", "clone", "before", "name_label=copy"),
                     ("snapshot", "delete", "before"), ("vm", "delete", "hers", "copy")):
            self.as_user("dora", *args)
        self.as_user("dora", "sr", "scan", sr)
        self.assertIn("sr:forget", self.as_user("dora", "sr", "forget", sr, code=1).stderr)
        self.assertIn("only administrators", self.as_user("dora", "call", "sr.scan", sr, code=1).stderr)
        self.run_muster(0, "sr", "destroy", "some")

    def test_what_is_wrong_is_said(self):
        for code, args, says in (
                (1, ("user", "create", "eve", "password=secret1234"), "muster user passwd"),
                (1, ("role", "allow", "viewer", "vm"), "RESOURCE:ACTION"),
                (4, ("role", "delete", "viewer"), "built in"),
                (3, ("group", "add", "nobody here", "admin"), "no group"),
                (3, ("user", "show", "nobody"), "no user")):
            self.assertIn(says, self.run_muster(code, *args).stderr, args)

    def test_signing_in_and_out(self):
        self.user("carol", PASSWORD)
        self.assertIn("wrong name or password", self.login("carol", "no such thing", code=1).stderr)
        self.assertNotIn(PASSWORD, str(self.login_later("carol")))
        file = self.home("carol") / ".config/muster/login.json"
        self.assertEqual(0o600, stat.S_IMODE(file.stat().st_mode))
        self.assertEqual(0o700, stat.S_IMODE(file.parent.stat().st_mode))
        self.assertEqual([], json.loads(self.as_user("carol", "vm", "list", "-ojson").stdout))
        self.assertIn("user:read", self.as_user("carol", "user", "list", code=1).stderr)
        token = json.loads(file.read_text())["token"]
        file.chmod(0o644)
        self.assertIn("others can read", self.as_user("carol", "vm", "list", code=1).stderr)
        file.chmod(0o600)
        self.as_user("carol", "logout")
        self.assertFalse(file.exists())
        done = self.run_muster(1, "vm", "list", env={"MUSTER_TOKEN": token})
        self.assertIn("muster login", done.stderr)
        self.as_user("carol", "logout")  # again, without harm

    def login_later(self, name):
        """A wrong password makes its name wait: for two seconds."""
        return demo.wait_for("signing in", lambda: self.try_login(name))

    def try_login(self, name):
        done = self.demo.muster(
            "login", name, "--url", self.demo.env["MUSTER_URL"], "--ca", self.demo.env["MUSTER_CA"],
            text=PASSWORD + "\n",
            env={"HOME": str(self.home(name)), "MUSTER_TOKEN": "", "MUSTER_URL": ""})
        return done if done.returncode == 0 else None

    def test_ones_own_password(self):
        self.user("dave", PASSWORD)
        self.login("dave")
        self.as_user("dave", "user", "passwd", text=f"{PASSWORD}\nquite another one\n")
        self.login("dave", "quite another one")

    def test_tokens(self):
        made = self.run_muster(0, "token", "create", "description=for the tests", "expiresIn=1 h",
                               "client=tests").stdout.strip()
        listed = next(token for token in self.demo.json("token", "list")
                      if token["description"] == "for the tests")
        self.assertEqual("tests", listed["client"]["id"])
        self.assertEqual(3600 * 1000, listed["expiration"] - listed["created_at"])
        self.run_muster(0, "vm", "list", env={"MUSTER_TOKEN": made})
        self.assertNotIn(made, self.run_muster(0, "token", "list").stdout)
        self.run_muster(0, "token", "delete", "for the tests")
        self.run_muster(1, "vm", "list", env={"MUSTER_TOKEN": made})

    def test_a_password_is_typed_without_being_shown(self):
        self.user("erin")
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        before = termios.tcgetattr(theirs)
        asked = subprocess.Popen(
            [demo.program("muster"), "user", "passwd", "erin"], stdin=theirs,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**self.demo.environment(), **self.demo.env})
        self.addCleanup(os.close, theirs)
        for prompt in (b"New password: ", b"\nThe same again: "):
            said = b""
            while not said.endswith(prompt):
                byte = asked.stderr.read(1)
                self.assertTrue(byte, said)
                said += byte
            self.assertFalse(termios.tcgetattr(theirs)[3] & termios.ECHO)
            os.write(ours, PASSWORD.encode() + b"\n")
        out, err = asked.communicate(timeout=demo.DEADLINE)
        self.assertEqual((0, b""), (asked.returncode, out), err)
        self.assertEqual(before, termios.tcgetattr(theirs))
        self.login("erin")
