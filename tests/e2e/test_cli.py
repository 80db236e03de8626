# SPDX-License-Identifier: Apache-2.0
"""`muster` against an aggregator with two simulated hosts, and against an agent's own socket."""

import csv
import io
import json
import pathlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

import yaml

from tests.support import demo
from tests.support.notices import Hook
from tests.support.ports import free_port
from tests.support.rest import wait_until

UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


class Cli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = demo.Demo(hosts=2)
        cls.addClassCleanup(cls.demo.remove)
        cls.demo.start()
        for name in ("db-1", "web-1", "db-2", "web-2"):
            demo.wait_for(f"{name} started with its host",
                          lambda name=name: cls.demo.power(name) == "Running")

    def run_muster(self, code, *args, **kwargs):
        done = self.demo.muster(*args, **kwargs)
        self.assertEqual(code, done.returncode, f"{args}: {done.stdout}{done.stderr}")
        return done


class Reading(Cli):
    def test_vm_list(self):
        text = self.run_muster(0, "vm", "list").stdout
        self.assertRegex(text, r"(?m)^NAME +STATE +HOST ")
        self.assertRegex(text, r"(?m)^db-1 +Running +host-1 +2 +4 GiB ")
        self.assertNotIn("\033", text)

    def test_the_same_in_every_output(self):
        expected = {vm["id"]: vm["name_label"] for vm in
                    self.demo.rest("/rest/v0/vms?fields=id,name_label")}
        as_json = self.demo.json("vm", "list")
        as_yaml = yaml.safe_load(self.run_muster(0, "vm", "list", "-oyaml").stdout)
        text = self.run_muster(0, "vm", "list", "-o", "csv", "-c", "id,name_label").stdout
        as_csv = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual(expected, {vm["id"]: vm["name_label"] for vm in as_json})
        self.assertEqual(expected, {vm["id"]: vm["name_label"] for vm in as_yaml})
        self.assertEqual(expected, {row["ID"]: row["NAME"] for row in as_csv})

    def test_fields_filter_limit_and_header(self):
        done = self.run_muster(0, "vm", "list", "-c", "name,memory.size:RAM", "--filter",
                               "name_label:db-1", "--no-header")
        self.assertEqual(("db-1  4 GiB\n", ""), (done.stdout, done.stderr))
        done = self.run_muster(0, "vm", "list", "-c", "name,memroy.size", "--filter", "name_label:db-1", "--no-header")
        self.assertEqual("db-1  -\n", done.stdout)
        self.assertIn("none of these has memroy.size", done.stderr)
        self.assertEqual(1, len(self.demo.json("vm", "list", "--limit", "1")))

    def test_a_list_in_the_order_of_a_column(self):
        sizes = [vm["memory"]["size"] for vm in self.demo.json("vm", "list", "--sort=-memory,name")]
        self.assertEqual((sorted(sizes, reverse=True), True), (sizes, len(set(sizes)) > 2))
        self.assertIn("is a list", self.run_muster(1, "vm", "list", "--sort=tags").stderr)

    def test_vm_list_of_one_host(self):
        names = {vm["name_label"] for vm in self.demo.json("vm", "list", "--host", "host-2")}
        self.assertIn("db-2", names)
        self.assertNotIn("db-1", names)

    def test_vm_show_by_every_name(self):
        vm = self.demo.json("vm", "show", "db-1")
        for ref in (vm["id"], vm["id"][:13], "host-1:db-1", "host-1:db"):
            self.assertEqual(vm["id"], self.demo.json("vm", "show", ref)["id"])
        self.assertIn("'db-' is the start of the names of 2 vms: ",
                      self.run_muster(1, "vm", "show", "db-").stderr)
        self.assertRegex(self.run_muster(0, "vm", "show", "db-1").stdout, r"(?m)^HOST +host-1$")

    def test_host_list_and_show(self):
        self.assertEqual(["host-1", "host-2"],
                         sorted(host["name_label"] for host in self.demo.json("host", "list")))
        self.assertRegex(self.run_muster(0, "host", "show", "host-1").stdout,
                         r"(?m)^CONNECTED +yes$")

    def test_host_details_for_a_person_and_for_a_program(self):
        text = self.run_muster(0, "host", "show", "host-1").stdout
        self.assertRegex(text, r"(?m)^XEN COMMAND LINE +\S")
        self.assertRegex(text, r"(?m)^NODE +MEMORY +FREE")
        self.assertRegex(text, r"(?m)^Pool-0 +credit2 ")
        self.assertNotIn("details", self.demo.json("host", "show", "host-1"))
        self.assertEqual("GenuineIntel", self.demo.json(
            "host", "show", "host-1", "-c", "details.cpu.vendor")["details.cpu.vendor"])

    def test_host_pci_dmesg_and_journal(self):
        self.assertEqual([], self.demo.json("host", "pci", "host-1"))
        self.assertEqual([], self.demo.json("host", "usb", "host-1"))
        self.assertIn("(XEN) Xen version", self.run_muster(0, "host", "dmesg", "host-2").stdout)
        self.run_muster(3, "host", "dmesg", "host-9")
        self.run_muster(2, "host", "journal", "host-1", "--since", "yesterday")
        self.assertIn("unit", self.run_muster(1, "host", "journal", "host-1", "--unit=-x").stderr)
        self.run_muster(2, "vm", "list", "--unit", "x")

    def test_stats(self):
        def series(*words):
            reply = self.demo.json(*words)
            return reply if any(v is not None for s in reply["series"].values()
                                for v in s["values"]) else None
        wait_until("a sample of the host", lambda: series("host", "stats", "host-1"))
        self.assertRegex(self.run_muster(0, "host", "stats", "host-1").stdout,
                         r"(?m)^memory_total_kib +[\d.]+ [GT]iB +[\d.]+ [GT]iB +[\d.]+ [GT]iB +.*█")
        text = self.run_muster(0, "host", "stats", "host-1", "-g", "minutes", "-o", "csv").stdout
        self.assertEqual(["name", "now", "least", "most", "graph"],
                         [word.lower() for word in next(csv.reader(io.StringIO(text)))])
        self.run_muster(3, "vm", "stats", "nobody")
        self.run_muster(2, "vm", "stats", "db-1", "-g", "weeks")
        self.run_muster(2, "host", "stats", "host-1", "--since", "yesterday")
        self.run_muster(0, "vm", "stats", "db-1", "--since", "5m")
        self.run_muster(3, "sr", "stats", "nobody")

    def test_ping_and_what_verbose_shows(self):
        done = self.run_muster(0, "-v", "ping")
        self.assertIn("> GET /rest/v0/ping", done.stderr)
        self.assertRegex(done.stderr, r"< 200, ")
        self.assertNotIn(self.demo.env["MUSTER_TOKEN"], done.stderr)

    def test_completion_knows_verbs_and_names(self):
        self.assertEqual({"list", "show", "pci", "usb", "assign-pci", "release-pci", "dmesg", "journal", "stats", "enable", "disable", "shutdown",
                          "reboot", "restart-agent", "revoke", "forget"}, {word for word in self.run_muster(
            0, "complete", "--", "host").stdout.split() if not word.startswith("-")})
        self.assertIn("db-1", self.run_muster(0, "complete", "--", "vm", "start").stdout.split())

    # How each shell is asked what it offers for the last word of "$@". zsh leaves it to compadd to
    # drop what does not begin with the word.
    shells = {
        "bash": ('. {0}.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _muster; '
                 'printf "%s\\n" "${{COMPREPLY[@]}}"'),
        "zsh": ('compadd() {{ print -rl -- "${{(@M)${{(@P)2}}:#$words[CURRENT]*}}" }}; '
                'words=("$@"); CURRENT=$#; source {0}.zsh'),
        "fish": 'source {0}.fish; complete -C "$argv"',
    }

    def complete(self, shell, *words):
        folder = os.path.dirname(demo.program("muster"))
        script = self.shells[shell].format(f"{demo.ROOT}/deploy/completion/muster")
        name = [] if shell == "fish" else [shell]
        env = {**self.demo.environment(), **self.demo.env}
        done = subprocess.run([shell, "-c", script, *name, "muster", *words], text=True,
                              env={**env, "PATH": f"{folder}:{os.environ['PATH']}"}, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual("", done.stderr)
        return done.stdout.split()

    def completion_in(self, shell):
        self.assertEqual({"start", "stop", "stats"}, set(self.complete(shell, "vm", "st")))
        self.assertEqual({"vm", "vbd", "vif", "vdi", "vdi-snapshot", "verify"}, set(self.complete(shell, "v")))
        self.assertIn("--force", self.complete(shell, "vm", "stop", "db-1", "--fo"))
        self.assertEqual({"db-1", "db-2"}, set(self.complete(shell, "vm", "stop", "db")))

    def test_completion_in_bash(self):
        self.completion_in("bash")

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_completion_in_zsh(self):
        self.completion_in("zsh")

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_completion_in_fish(self):
        self.completion_in("fish")

    def test_any_request(self):
        vms = json.loads(self.run_muster(0, "query", "vms", "fields=id,name_label",
                                         "filter=name_label:db-1").stdout)
        self.assertEqual(["db-1"], [vm["name_label"] for vm in vms])
        self.assertEqual(vms, yaml.safe_load(self.run_muster(
            0, "query", "GET", "/rest/v0/vms?fields=id,name_label", "filter=name_label:db-1", "-o",
            "yaml").stdout))
        self.assertIn("BEGIN CERTIFICATE", self.run_muster(0, "query", "ca").stdout)
        dry = self.run_muster(0, "query", "POST", "join-tokens", "name=by words", "--dry-run").stdout
        self.assertRegex(dry, r'^POST /rest/v0/join-tokens\n\{\s+"name": "by words"\s+\}\n$')
        made = json.loads(self.run_muster(0, "query", "POST", "join-tokens", "name=by words").stdout)
        listed = json.loads(self.run_muster(0, "query", "join-tokens").stdout)
        self.assertEqual(["by words"], [t["name"] for t in listed if t["id"] == made["id"]])
        self.assertEqual("", self.run_muster(0, "query", "DELETE", f"join-tokens/{made['id']}").stdout)
        made = self.run_muster(0, "query", "POST", "join-tokens", "--json", "-",
                               text='{"name": "piped"}').stdout
        self.assertEqual("piped", json.loads(made)["name"])
        self.run_muster(3, "query", "vms/nothing")
        self.run_muster(2, "query", "POST")
        self.run_muster(2, "query", "vms", "fields")
        self.run_muster(2, "query", "vms", "--json", "-", text="{}")


class Acting(Cli):
    def test_every_action_is_seen_in_the_api(self):
        for verb, options, state in (("start", [], "Running"), ("pause", [], "Paused"),
                                     ("unpause", [], "Running"), ("suspend", [], "Suspended"),
                                     ("resume", [], "Running"), ("reboot", [], "Running"),
                                     ("reboot", ["--force"], "Running"),
                                     ("stop", ["--force"], "Halted"), ("start", [], "Running"),
                                     ("stop", [], "Halted")):
            with self.subTest(verb=verb, options=options):
                done = self.run_muster(0, "vm", verb, "batch-1", *options)
                self.assertRegex(done.stdout, r"^batch-1 \w+\n$")
                demo.wait_for(f"{verb} seen",
                              lambda state=state: self.demo.power("batch-1") == state)

    def test_several_at_once(self):
        self.assertEqual(0, self.run_muster(0, "vm", "start", "test-1", "test-2").returncode)
        tasks = self.run_muster(0, "vm", "stop", "--force", "test-1", "test-2", "-o", "json").stdout
        told = self.run_muster(0, "message", "list", "--no-header", "-c", "name,body").stdout
        self.assertRegex(told, r"(?m)^VM_SHUTDOWN +VM 'test-2' shut down on host: host-\d \(uuid: ")
        self.assertEqual(["success", "success"], [task["status"] for task in json.loads(tasks)])

    def test_no_wait_prints_the_task(self):
        task = self.run_muster(0, "vm", "pause", "web-2", "--no-wait").stdout.strip()
        self.assertRegex(task, UUID)
        self.run_muster(0, "task", "wait", task)
        shown = self.demo.json("task", "show", task)
        self.assertEqual("success", shown["status"])
        self.assertIn(task, [row["id"] for row in self.demo.json("task", "list")])
        self.run_muster(0, "vm", "unpause", "web-2")

    def test_tasks_watched_shown_and_forgotten(self):
        # Several at once through the API are one task.
        vms = [vm["id"] for vm in self.demo.json("vm", "list") if vm["name_label"] in ("test-1", "test-2")]
        made = json.loads(self.run_muster(0, "query", "POST", "vms/actions/start", "--json", "-",
                                          text=json.dumps({"ids": vms})).stdout)
        group = made["taskId"]
        told = self.run_muster(0, "task", "watch", group).stdout
        self.assertRegex(told, rf"(?m)^\S+ update {group} success 100 % start$")
        shown = self.run_muster(0, "task", "show", group).stdout
        for part in made["tasks"]:
            self.assertRegex(shown, rf"(?m)^{part['taskId']} +success +start")
        self.assertEqual("update", json.loads(self.run_muster(
            0, "task", "watch", made["tasks"][0]["taskId"], "-o", "json").stdout.splitlines()[-1])[0])
        self.run_muster(2, "task", "watch", group, "-o", "csv")
        self.run_muster(0, "task", "delete", group)
        self.run_muster(3, "task", "show", group)
        self.run_muster(3, "task", "delete", group)
        self.run_muster(3, "task", "watch", group)
        self.run_muster(0, "vm", "stop", "--force", "test-1", "test-2")
        self.run_muster(0, "task", "clear")
        self.assertNotIn("success", self.run_muster(0, "task", "list").stdout)

    def test_define_and_undefine(self):
        definition = {"uuid": "6f1c7a52-4c6e-4b7c-9f0e-0a3d9a4c1d11", "name": "made-here",
                      "type": "pvh", "memory": "64MiB", "kernel": "/sim/vmlinuz"}
        done = self.run_muster(0, "vm", "define", "-", "--host", "host-2",
                               text=json.dumps(definition))
        self.assertEqual(definition["uuid"], done.stdout.strip())
        demo.wait_for("the new VM", lambda: self.demo.power("made-here") == "Halted")
        self.run_muster(0, "vm", "start", "made-here")
        self.run_muster(4, "vm", "undefine", "made-here")
        self.run_muster(0, "vm", "stop", "made-here", "--force")
        self.run_muster(0, "vm", "undefine", "made-here")
        demo.wait_for("the end of the VM", lambda: self.demo.power("made-here") is None)

    def test_edit_delete_and_a_call_by_name(self):
        definition = {"name": "edited", "uuid": "6f1c7a52-4c6e-4b7c-9f0e-0a3d9a4c1d33",
                      "type": "pvh", "memory": "64MiB", "kernel": "/dev/null"}
        self.run_muster(0, "vm", "define", "-", "--host", "host-1", text=json.dumps(definition))
        demo.wait_for("the new VM", lambda: self.demo.power("edited") == "Halted")
        done = self.run_muster(0, "vm", "edit", "edited", "cpus=4", "memory=128MiB",
                               "nameDescription=two words")
        self.assertEqual({"applied": ["cpus", "memory", "nameDescription"], "pending": []},
                         json.loads(done.stdout))
        demo.wait_for("the edit", lambda: self.demo.json("vm", "show", "edited")["CPUs"][
            "number"] == 4)
        done = self.run_muster(0, "call", "vm.edit", "edited", "--json", "-", "-o", "yaml",
                               text='{"tags": ["x"]}')
        self.assertEqual({"applied": ["tags"], "pending": []}, yaml.safe_load(done.stdout))
        task = self.run_muster(0, "call", "vm.edit", definition["uuid"], "tags=[]",
                               "--no-wait").stdout.strip()
        self.run_muster(0, "task", "wait", task)
        self.assertIn("vm.edit", self.run_muster(0, "task", "list").stdout)
        self.assertIn("arguments: cpus", self.run_muster(1, "vm", "edit", "edited",
                                                         "cpus=many").stderr)
        self.run_muster(2, "vm", "edit", "edited", "cpus")
        self.run_muster(3, "call", "vm.explode", "edited")
        self.run_muster(3, "call", "vm.edit", "nobody", "tags=[]")
        self.run_muster(0, "vm", "start", "edited")
        self.run_muster(4, "vm", "delete", "edited")
        self.run_muster(0, "vm", "stop", "edited", "--force")
        self.assertEqual("edited is a template\n",
                         self.run_muster(0, "vm", "to-template", "edited").stdout)
        self.run_muster(3, "vm", "start", "edited")  # no VM any more
        self.assertEqual("edited deleted\n", self.run_muster(0, "template", "delete", "edited").stdout)
        self.run_muster(3, "template", "delete", "edited")
        self.run_muster(3, "snapshot", "delete", "edited")
        demo.wait_for("the end of the VM", lambda: self.demo.power("edited") is None)

    def test_a_repository_and_a_disk_by_words(self):
        with tempfile.TemporaryDirectory(prefix="muster-cli-sr-") as folder:
            self.repository_and_disk(folder)

    def repository_and_disk(self, folder):
        self.assertIn("one of lvmthin, dir", self.run_muster(1, "sr", "create", "host-1", "x", "zfs").stderr)
        sr = self.run_muster(0, "sr", "create", "host-1", "2024", "dir",
                             f"location={folder}").stdout.strip()
        self.assertRegex(sr, UUID)
        self.assertEqual("2024", self.demo.json("sr", "show", sr)["name_label"], "a name is text")
        self.run_muster(0, "sr", "edit", "2024", "name_label=disks", "name_description=some")
        vdi = self.run_muster(0, "vdi", "create", "disks", "data", "4MiB").stdout.strip()
        self.run_muster(0, "vdi", "resize", "data", "8MiB")
        self.assertEqual(8 << 20, self.demo.json("vdi", "show", vdi)["size"])
        snapshot = self.run_muster(0, "vdi", "snapshot", "data", "name_label=before").stdout.strip()
        self.run_muster(0, "vdi", "revert", "data", "before")
        self.assertIn("muster vdi-snapshot list", self.run_muster(3, "vdi", "revert", "data", "after").stderr)
        self.assertRegex(self.run_muster(0, "vdi-snapshot", "list").stdout, r"(?m)^before +data ")
        again = self.run_muster(0, "vdi-snapshot", "clone", "before", "srId=disks").stdout.strip()
        self.run_muster(0, "vdi", "delete", again)
        clone = self.run_muster(0, "vdi", "clone", "data", "name_label=twin").stdout.strip()
        self.run_muster(0, "vdi", "edit", "twin", 'tags=["a"]')
        self.assertEqual(["a"], self.demo.json("vdi", "show", "twin")["tags"])
        self.run_muster(4, "sr", "destroy", "disks")
        self.assertIn("less than", self.run_muster(1, "vdi", "resize", "data", "1MiB").stderr)
        self.assertEqual(2, self.demo.muster("vdi", "resize", "data").returncode)
        self.assertEqual(3, self.demo.muster("vdi", "delete", "no-such-disk").returncode)
        self.assertIn("given twice", self.demo.muster("vdi", "create", "disks", "x", "1MiB",
                                                      "name_label=y").stderr)
        self.out_and_in(folder)
        self.run_muster(0, "vdi", "delete", "data", clone)
        self.run_muster(0, "vdi-snapshot", "delete", snapshot)
        for verb in ("scan", "unplug", "plug", "destroy"):
            self.run_muster(0, "sr", verb, "disks")
        self.assertEqual([], self.demo.json("sr", "list"))

    def test_a_vm_of_a_template_by_words(self):
        with tempfile.TemporaryDirectory(prefix="muster-cli-sr-") as folder:
            self.run_muster(0, "sr", "create", "host-1", "systems", "dir", f"location={folder}")
            self.run_muster(0, "vdi", "create", "systems", "golden", "4MiB")
            self.assertRegex(self.run_muster(0, "template", "list").stdout,
                             r"(?m)^Debian 13 \(PVH\) +pvh +1 +1 GiB ")
            user_data = pathlib.Path(folder, "user-data")
            user_data.write_text("#cloud-config\n")
            vm = self.run_muster(0, "vm", "create", "made", "--template", "Debian 13 (PVH)",
                                 "--image", "golden", "--disk", "8MiB", "--sr", "systems",
                                 "--cloud-config", str(user_data), "--host", "host-1", "--network",
                                 "xenbr0", "--start", "cpus=2").stdout.strip()
            self.assertRegex(vm, UUID)
            demo.wait_for("the new VM", lambda: self.demo.power("made") == "Running")
            seen = self.demo.json("vm", "show", "made")
            self.assertEqual((2, 1, 2), (seen["CPUs"]["number"], len(seen["VIFs"]), len(seen["$VBDs"])))
            refusal = self.run_muster(1, "vm", "create", "eleven", "--template", "Windows 11",
                                      "--sr", "systems").stderr
            self.assertIn("TPM", refusal)
            self.run_muster(3, "vm", "create", "x", "--template", "no such")
            self.run_muster(2, "vm", "list", "--template", "Debian 13")
            self.run_muster(0, "vm", "stop", "made", "--force")
            clone = self.run_muster(0, "vm", "clone", "made", "name_label=mine", "asTemplate=true").stdout.strip()
            self.run_muster(4, "template", "delete", "Debian 13")
            self.run_muster(0, "template", "edit", "mine", "nameDescription=of one's own")
            of_it = self.run_muster(0, "template", "clone", "mine", "name_label=of it").stdout.strip()
            self.run_muster(0, "template", "delete", clone)
            self.run_muster(0, "vm", "delete", of_it)
            self.snapshots_by_words()
            self.archive_out_and_in(folder)
            self.run_muster(0, "vm", "delete", "made")
            self.run_muster(0, "vdi", "delete", "golden")
            self.run_muster(0, "sr", "destroy", "systems")

    def snapshots_by_words(self):
        self.run_muster(0, "vm", "snapshot", "made", "name_label=first")
        self.run_muster(0, "snapshot", "edit", "first", "nameLabel=kept")
        self.assertIn("muster snapshot list", self.run_muster(3, "vm", "revert", "made", "first").stderr)
        self.run_muster(0, "vm", "revert", "made", "kept")
        copy = self.run_muster(0, "snapshot", "clone", "kept", "name_label=of kept", "srId=systems")
        self.run_muster(0, "vm", "delete", copy.stdout.strip())
        self.run_muster(0, "snapshot", "delete", "kept")

    def test_a_definition_is_read_changed_and_replaced(self):
        """All that libxl can be told, whether or not `vm edit` has a word for it."""
        known = json.loads(self.run_muster(0, "vm", "definition", "host-1:foreign-1").stdout)
        self.assertEqual("foreign-1", known["name"], "of a domain that nobody has defined, too")
        text = json.dumps({"name": "by hand", "type": "hvm", "memory": "64MiB", "vnc": True})
        vm = self.run_muster(0, "vm", "define", "-", "--host", "host-2", text=text).stdout.strip()
        read = json.loads(self.run_muster(0, "vm", "definition", "by hand").stdout)
        self.assertEqual((vm, 64 << 20, True), (read["uuid"], read["memory"], read["vnc"]))
        read.update(vncListen="0.0.0.0", serial="pty", nics=[{"bridge": "xenbr0", "model": "e1000"}])
        self.assertIn("host-2", self.run_muster(4, "vm", "define", "-", "--host", "host-1",
                                                text=json.dumps(read)).stderr)
        self.run_muster(0, "vm", "define", "-", text=json.dumps(read))  # it is known where
        again = json.loads(self.run_muster(0, "vm", "definition", "by hand").stdout)
        self.assertEqual(("0.0.0.0", "pty", "e1000"),
                         (again["vncListen"], again["serial"], again["nics"][0]["model"]))
        self.assertIn("vncListn", self.run_muster(1, "vm", "define", "-", text=json.dumps(
            {**again, "vncListn": "x"})).stderr)
        self.run_muster(0, "vm", "start", "by hand")
        self.run_muster(0, "vm", "define", "-", text=json.dumps({**again, "serial": ""}))
        self.assertTrue(self.demo.json("vm", "show", "by hand")["pending"], "it runs as it was")
        self.run_muster(0, "vm", "stop", "by hand", "--force")
        self.run_muster(0, "vm", "undefine", "by hand")
        self.run_muster(3, "vm", "definition", "by hand")
        self.assertIn("built in", self.run_muster(1, "template", "definition", "Debian 13").stderr)

    def test_what_xl_and_libvirt_have_becomes_a_vm(self):
        with tempfile.TemporaryDirectory(prefix="muster-cli-xl-") as folder:
            file = pathlib.Path(folder, "web.cfg")
            file.write_text('name = "of xl"\ntype = "pvh"\nkernel = "/boot/vmlinuz"\nmemory = 128\n'
                            'vif = ["bridge=xenbr0"]\n')
            self.assertIn("--host", self.run_muster(1, "vm", "import", str(file)).stderr)
            self.run_muster(2, "vm", "import", str(file), "--sr", "any")
            vm = self.run_muster(0, "vm", "import", str(file), "--host", "host-1").stdout.strip()
            self.assertEqual("of xl", self.demo.json("vm", "show", vm)["name_label"])
            file.write_text('name = "of xl"\nnonsense = 1\n')
            self.assertIn("line 2", self.run_muster(1, "vm", "import", str(file), "--host", "host-1").stderr)
            xml = pathlib.Path(folder, "web.xml")
            xml.write_text("<domain type='xen'><name>of libvirt</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
                           "<os><type>xenpvh</type><kernel>/boot/vmlinuz</kernel></os></domain>")
            of_xml = self.run_muster(0, "vm", "import", str(xml), "--host", "host-2").stdout.strip()
            self.assertEqual("pvh", json.loads(self.run_muster(0, "vm", "definition", of_xml).stdout)["type"])
            self.run_muster(0, "vm", "delete", vm, of_xml)

    def test_a_vm_is_shown_with_its_parts(self):
        text = self.run_muster(0, "vm", "show", "db-1").stdout
        self.assertRegex(text, r"(?m)^DEVICE +VDI +ATTACHED +CD +READ-ONLY\nxvda ")
        self.assertRegex(text, r"(?m)^0 +xenbr0 +[0-9a-f:]{17} +yes$")
        self.assertRegex(text, r"(?m)^DOING +-$")
        self.assertNotIn("xvda", self.run_muster(0, "vm", "show", "db-1", "-c", "name").stdout)

    def test_a_network_by_words(self):
        self.assertIn("muster pif list", self.run_muster(
            3, "network", "create", "lan", "pif=eth77", "vlan=20").stderr)
        self.run_muster(0, "network", "create", "lan", "pif=eth1", "vlan=20", "bridge=lan20")
        vlans = [(pif["device"], pif["vlan"]) for pif in self.demo.json("pif", "list") if pif["vlan"] == 20]
        self.assertEqual(2, len(vlans), "a card on each host")
        self.run_muster(0, "network", "delete", "lan")

    def out_and_in(self, folder):
        out = os.path.join(folder, "data.qcow2")
        self.run_muster(0, "vdi", "export", "data", out)
        self.assertIn("exists", self.run_muster(4, "vdi", "export", "data", out).stderr)
        again = self.run_muster(0, "vdi", "import", out, "--sr", "disks", "--name", "again")
        self.assertRegex(again.stdout.strip(), UUID)
        self.assertEqual(8 << 20, self.demo.json("vdi", "show", "again")["size"])
        self.assertEqual(2, self.demo.muster("vdi", "import", out).returncode)
        self.assertEqual(3, self.demo.muster("vdi", "export", "no-such-disk", out + ".raw").returncode)
        self.assertIn("format", self.demo.muster("vdi", "export", "data", "x.unknown").stderr)
        self.assertIn("vmdk", self.run_muster(1, "vdi", "import", out, "--sr", "disks", "--format",
                                              "vmdk").stderr)
        self.run_muster(0, "vdi", "delete", "again")
        os.unlink(out)

    def archive_out_and_in(self, folder):
        out = os.path.join(folder, "made.ova")
        self.run_muster(0, "vm", "export", "made", out)
        self.assertIn("exists", self.run_muster(4, "vm", "export", "made", out).stderr)
        self.assertEqual(2, self.demo.muster("vm", "import", out).returncode)
        self.assertEqual(3, self.demo.muster("vm", "export", "nobody", out + "2").returncode)
        again = self.run_muster(0, "vm", "import", out, "--sr", "systems", "--name", "again",
                                "definition=ignore")
        self.assertRegex(again.stdout.strip(), UUID)
        self.assertIn("AHCI", again.stderr)
        self.assertEqual(self.demo.json("vm", "show", "made")["memory"]["size"],
                         self.demo.json("vm", "show", "again")["memory"]["size"])
        # The name is taken, but what was sent is there for another try.
        self.run_muster(4, "vm", "import", out, "--sr", "systems", "--name", "again")
        done = self.run_muster(0, "-v", "vm", "import", out, "--sr", "systems", "--name",
                               "once-more", "--resume", "definition=ignore")
        self.assertNotIn("POST /rest/v0/srs", done.stderr)
        self.run_muster(0, "vm", "delete", "again", "once-more")
        os.unlink(out)

    def test_an_alarm_by_words(self):
        """A guest that does nothing any more, raised after its time, told once, and over."""
        hook = Hook()
        self.addCleanup(hook.close)
        rule = ("kind=VM", "series=cpu_usage", "comparison=below", "warning=0.000001", "for=5",
                "filter=name_label:web-1")
        self.run_muster(0, "alarm-target", "create", "hook", "type=webhook",
                        f"url=http://127.0.0.1:{hook.port}/")
        self.addCleanup(self.run_muster, 0, "alarm-target", "delete", "hook")
        self.run_muster(0, "alarm-rule", "create", "asleep", *rule)
        self.addCleanup(self.run_muster, 0, "alarm-rule", "delete", "asleep")
        self.run_muster(0, "vm", "pause", "web-1")
        wait_until("the alarm", lambda: self.demo.json("alarm", "list"))
        self.assertRegex(self.run_muster(0, "alarm", "list").stdout,
                         r"(?m)^warning +.* VM web-1: asleep 0 % ")
        self.assertRegex(self.run_muster(0, "alarm-rule", "test", "asleep").stdout,
                         r"(?m)^warning +VM +web-1 +0 % ")
        self.run_muster(0, "vm", "unpause", "web-1")
        wait_until("it is over", lambda: not self.demo.json("alarm", "list"))
        wait_until("both are told", lambda: len(hook.posts) == 2)
        self.assertEqual(["raised", "cleared"], [e["event"] for e in hook.events()])

    def test_events_of_a_vm(self):
        environment = {**self.demo.environment(), **self.demo.env}
        with subprocess.Popen([demo.program("muster"), "-v", "events", "vm", "-o", "json"],
                              env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as events:
            # Whatever is missing must not hang the test: both loops below end with the process.
            deadline = threading.Timer(demo.DEADLINE, events.kill)
            deadline.start()
            self.addCleanup(deadline.cancel)
            for line in events.stderr:
                if "< init" in line:
                    break
            self.run_muster(0, "vm", "pause", "web-1")
            for line in events.stdout:
                event = json.loads(line)
                if event["object"].get("name_label") == "web-1" and \
                        event["object"]["power_state"] == "Paused":
                    break
            else:
                self.fail("the stream ended before the event came")
            events.terminate()
        self.run_muster(0, "vm", "unpause", "web-1")


class ExitCodes(Cli):
    def test_usage(self):
        for args in ([], ["vm"], ["vm", "fly"], ["fly"], ["vm", "list", "--nonsense"],
                     ["vm", "list", "--force"], ["vm", "show"], ["host", "list", "extra"],
                     ["vm", "list", "-c", ","], ["events", "nothing"]):
            done = self.run_muster(2, *args)
            self.assertTrue(done.stderr.startswith("muster: "), done.stderr)
            self.assertEqual("", done.stdout)

    def test_not_found(self):
        for args in (["vm", "show", "nobody"], ["vm", "start", "nobody"], ["host", "show", "nobody"],
                     ["task", "show", "00000000-0000-4000-8000-000000000000"],
                     ["vm", "show", "host-9:db-1"]):
            self.run_muster(3, *args)

    def test_conflict_says_what_state_is_needed(self):
        done = self.run_muster(4, "vm", "start", "db-2")
        self.assertIn("db-2", done.stderr)
        self.assertIn("Running", done.stderr)

    def test_what_destroys_takes_whole_names(self):
        vm = self.demo.json("vm", "show", "web-1")["id"]
        for words in (["delete", "host-1:web"], ["stop", "--force", "host-1:web"],
                      ["delete", vm[:7]], ["undefine", "host-1:web"]):
            said = self.run_muster(1, "vm", *words).stderr
            self.assertRegex(said, rf"is only the start of the (name|id) of vm {vm} \(web-1\); hint: ")
        self.assertEqual("Running", self.demo.power("web-1"))
        # A whole name is refused for its state, not for itself.
        self.run_muster(4, "vm", "delete", "web-1")
        self.run_muster(4, "vm", "delete", vm[:8])

    def test_partial(self):
        done = self.run_muster(6, "vm", "pause", "db-2", "nobody")
        self.assertEqual("db-2 paused\n", done.stdout)
        self.assertIn("nobody", done.stderr)
        self.run_muster(0, "vm", "unpause", "db-2")

    def test_wrong_token_certificate_and_address(self):
        done = self.run_muster(1, "vm", "list", env={"MUSTER_TOKEN": "wrong"})
        self.assertIn("MUSTER_TOKEN", done.stderr)
        done = self.run_muster(1, "vm", "list", env={"MUSTER_CA": ""})
        self.assertIn("--ca", done.stderr)
        self.run_muster(0, "vm", "list", "--insecure", env={"MUSTER_CA": ""})
        port = free_port()
        done = self.run_muster(1, "vm", "list", env={"MUSTER_URL": f"https://127.0.0.1:{port}"})
        self.assertIn(str(port), done.stderr)

    def test_help_is_no_error(self):
        for args in (["--help"], ["vm", "--help"], ["vm", "stop", "-h"], ["events", "--help"]):
            done = self.run_muster(0, *args)
            self.assertIn("usage:", done.stdout)
        self.assertIn("--force", self.run_muster(0, "vm", "stop", "--help").stdout)
        self.assertNotIn("--force", self.run_muster(0, "vm", "start", "--help").stdout)

    def test_a_full_disk_behind_stdout_is_noticed(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([demo.program("muster"), "vm", "list"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=60, check=False,
                                  env={**self.demo.environment(), **self.demo.env})
        self.assertEqual(1, done.returncode, done.stderr)


class AgentSocket(Cli):
    @unittest.skipIf(os.geteuid() != 0, "the agent's socket is for root only")
    def test_works_without_the_aggregator(self):
        local = demo.Demo(hosts=1)
        self.addCleanup(local.remove)
        local.start()
        local.kill("aggregator")
        socket = str(local.state / "host-1/agent.sock")

        def muster(*args):
            return local.muster(*args, env={"MUSTER_URL": "", "MUSTER_SOCKET": socket})

        self.assertEqual(0, muster("vm", "start", "test-1").returncode)
        listed = json.loads(muster("vm", "list", "-o", "json").stdout)
        self.assertEqual({"Running"}, {vm["power_state"] for vm in listed
                                       if vm["name_label"] == "test-1"})


class Away(Cli):
    def test_a_host_whose_agent_is_gone_is_marked_and_its_vms_unknown(self):
        self.demo.kill("host-2")
        demo.wait_for("the mark", lambda: [
            host for host in self.demo.json("host", "list")
            if host["name_label"] == "host-2" and not host["connected"]])
        self.assertNotEqual("Running", self.demo.power("db-2"))
        self.assertEqual("Running", self.demo.power("db-1"))
        self.demo.start()
        demo.wait_for("it back", lambda: self.demo.power("db-2") == "Running")

    def test_aggregator_killed_and_started_again(self):
        self.run_muster(0, "vm", "start", "test-1")
        self.demo.kill("aggregator")
        self.run_muster(1, "ping")
        self.demo.start()
        demo.wait_for("the same state", lambda: self.demo.power("test-1") == "Running")
        self.run_muster(0, "vm", "stop", "--force", "test-1")


if __name__ == "__main__":
    unittest.main()
