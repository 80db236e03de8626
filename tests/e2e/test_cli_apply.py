# SPDX-License-Identifier: Apache-2.0
"""`muster apply`, `edit`, `--dry-run` and `--watch`, as a person and as a program use them."""

import json
import os
import pathlib
import subprocess
import tempfile
import textwrap
import unittest

from tests.integration.test_cli_console import Terminal
from tests.support import demo

DIFFERS = 7


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = demo.Demo(hosts=2)
        cls.addClassCleanup(cls.demo.remove)
        cls.demo.start()
        demo.wait_for("the hosts' VMs", lambda: len(cls.demo.rest("/rest/v0/vms?fields=id")) == 10)
        for name in ("db-1", "web-1", "db-2", "web-2"):
            demo.wait_for(f"{name} started with its host",
                          lambda name=name: cls.demo.power(name) == "Running")

    def run_muster(self, code, *args, **kwargs):
        done = self.demo.muster(*args, **kwargs)
        self.assertEqual(code, done.returncode, f"{args}: {done.stdout}{done.stderr}")
        return done

    def apply(self, code, text, *options):
        return self.run_muster(code, "apply", "-f", "-", *options, text=textwrap.dedent(text))

    def terminal(self, *args, **env):
        t = Terminal([demo.program("muster"), *args],
                     {**self.demo.environment(), **self.demo.env, **env}, (24, 120))
        self.addCleanup(t.close)
        return t

    def editor(self, script):
        """An $EDITOR that does this to the file, whose path it leaves in `edited`."""
        folder = tempfile.TemporaryDirectory(prefix="muster-editor-")
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name, "editor")
        path.write_text(f"#!/bin/sh\necho \"$1\" > {folder.name}/edited\ncp \"$1\" {folder.name}/text\n"
                        f"{script}\n")
        path.chmod(0o755)
        self.edited = pathlib.Path(folder.name, "edited")
        self.text = pathlib.Path(folder.name, "text")
        return {"EDITOR": str(path), "TMPDIR": folder.name}


