# SPDX-License-Identifier: Apache-2.0
"""proto/rest/openapi.yaml against `muster`: what changes something has a verb, or a reason not to
have one; everything that is read has a verb, or is for programs; `query` reaches all of it."""

import pathlib
import re
import subprocess
import unittest

import yaml

from http_probe import BUILD

ROOT = pathlib.Path(__file__).resolve().parents[2]
METHODS = ("get", "post", "put", "patch", "delete")
MUSTER = str(pathlib.Path(BUILD, "aggregator/cli/muster"))

# Verbs, by "METHOD /path". Several paths of one thing have one verb.
VERBS = {
    "DELETE /hosts/{id}": "host forget",
    "POST /hosts/{id}/actions/revoke": "host revoke",
    "POST /hosts/{id}/vms": "vm define",
    "PATCH /vms/{id}": "vm edit",
    "DELETE /vms/{id}": "vm delete",
    "POST /vms/{id}/actions/{action}": "vm start",
    "DELETE /vm-snapshots/{id}": "snapshot delete",
    "DELETE /vm-templates/{id}": "template delete",
    "POST /srs": "sr create",
    "PATCH /srs/{id}": "sr edit",
    "DELETE /srs/{id}": "sr destroy",
    "POST /vdis": "vdi create",
    "PATCH /vdis/{id}": "vdi edit",
    "DELETE /vdis/{id}": "vdi delete",
    "DELETE /vdi-snapshots/{id}": "vdi-snapshot delete",
    "POST /srs/{id}/uploads": "vdi import",
    "PATCH /hosts/{id}/uploads/{upload}": "vdi import",
    "POST /vbds": "vbd attach",
    "DELETE /vbds/{id}": "vbd detach",
    "DELETE /networks/{id}": "network delete",
    "POST /vifs": "vif attach",
    "PATCH /vifs/{id}": "vif edit",
    "DELETE /vifs/{id}": "vif detach",
    "POST /tasks/{id}/actions/abort": "task abort",
    "DELETE /tasks": "task clear",
    "DELETE /tasks/{id}": "task delete",
    "POST /join-tokens": "join-token create",
    "DELETE /join-tokens/{id}": "join-token delete",
    "POST /alarms/{id}/actions/acknowledge": "alarm acknowledge",
    "POST /alarm-rules": "alarm-rule create",
    "PATCH /alarm-rules/{id}": "alarm-rule edit",
    "DELETE /alarm-rules/{id}": "alarm-rule delete",
    "POST /alarm-rules/{id}/actions/test": "alarm-rule test",
    "POST /alarm-targets": "alarm-target create",
    "DELETE /alarm-targets/{id}": "alarm-target delete",
    "POST /alarm-targets/{id}/actions/test": "alarm-target test",
    "POST /auth/login": "login",
    "POST /auth/logout": "logout",
    "POST /users": "user create",
    "PATCH /users/{id}": "user edit",
    "DELETE /users/{id}": "user delete",
    "POST /users/{id}/authentication_tokens": "token create",
    "DELETE /users/{id}/authentication_tokens/{token}": "token delete",
    "POST /groups": "group create",
    "PATCH /groups/{id}": "group edit",
    "DELETE /groups/{id}": "group delete",
    "PUT /groups/{id}/users/{user}": "group add",
    "DELETE /groups/{id}/users/{user}": "group remove",
    "POST /acl-roles": "role create",
    "PATCH /acl-roles/{id}": "role edit",
    "DELETE /acl-roles/{id}": "role delete",
    "POST /acl-roles/{id}/actions/copy": "role copy",
    "PUT /acl-roles/{id}/users/{user}": "role assign",
    "PUT /acl-roles/{id}/groups/{group}": "role assign",
    "DELETE /acl-roles/{id}/users/{user}": "role unassign",
    "DELETE /acl-roles/{id}/groups/{group}": "role unassign",
    "POST /acl-privileges": "role allow",
    "DELETE /acl-privileges/{id}": "role revoke",
    "POST /vms/{id}/actions/snapshot": "vm snapshot",
    "POST /vms/{id}/actions/revert_snapshot": "vm revert",
    "POST /vms/{id}/actions/clone": "vm clone",
    "POST /vm-snapshots/{id}/actions/clone": "snapshot clone",
    "POST /vm-templates/{id}/actions/clone": "template clone",
    "POST /vms/{id}/actions/convert_to_template": "vm to-template",
    "POST /hosts/{id}/actions/assign_pci": "host assign-pci",
    "POST /hosts/{id}/actions/release_pci": "host release-pci",
    "POST /hosts/{id}/actions/create_cpupool": "cpupool create",
    "POST /hosts/{id}/actions/destroy_cpupool": "cpupool destroy",
    "POST /hosts/{id}/actions/add_cpupool_cpus": "cpupool add",
    "POST /hosts/{id}/actions/remove_cpupool_cpus": "cpupool remove",
    "POST /hosts/{id}/actions/set_cpupool": "cpupool set",
    "POST /vms/{id}/actions/move_to_cpupool": "cpupool move",
    "POST /vbds/{id}/actions/connect": "vbd connect",
    "POST /vbds/{id}/actions/disconnect": "vbd disconnect",
    "POST /vbds/{id}/actions/insert": "vbd insert",
    "POST /vbds/{id}/actions/eject": "vbd eject",
    "POST /vifs/{id}/actions/connect": "vif connect",
    "POST /vifs/{id}/actions/disconnect": "vif disconnect",
    "POST /srs/{id}/actions/scan": "sr scan",
    "POST /srs/{id}/actions/forget": "sr forget",
    "POST /pbds/{id}/actions/plug": "sr plug",
    "POST /pbds/{id}/actions/unplug": "sr unplug",
    "POST /vdis/{id}/actions/migrate": "vdi move",
    "POST /vdis/{id}/actions/snapshot": "vdi snapshot",
    "POST /vdis/{id}/actions/clone": "vdi clone",
    "POST /vdis/{id}/actions/revert": "vdi revert",
    "POST /pools/{id}/actions/create_vm": "vm create",
    "POST /pools/{id}/actions/create_network": "network create",
    "POST /pools/{id}/actions/create_internal_network": "network create",
    "POST /hosts/{id}/actions/enable": "host enable",
    "POST /hosts/{id}/actions/disable": "host disable",
    "POST /hosts/{id}/actions/clean_shutdown": "host shutdown",
    "POST /hosts/{id}/actions/clean_reboot": "host reboot",
    "POST /hosts/{id}/actions/restart_toolstack": "host restart-agent",
    "POST /calls": "call",
    **{f"{method} /{collection}/{{id}}/tags/{{tag}}": verb
       for method, verb in (("PUT", "tag add"), ("DELETE", "tag remove"))
       for collection in ("vms", "vm-snapshots", "vm-templates", "srs", "vdis", "hosts", "networks",
                          "pools", "vm-controllers")},
    "GET /hosts": "host list", "GET /hosts/{id}": "host show",
    "GET /hosts/{id}/details": "host show", "GET /hosts/{id}/dmesg": "host dmesg",
    "GET /hosts/{id}/journal": "host journal", "GET /hosts/{id}/stats": "host stats",
    "GET /hosts/{id}/stats.xml": "host stats", "GET /pcis": "host pci",
    "GET /vms": "vm list", "GET /vms/{id}": "vm show", "GET /vms/{id}/console": "vm console",
    "GET /vms/{id}/stats": "vm stats", "GET /vms/{id}/stats.xml": "vm stats",
    "GET /vms/{id}/definition": "vm definition", "GET /vm-snapshots/{id}/definition": "snapshot definition",
    "GET /vm-templates/{id}/definition": "template definition",
    "GET /vms/{id}.{format}": "vm export", "GET /vm-snapshots/{id}.{format}": "vm export",
    "GET /vm-snapshots": "snapshot list", "GET /vm-snapshots/{id}": "snapshot show",
    "GET /vm-templates": "template list", "GET /vm-templates/{id}": "template show",
    "GET /srs": "sr list", "GET /srs/{id}": "sr show", "GET /srs/{id}/stats": "sr stats",
    "GET /vdis": "vdi list", "GET /vdis/{id}": "vdi show", "GET /vdis/{id}.{format}": "vdi export",
    "GET /vdi-snapshots": "vdi-snapshot list", "GET /vdi-snapshots/{id}": "vdi-snapshot show",
    "GET /networks": "network list", "GET /networks/{id}": "network show",
    "GET /pifs": "pif list", "GET /pbds": "pbd list", "GET /pools": "pool list",
    "GET /vm-controllers": "dom0 list", "GET /vm-controllers/{id}": "dom0 show",
    "GET /vbds": "vbd list", "GET /vifs": "vif list",
    "GET /tasks": "task list", "GET /tasks/{id}": "task show",
    "GET /alarms": "alarm list", "GET /messages": "message list",
    "GET /alarm-rules": "alarm-rule list", "GET /alarm-rules/{id}": "alarm-rule show",
    "GET /alarm-targets": "alarm-target list", "GET /join-tokens": "join-token list",
    "GET /users": "user list", "GET /users/{id}": "user show",
    "GET /users/{id}/acl-privileges": "user privileges",
    "GET /users/{id}/authentication_tokens": "token list",
    "GET /groups": "group list", "GET /groups/{id}": "group show",
    "GET /acl-roles": "role list", "GET /acl-roles/{id}": "role show",
    "GET /acl-roles/{id}/privileges": "role privileges",
    "GET /audit": "audit list", "GET /audit/{id}": "audit show", "GET /audit/head": "audit head",
    "GET /audit/verify": "audit verify", "GET /events": "events", "GET /stats": "top",
    "GET /ping": "ping",
}

