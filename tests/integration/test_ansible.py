# SPDX-License-Identifier: Apache-2.0
"""Ansible's inventory of a fleet: `ansible-inventory` with the plugin community.general.xen_orchestra
of Debian's `ansible`, as it is, against a running aggregator; and what the WebSocket that it talks
to (/api/) does with those who talk otherwise."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import yaml

from aggregator_case import AggregatorCase
from tests.support import websocket
from tests.support.fake_agent import messages
from tests.support.rest import DEADLINE, wait_until

PASSWORD = "correct horse: battery"


def guest(address):
    m = messages().vm
    return m.GuestState(agent_detected=True, memory_free_bytes=-1, memory_total_bytes=-1,
                        os_name="Debian GNU/Linux 12", os_distro="debian",
                        addresses=[m.GuestAddress(v6=True, address="2001:db8::5"),
                                   m.GuestAddress(address=address)])


class AnsibleCase(AggregatorCase):
    def setUp(self):
        super().setUp()
        self.host = self.agent("xen one")
        self.web, self.db, self.idle = self.new_id(), self.new_id(), self.new_id()
        self.stream = self.host.live(
            self.host.vm(self.web, "web", tags=["front", "prod"], guest=guest("192.0.2.7")),
            self.host.vm(self.db, "db", tags=["prod"], memory_bytes=2 << 30),
            self.host.vm(self.idle, "idle", "HALTED"))
        self.pool = self.rest.get("/pools?fields=id,name_label")[0]

    def tearDown(self):
        self.host.close()
        self.rest.delete(f"/hosts/{self.host.id}")
        for user in self.rest.get("/users?fields=id,name"):
            if user["name"] != "admin":
                self.rest.delete(f"/users/{user['id']}")
        super().tearDown()

    def user(self, name, *privileges):
        """One who may read what `privileges` ("vm", or "vm" and a selector) say."""
        user = self.rest.post("/users", {"name": name, "password": PASSWORD})["id"]
        role = self.rest.post("/acl-roles", {"name": f"{name} {user}"})["id"]
        for resource, *selector in privileges:
            self.rest.post("/acl-privileges", {
                "roleId": role, "resource": resource, "action": "read", "effect": "allow",
                **({"selector": selector[0]} if selector else {})})
        self.assertEqual(204, self.rest.request("PUT", f"/acl-roles/{role}/users/{user}")[0])
        return name


EVERYTHING = (("vm",), ("host",), ("pool",))


class InventoryTest(AnsibleCase):
    def ansible(self, user, password=PASSWORD, ca=True, **options):
        """(exit code, inventory, what it says)"""
        with tempfile.TemporaryDirectory(prefix="muster-ansible-") as folder:
            source = pathlib.Path(folder) / "fleet.xen_orchestra.yml"
            source.write_text(yaml.safe_dump({
                "plugin": "community.general.xen_orchestra", "user": user, "password": password,
                "api_host": self.fleet.url.removeprefix("https://"), **options}))
            env = {"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8",
                   "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"}
            if ca:
                env["WEBSOCKET_CLIENT_CA_BUNDLE"] = str(self.fleet.state / "ca.crt")
            done = subprocess.run(
                ["/usr/bin/ansible-inventory", "--list", "-i", source], env=env, cwd=folder,
                capture_output=True, text=True, timeout=2 * DEADLINE, check=False)
        return done.returncode, json.loads(done.stdout) if done.returncode == 0 else None, done.stderr

    def inventory(self, *args, **options):
        code, inventory, said = self.ansible(*args, **options)
        self.assertEqual(0, code, said)
        return inventory

    @staticmethod
    def members(inventory, group):
        return set(inventory.get(group, {}).get("hosts", []))

    def test_a_fleet(self):
        agent = self.fleet.add_agent("sim1")
        self.addCleanup(self.fleet.agents.remove, agent)
        self.addCleanup(agent.stop)
        self.addCleanup(lambda: self.rest.delete(f"/hosts/{agent.host_id}"))
        other = agent.define(name="other", type="pvh", kernel="/sim/vmlinuz", memory="64MiB")
        agent.rest.action(other, "start")
        self.wait_vm(other, lambda vm: vm["power_state"] == "Running")
        user = self.user("ansible", *EVERYTHING)
        inventory = self.inventory(
            user, groups={"front": "'front' in (tags | default([]))"},
            compose={"ansible_port": "2222"},
            keyed_groups=[{"key": "power_state", "prefix": "state"}])
        facts = inventory["_meta"]["hostvars"]
        vms = {self.web, self.db, self.idle, other}
        self.assertEqual(vms | {self.host.id, agent.host_id}, set(facts))
        self.assertEqual({self.web, self.db, other}, self.members(inventory, "running"))
        self.assertEqual({self.idle}, self.members(inventory, "halted"))
        self.assertEqual({self.web}, self.members(inventory, "with_ip"))
        self.assertEqual(vms - {self.web}, self.members(inventory, "without_ip"))
        self.assertEqual({self.host.id, agent.host_id}, self.members(inventory, "xo_hosts"))
        self.assertEqual({self.web, self.db, self.idle}, self.members(inventory, "xo_host_xen_one"))
        self.assertEqual({other}, self.members(inventory, "xo_host_sim1"))
        pool = "xo_pool_" + self.pool["name_label"].lower().replace(" ", "_").replace("-", "_")
        self.assertEqual(set(facts), self.members(inventory, pool))
        self.assertEqual({self.web}, self.members(inventory, "front"))
        self.assertEqual({self.idle}, self.members(inventory, "state_halted"))
        web = facts[self.web]
        self.assertEqual(
            ("web", "192.0.2.7", "192.0.2.7", "running", ["front", "prod"], True, True, "2222", "VM"),
            tuple(web[key] for key in ("name_label", "ip", "ansible_host", "power_state", "tags",
                                       "has_ip", "is_managed", "ansible_port", "type")))
        self.assertEqual((1, 1 << 30, "Debian GNU/Linux 12"),
                         (web["cpus"], web["memory"], web["os_version"]["name"]))
        self.assertEqual((2 << 30, None), (facts[self.db]["memory"], facts[self.db]["os_version"]))
        host = facts[agent.host_id]
        self.assertEqual(("host", True, "running", "sim1"),
                         tuple(host[key] for key in ("type", "enabled", "power_state", "hostname")))

    def test_a_user_has_what_he_may_see(self):
        user = self.user("front", ("vm", "tags:front"), ("host",), ("pool",))
        inventory = self.inventory(user)
        self.assertEqual({self.web, self.host.id}, set(inventory["_meta"]["hostvars"]))

    def test_a_host_that_is_away(self):
        """Its VMs are not there, as nobody knows what they do; the host is, and says so."""
        user = self.user("later", *EVERYTHING)
        self.host.close()
        self.wait_host(self.host, lambda host: not host["connected"])
        facts = self.inventory(user)["_meta"]["hostvars"]
        self.assertEqual({self.host.id}, set(facts))
        self.assertEqual("unknown", facts[self.host.id]["power_state"])

    def test_who_is_not_let_in(self):
        user = self.user("locked out", *EVERYTHING)
        code, _, said = self.ansible(user, "wrong")
        self.assertNotEqual(0, code)
        self.assertIn("wrong name or password", said)

    def test_certificates(self):
        user = self.user("careful", *EVERYTHING)
        for options in ({"validate_certs": True}, {}):
            code, _, said = self.ansible(user, ca=False, **options)
            self.assertNotEqual(0, code)
            self.assertIn("certificate verify failed", said.lower())
        self.assertIn(self.web, self.inventory(user, validate_certs=True)["_meta"]["hostvars"])
        self.assertIn(self.web, self.inventory(
            user, ca=False, validate_certs=False)["_meta"]["hostvars"])


class SocketTest(AnsibleCase):
    def socket(self):
        s = websocket.connect(self.fleet.url, self.fleet.state / "ca.crt")
        ws = websocket.WebSocket(s, "/api/")
        self.addCleanup(ws.sock.close)
        return ws

    @staticmethod
    def question(method, number=1, **params):
        return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})

    def ask(self, ws, method, **params):
        ws.text(self.question(method, **params))
        return json.loads(ws.message()[1])

    def test_signing_in(self):
        ws = self.socket()
        self.user("clerk", *EVERYTHING)
        token = self.rest.token
        denied = self.ask(ws, "xo.getAllObjects")
        self.assertEqual(2, denied["error"]["code"], denied)
        wrong = self.ask(ws, "session.signIn", token="mt1.guess")
        self.assertEqual(3, wrong["error"]["code"], wrong)
        clerk = self.ask(ws, "session.signIn", email="clerk", password=PASSWORD)["result"]
        self.assertEqual(("clerk", "none"), (clerk["email"], clerk["permission"]))
        self.assertIn(self.web, self.ask(ws, "xo.getAllObjects")["result"])
        admin = self.ask(ws, "session.signIn", token=token)["result"]
        self.assertEqual("admin", admin["permission"])
        self.assertIn("401", str(wait_until("the guess is written down", lambda: [
            row for row in self.rest.get("/audit?limit=1000")
            if row["result"] == "refused" and row["detail"].startswith("/api/")])))

    def test_a_user_who_is_deleted_is_cut_off(self):
        ws = self.socket()
        self.user("brief", *EVERYTHING)
        user = self.ask(ws, "session.signIn", username="brief", password=PASSWORD)["result"]
        self.rest.delete(f"/users/{user['id']}")
        self.assertEqual(4401, ws.ended().code)

    def test_other_methods(self):
        ws = self.socket()
        for method in ("vm.start", "system.getMethodsInfo", "rpc.discover", ""):
            self.assertEqual(-32601, self.ask(ws, method)["error"]["code"])
        self.assertEqual("result", list(self.ask(
            ws, "session.signIn", token=self.rest.token))[-1], "and it goes on")

    def test_questions_at_once_are_answered_in_their_order(self):
        ws = self.socket()
        name = self.user("hasty", *EVERYTHING)
        frames = [self.question("session.signIn", 1, username=name, password=PASSWORD)]
        frames += [self.question("xo.getAllObjects", n, filter={"type": "VM"}) for n in range(2, 40)]
        ws.sock.sendall(b"".join(ws.frame(text.encode(), websocket.TEXT) for text in frames))
        answers = [json.loads(ws.message()[1]) for _ in frames]
        self.assertEqual(list(range(1, 40)), [answer["id"] for answer in answers])
        for answer in answers[1:]:
            self.assertEqual({self.web, self.db, self.idle}, set(answer["result"]))

    def test_long_answers(self):
        """More than one turn's work, and than may wait in the queue; the next question waits."""
        many = {self.new_id() for _ in range(1500)}
        self.host.delta(self.stream, *(self.host.vm(vm, f"vm {vm}", tags=["many"]) for vm in many))
        self.host.wait_acked(self.stream)
        ws = self.socket()
        self.ask(ws, "session.signIn", token=self.rest.token)
        texts = [self.question("xo.getAllObjects", n, filter={"tags": ["many"], "type": "VM"})
                 for n in (1, 2)]
        ws.sock.sendall(b"".join(ws.frame(text.encode(), websocket.TEXT) for text in texts))
        for n in (1, 2):
            answer = json.loads(ws.message()[1])
            self.assertEqual((n, many), (answer["id"], set(answer["result"])))
        self.assertEqual(self.rest.vm(self.web), self.ask(
            ws, "xo.getAllObjects", filter={"id": self.web})["result"][self.web])

    def test_a_long_question(self):
        ws = self.socket()
        ws.text(self.question("session.signIn", token="x" * 20000))
        self.assertEqual(1009, ws.ended().code)

    def test_a_plain_get(self):
        connection = self.fleet.anonymous.connection()
        self.addCleanup(connection.close)
        connection.request("GET", "/api/")
        reply = connection.getresponse()
        self.assertEqual((426, "websocket"), (reply.status, reply.headers["Upgrade"]))


if __name__ == "__main__":
    unittest.main()