class Apply(Case):
    EVERYTHING = """
        kind: role
        name: keeper
        spec:
          description: looks after web servers
          privileges: ["allow vm:read name_label:web", "deny vm:shutdown:hard"]
          groups: [night shift]
          users: [rob]
        ---
        {{kind: group, name: night shift, spec: {{users: [ann, rob]}}}}
        ---
        {{kind: user, name: ann}}
        ---
        {{kind: user, name: rob, spec: {{permission: none}}}}
        ---
        kind: sr
        name: systems
        host: host-1
        spec: {{name_description: of the tests, tags: [x]}}
        create: {{SR_type: dir, device_config: {{location: "{folder}"}}}}
        ---
        kind: vm
        name: declared
        host: host-1
        spec: {{cpus: 2, memory: 768MiB, tags: [office, web], cpuWeight: 512, cpuMask: "0-1"}}
        create: {{template: Other (PVH), sr: systems, network: xenbr0}}
        ---
        kind: vm
        name: test-2
        spec: {{memory: 1GiB, nameDescription: changed}}
        ---
        {{kind: network, name: inside, spec: {{mtu: 1400}}}}
        ---
        kind: alarm-rule
        name: hot
        spec: {{kind: VM, series: cpu_usage, warning: 0.9, for: 60}}
        ---
        kind: alarm-target
        name: hook
        spec: {{type: webhook, level: critical}}
        create: {{url: "https://127.0.0.1:1/secret"}}
        """

    def test_a_file_of_everything(self):
        with tempfile.TemporaryDirectory(prefix="muster-apply-") as folder:
            text = self.EVERYTHING.format(folder=folder)
            plan = self.apply(DIFFERS, text, "--dry-run").stdout
            self.assertIn("+ vm declared\n    cpus: 2\n    memory: 768MiB\n", plan)
            self.assertIn("~ vm test-2\n    memory: 512 MiB -> 1GiB\n    nameDescription: "
                          "a simulated guest -> changed\n", plan)
            self.assertIn("9 to create, 1 to change, 0 as declared", plan)
            self.assertIn("--yes", self.apply(2, text).stderr)
            self.assertEqual([], self.demo.rest("/rest/v0/srs"))
            done = self.apply(0, text, "--yes").stdout
            self.assertRegex(done, r"(?m)^vm +declared +created +cpus, memory, tags")
            self.assertRegex(done, r"(?m)^vm +test-2 +changed +memory, nameDescription$")
            # What a host tells of a change can come a moment after the change's task has ended.
            demo.wait_for("all as declared", lambda: "0 to create, 0 to change, 10 as declared\n" ==
                          self.demo.muster("apply", "-f", "-", "--dry-run",
                                           text=textwrap.dedent(text)).stdout)
            self.apply(0, text)
            vm = self.demo.json("vm", "show", "declared")
            self.assertEqual((2, 768 << 20, 512, [0, 1], 1), (
                vm["CPUs"]["number"], vm["memory"]["dynamic"][1], vm["cpuWeight"], vm["cpuMask"],
                len(vm["VIFs"])))
            self.assertEqual(2, len(self.demo.json("group", "show", "night shift")["users"]))
            self.assertEqual({"read", "shutdown:hard"}, {
                p["action"] for p in self.demo.json("role", "privileges", "keeper")})
            self.less(folder)

    def less(self, folder):
        """What is taken out of a list goes; what is not named stays."""
        self.apply(0, """
            {kind: group, name: night shift, spec: {users: [rob]}}
            ---
            kind: role
            name: keeper
            spec: {privileges: ["allow vm:read name_label:web", "allow vm:start"]}
            """, "-y")
        self.assertEqual(1, len(self.demo.json("group", "show", "night shift")["users"]))
        role = self.demo.json("role", "show", "keeper")
        self.assertEqual(("looks after web servers", 1, 2), (
            role["description"], len(role["userIds"]), len(role["privilegeIds"])))
        done = self.apply(1, "{kind: network, name: inside, spec: {mtu: 9000}}", "-y")
        self.assertIn("what is there cannot be changed (mtu)", done.stderr)
        self.run_muster(0, "vm", "delete", "declared")
        self.run_muster(0, "sr", "destroy", "systems")

    def test_a_dry_run_asks_the_server(self):
        done = self.apply(6, """
            {kind: user, name: would-be}
            ---
            {kind: user, name: never, spec: {permission: emperor}}
            ---
            {kind: vm, name: web-1, spec: {cpus: 100000}}
            ---
            {kind: vm, name: web-2, spec: {nameDescription: tried}}
            ---
            {kind: alarm-rule, name: odd, spec: {kind: VM, series: cpu_usage, condition: sometimes}}
            """, "--dry-run", "-ojson")
        self.assertEqual({"would-be": "to create", "never": "refused", "web-1": "refused", "web-2": "to change", "odd": "refused"},
                         {one["name"]: one["result"] for one in json.loads(done.stdout)})
        self.assertIn("user never: body.permission: admin or none", done.stderr)
        self.assertIn("vm web-1: arguments: cpus: ", done.stderr)
        self.run_muster(3, "user", "show", "would-be")
        self.assertNotEqual("tried", self.demo.json("vm", "show", "web-2")["name_description"])
        # What is only named, but not there and not made before, is a mistake now and not later.
        self.assertIn("there is no network 'nowhere'", self.apply(3, """
            {kind: vm, name: dry, spec: {cpus: 1}, create: {template: Other (PVH), network: nowhere}}
            """, "--dry-run").stderr)

    def test_for_programs(self):
        text = "{kind: user, name: prog, spec: {permission: none}}"
        before = json.loads(self.apply(DIFFERS, text, "--dry-run", "-ojson").stdout)
        self.assertEqual([("to create", "permission")],
                         [(one["result"], one["changes"][0]["field"]) for one in before])
        self.assertEqual("created", json.loads(self.apply(0, text, "-y", "-ojson").stdout)[0]["result"])
        self.assertEqual("same", json.loads(self.apply(0, text, "-ojson").stdout)[0]["result"])

    def test_one_that_fails_holds_up_no_other(self):
        done = self.apply(6, """
            {kind: user, name: good}
            ---
            {kind: user, name: bad, spec: {permission: emperor}}
            """, "-y")
        self.assertIn("user bad: ", done.stderr)
        self.assertRegex(done.stdout, r"(?m)^user +bad +failed ")
        self.assertRegex(done.stdout, r"(?m)^user +good +created ")

    def test_a_mistake_ends_it_before_anything_is_changed(self):
        for says, text in (
                ("line 2, column 1", "{kind: user, name: [x"),
                ("document 2 x: there is no 'cpu' in the spec of a vm", """
                    {kind: user, name: never}
                    ---
                    {kind: vm, name: x, spec: {cpu: 1}}
                    """)):
            self.assertIn(says, self.apply(2, text, "-y").stderr)
        done = self.apply(1, """
            {kind: user, name: never}
            ---
            {kind: vm, name: foreign-1, spec: {cpus: 1}}
            """, "-y")
        self.assertIn("'foreign-1' is the name of several", done.stderr)
        self.apply(4, """
            {kind: user, name: never}
            ---
            {kind: vm, name: web-1, host: host-2, spec: {cpus: 1}}
            """, "-y")
        self.run_muster(3, "user", "show", "never")
        self.run_muster(2, "apply")
        self.run_muster(2, "apply", "-f", "/no/such/file")

    def test_at_a_terminal_it_asks(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("{kind: user, name: asked}\n")
            file.flush()
            t = self.terminal("apply", "-f", file.name)
            t.expect(b"Make it so? [y/N] ")
            t.type(b"n\n")
            t.expect(b"nothing is changed")
            self.assertEqual(1, t.wait())
            self.run_muster(3, "user", "show", "asked")
            t = self.terminal("apply", "-f", file.name)
            t.expect(b"Make it so? [y/N] ")
            t.type(b"y\n")
            t.expect(b"created")
            self.assertEqual(0, t.wait())
        self.run_muster(0, "user", "delete", "asked")


class Edit(Case):
    def test_what_is_changed_in_the_text_is_changed(self):
        env = self.editor("sed -i 's/cpus: .*/cpus: 2/; s/tags:/tags: [a, b]/; /^    - demo/d' \"$1\"")
        done = self.run_muster(0, "edit", "vm", "batch-1", env=env)
        self.assertIn("cpus: 4 -> 2", done.stdout)
        self.assertIn('memory: "2GiB"', self.text.read_text())
        demo.wait_for("the change", lambda: self.demo.json("vm", "show", "batch-1")["CPUs"]["number"] == 2)
        self.assertEqual(["a", "b"], sorted(self.demo.json("vm", "show", "batch-1")["tags"]))
        self.assertFalse(os.path.exists(self.edited.read_text().strip()))

    def test_a_name_and_what_is_related(self):
        self.run_muster(0, "group", "create", "day shift")
        env = self.editor("sed -i 's/name: day shift/name: late shift/; s/users: \\[\\]/users: [admin]/' \"$1\"")
        self.run_muster(0, "edit", "group", "day shift", env=env)
        self.assertEqual(1, len(self.demo.json("group", "show", "late shift")["users"]))

    def test_nothing_changed(self):
        self.assertIn("nothing is changed", self.run_muster(
            0, "edit", "vm", "web-1", env=self.editor("true")).stderr)
        self.assertIn("nothing is changed", self.run_muster(
            0, "edit", "vm", "web-1", env=self.editor("echo '# a word' >> \"$1\"")).stderr)

    def test_somebody_else_was_quicker(self):
        muster = demo.program("muster")
        other = (f"{muster} vm edit test-1 nameDescription=theirs\n"
                 f"until {muster} vm show test-1 | grep -q theirs; do :; done")
        env = self.editor(f"sed -i 's/startOrder: .*/startOrder: 9/' \"$1\"; {other}")
        done = self.run_muster(4, "edit", "vm", "test-1", env=env)
        self.assertIn("somebody has changed it meanwhile (nameDescription)", done.stderr)
        kept = pathlib.Path(self.edited.read_text().strip())
        self.assertIn(f"what you wrote is in {kept}", done.stderr)
        self.assertIn("startOrder: 9", kept.read_text())
        self.assertNotEqual(9, self.demo.json("vm", "show", "test-1")["startOrder"])

    def test_mistakes_keep_the_text(self):
        for script, says in (("sed -i 's/cpus/cpu/' \"$1\"", "there is no 'cpu'"),
                             ("echo '[' >> \"$1\"", "line "),
                             ("sed -i 's/kind: vm/kind: user/; /spec/,$d' \"$1\"", "one document of kind vm"),
                             ("exit 3", "has failed")):
            env = self.editor(script)
            self.assertIn(says, self.run_muster(1, "edit", "vm", "web-2", env=env).stderr)
            self.assertTrue(os.path.exists(self.edited.read_text().strip()))
        self.assertIn("cannot run the editor", self.run_muster(
            3, "edit", "vm", "web-2", env={**env, "EDITOR": "/no/such/editor"}).stderr)
        self.run_muster(2, "edit", "network", "xenbr0", env=env)
        self.run_muster(3, "edit", "vm", "nobody", env=env)


class DryRun(Case):
    def test_the_request_is_shown_and_not_sent(self):
        vm = self.demo.json("vm", "show", "web-1")["id"]
        for args, says in (
                (("vm", "stop", "web-1", "--force"), f"POST /rest/v0/vms/{vm}/actions/hard_shutdown\n"),
                (("vm", "edit", "web-1", "cpus=1"), f'PATCH /rest/v0/vms/{vm}?sync=false\n{{\n  "cpus": 1\n}}\n'),
                (("vm", "delete", "web-1"), f"DELETE /rest/v0/vms/{vm}?sync=false\n"),
                (("vm", "create", "x", "--template", "Other (PVH)"), "/actions/create_vm\n"),
                (("user", "create", "eve"), 'POST /rest/v0/users\n{\n  "name": "eve"\n}\n'),
                (("user", "delete", "admin"), "DELETE /rest/v0/users/"),
                (("group", "create", "g"), "POST /rest/v0/groups\n"),
                (("alarm-target", "create", "t", "type=mail"), "POST /rest/v0/alarm-targets\n"),
                (("query", "PATCH", "vms/x", "cpus=4"), 'PATCH /rest/v0/vms/x\n{\n  "cpus": 4\n}\n'),
                (("call", "sr.scan", vm), "POST /rest/v0/calls\n")):
            self.assertIn(says, self.run_muster(0, *args, "--dry-run").stdout)
        self.assertEqual("Running", self.demo.power("web-1"))
        self.run_muster(3, "user", "show", "eve")
        self.run_muster(3, "vm", "stop", "nobody", "--dry-run")
        self.run_muster(2, "vm", "list", "--dry-run")


class Verify(Case):
    def test_a_fleet_is_looked_over(self):
        done = self.demo.muster("verify")
        self.assertRegex(done.stdout, r"(?m)^note +vm +foreign-1 +host-\d +somebody else made it")
        bad = any(line.split()[0] in ("error", "warning") for line in done.stdout.splitlines())
        self.assertEqual(DIFFERS if bad else 0, done.returncode, done.stdout)
        self.demo.kill("host-2")
        demo.wait_for("the host to be away", lambda: not self.demo.json("host", "show", "host-2")["connected"])
        found = json.loads(self.run_muster(DIFFERS, "verify", "-ojson").stdout)
        self.assertIn(("warning", "host", "host-2", "its agent is not connected"),
                      [(one["level"], one["kind"], one["object"], one["finding"]) for one in found])


class Watch(Case):
    def read_until(self, process, text):
        seen = ""
        while text not in seen:
            line = process.stdout.readline()
            self.assertTrue(line, seen)
            seen += line
        return seen

    def watch(self, *args):
        process = subprocess.Popen([demo.program("muster"), *args, "--watch"], text=True,
                                   env={**self.demo.environment(), **self.demo.env},
                                   stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, demo.DEADLINE)
        self.addCleanup(process.kill)
        return process

    def test_a_line_for_a_change(self):
        process = self.watch("vm", "list")
        self.read_until(process, "batch-2")
        self.run_muster(0, "vm", "edit", "batch-2", "cpus=3")
        self.read_until(process, "+ batch-2")

    def test_what_has_no_events_is_looked_at_again(self):
        process = self.watch("user", "list", "--delay", "1s")
        self.read_until(process, "admin")
        self.run_muster(0, "user", "create", "seen")
        self.read_until(process, "+ seen")
        self.run_muster(0, "user", "delete", "seen")
        self.read_until(process, "- seen")

    def test_what_is_gone_ends_it(self):
        self.run_muster(0, "user", "create", "passing")
        process = self.watch("user", "show", "passing", "--delay", "1s")
        self.read_until(process, "passing")
        self.run_muster(0, "user", "delete", "passing")
        self.assertEqual(3, process.wait(demo.DEADLINE))

    def test_on_a_screen(self):
        t = self.terminal("vm", "list", "--watch")
        t.expect(b"\033[2J\033[H")
        t.expect(b"test-1")
        t.expect(b"\033[J")
        self.run_muster(0, "vm", "edit", "test-1", "nameLabel=renamed")
        t.expect(b"renamed")

    def test_only_where_there_is_something_to_watch(self):
        self.run_muster(2, "vm", "start", "web-1", "--watch")


if __name__ == "__main__":
    unittest.main()