# What changes something and has no verb of its own, and why.
NO_VERB = {
    "PUT /vdis/{id}.{format}": "a whole disk at once: what is there is lost, so it takes `query`'s care",
    "POST /vdis/{id}/uploads": "the same, in pieces",
    "POST /pools/{id}/vms": "`vm import` goes on after a break, this cannot",
    "POST /srs/{id}/vdis": "`vdi import` goes on after a break, this cannot",
    "DELETE /hosts/{id}/uploads/{upload}": "an upload that nobody goes on with ends by itself",
    "POST /tasks/{id}/abort": "an old path of `task abort`",
    "POST /hosts/{id}/actions/emergency_shutdown": "`host shutdown HOST vms=suspend force=true`",
    "POST /pools/{id}/actions/emergency_shutdown": "the same, of all hosts",
    "POST /hosts/{id}/actions/smart_reboot": "`host reboot HOST vms=suspend resume=true`",
    "POST /events/{id}/subscriptions": "`events` subscribes when it begins",
    "DELETE /events/{id}/subscriptions/{collection}": "the same",
    "POST /enrol": "`muster-agent enrol`, on the host",
    "POST /users/{id}/otp": "one-time codes are set up in the console, that shows the picture",
    "PUT /users/{id}/otp": "the same",
    "DELETE /users/{id}/otp": "the same",
    "PATCH /acl-privileges/{id}": "`role revoke` and `role allow`",
    "POST /vms/actions/{action}": "`vm start VM...` says what became of each",
    "PUT /vdi-snapshots/{id}/tags/{tag}": "snapshots of disks are tagged by `query`",
    "DELETE /vdi-snapshots/{id}/tags/{tag}": "the same",
}


class Reach(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        document = yaml.safe_load((ROOT / "proto/rest/openapi.yaml").read_text())
        cls.operations = {f"{method.upper()} {path}" for path, item in document["paths"].items()
                          if "servers" not in item for method in METHODS if method in item}

    def muster(self, *args):
        return subprocess.run([MUSTER, *args], capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, check=False)

    def test_what_changes_something_has_a_verb_or_a_reason(self):
        changing = {op for op in self.operations if not op.startswith("GET ")}
        self.assertEqual(set(), changing - VERBS.keys() - NO_VERB.keys())
        self.assertEqual(set(), VERBS.keys() & NO_VERB.keys())
        self.assertEqual(set(), (VERBS.keys() | NO_VERB.keys()) - self.operations)
        print(f"# {len(self.operations & VERBS.keys())} of {len(self.operations)} operations have "
              f"a verb, {len(NO_VERB)} that change something have none")

    def test_the_verbs_are_there_with_help(self):
        for verb in sorted(set(VERBS.values())):
            done = self.muster(*verb.split(), "--help")
            self.assertEqual(0, done.returncode, verb)
            self.assertIn(f"muster {verb}", done.stdout)

    def test_query_reaches_all_of_it(self):
        for op in sorted(self.operations):
            method, path = op.split(" ")
            done = self.muster("query", method, re.sub(r"{\w+}", "x", path), "--dry-run",
                               "--socket", "/no/such/socket")
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual(f"{method} /rest/v0{re.sub(r'{[^}]+}', 'x', path)}",
                             done.stdout.splitlines()[0])

    def test_a_verb_that_changes_something_has_a_dry_run(self):
        without = {"login", "logout", "task abort", "alarm-rule test"}
        for op, verb in sorted(VERBS.items()):
            if op.startswith("GET ") or verb in without:
                continue
            self.assertIn("--dry-run", self.muster(*verb.split(), "--help").stdout, verb)

    def test_help_man_page_and_completion_know_every_verb(self):
        page = pathlib.Path(BUILD, "docs/man/muster.1").read_text().replace("\\-", "-")
        for noun in self.muster("complete", "--").stdout.split():
            if noun.startswith("-"):
                continue
            verbs = [word for word in self.muster("complete", "--", noun).stdout.split()
                     if not word.startswith("-")]
            if noun == "edit":  # what it edits, no verbs
                verbs = []
            for verb in verbs or [""]:
                self.assertTrue(f"muster {noun} {verb}".strip() in page, f"{noun} {verb}")


if __name__ == "__main__":
    unittest.main()
