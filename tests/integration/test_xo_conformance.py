# SPDX-License-Identifier: Apache-2.0
"""Our answers against Xen Orchestra's own description of its API, and docs/xo-compatibility.md
against both: every operation of theirs is served, or listed there with the reason.

A change is asked of a host that is written here, and says that it did all of it; contents of disks
and statistics are those of a simulated host."""

import json
import pathlib
import re
import subprocess
import threading
import unittest
import uuid

import yaml

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fake_agent import StreamEnded, messages, result
from tests.support.fleet import BUILD
from tests.support.rest import Rest, wait_until
from tests.support.xo_openapi import Description

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/xo-compatibility.md"
SERVED_AT_LEAST = 229
# What refuses some objects by its nature: statistics of a VM that is halted.
REFUSED = {"GET /vms/{id}/stats": 422}
OF_THE_WRITTEN = {"pifs": ("eth0", "bond0", "vlan"), "networks": ("network",)}
# Collections that nothing is in yet: all that can be asked for is what is not there.
EMPTY = {"pgpus", "proxies", "schedules", "backup-jobs", "backup-logs", "restore-logs",
         "backup-repositories", "backup-archives"}
MIB = 1 << 20
# Calls that give back an id, besides those that are given one.
MAKES = ("vbd.create", "vif.create", "vdi.migrate", "network.create")


def neutral(path):
    """Names of variables do not matter."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def served_operations():
    """{METHOD /path} with neutral variables, as the programs have it."""
    out = subprocess.run([BUILD / "tests/integration/rest_contract"], check=True,
                         capture_output=True, text=True).stdout
    rows = [line.split() for line in out.splitlines()]
    routes = {f"{row[1].upper()} {neutral(row[2].removeprefix('/rest/v0')) or '/'}"
              for row in rows if row[0] == "route"}
    return routes | {f"POST /vms/{{}}/actions/{row[1]}" for row in rows if row[0] == "action"}


def rows_of(heading):
    """The operations that a section of the page lists, in its tables."""
    section = PAGE.read_text().split(f"\n{heading}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("|")]
    return {o for row in rows for o in re.findall(r"`([A-Z]+ /[^`]*)`", row)}


class World:
    """One of everything, and more where it matters."""

    def __init__(self, case):
        self.case, self.rest = case, case.rest
        self.lists = {}
        self.build_simulated()
        self.build_written()

    def call(self, method, object_id, **arguments):
        task = self.rest.post("/calls", {"method": method, "objectId": object_id,
                                         "arguments": arguments})["taskId"]
        ended = self.rest.task(task)
        self.case.assertEqual("success", ended["status"], ended)
        return ended.get("result", {})

    def build_simulated(self):
        """A host that has disks and statistics."""
        self.agent = self.case.fleet.add_agent("simulated", "--sim-create", "20ms")
        self.case.fleet.wait_connected(1)
        self.host = self.agent.host_id
        folder = self.case.fleet.folder / "sr"
        folder.mkdir()
        self.sr = self.call("sr.create", self.host, name_label="real", SR_type="dir",
                            device_config={"location": str(folder)})["id"]
        self.vdi = self.call("vdi.create", self.sr, name_label="real", virtual_size=MIB)["id"]
        self.known(f"/vdis/{self.vdi}")
        self.vdi_snapshot = self.call("vdi.snapshot", self.vdi)["id"]
        self.vm = self.agent.define(name="real", type="pvh", memory=64 * MIB,
                                    kernel="/etc/hostname",
                                    disks=[{"vdi": self.vdi, "vdev": "xvda"}])
        self.known(f"/vms/{self.vm}")
        self.snapshot = self.call("vm.snapshot", self.vm)["id"]
        self.template = self.call("vm.clone", self.vm, asTemplate=True)["id"]
        self.known(f"/vm-templates/{self.template}")
        self.known(f"/vm-snapshots/{self.snapshot}")
        self.known(f"/vdi-snapshots/{self.vdi_snapshot}")
        self.running = self.agent.define(name="runs", type="pvh", memory=64 * MIB,
                                         kernel="/etc/hostname")
        self.known(f"/vms/{self.running}")
        self.rest.action(self.running, "start")
        wait_until("there are statistics", lambda: self.rest.request(
            "GET", f"/vms/{self.running}/stats")[2].get("stats"))

    def known(self, path):
        wait_until(f"{path} is known", lambda: self.rest.request("GET", path)[0] == 200)

    def build_written(self):
        """A host that has all there is, and does whatever it is told."""
        agent, m = self.case.agent("written"), messages().vm
        ids = {name: str(uuid.uuid4()) for name in (
            "halted", "running", "paused", "suspended", "snapshot", "template", "sr", "iso",
            "vdi", "copy", "snapvdi", "eth0", "eth1", "bond0", "vlan", "pci", "network", "dom0")}
        self.ids = ids
        disks = [agent.disk("xvda", ids["vdi"], bootable=True), agent.disk("xvdb", cdrom=True)]
        nics = [agent.nic(0, "xenbr0", rate_kbps=100), agent.nic(1, "xenbr0")]
        vms = [agent.vm(ids[p], f"{p}-{i}", p.upper(), disks=disks, nics=[
                        agent.nic(n, "xenbr0", mac=f"00:16:3e:01:{i:02x}:{n:02x}")
                        for n in range(len(nics))], cpu_weight=512, tags=["gold"])
               for i, p in enumerate(("halted", "running", "paused", "suspended"))]
        vms += [agent.vm(ids["snapshot"], "before", "HALTED", kind=m.VM_KIND_SNAPSHOT,
                         snapshot_of=uuid.UUID(ids["halted"]).bytes, snapshot_at_ms=1794000000500,
                         disks=[agent.disk("xvda", ids["snapvdi"], attached=False)]),
                agent.vm(ids["template"], "debian", "HALTED", kind=m.VM_KIND_TEMPLATE)]
        objects = [
            agent.sr(ids["sr"], "shared", type="nfs", shared=True, thin=True, data_percent=85),
            agent.sr(ids["iso"], "images", type="iso", iso=True, size_bytes=-1, used_bytes=-1,
                     allocated_bytes=-1),
            agent.vdi(ids["vdi"], ids["sr"], "root", tags=["gold"]),
            agent.vdi(ids["copy"], ids["iso"], "debian.iso", used_bytes=-1),
            agent.vdi(ids["snapvdi"], ids["sr"], "root, before", snapshot_of=ids["vdi"],
                      snapshot_at_ms=1794000000500),
            agent.object("network", ids["network"], "lan", bridge="xenbr0", mtu=1500),
            agent.object("pif", ids["bond0"], "bond0", device="bond0", bridge="xenbr0", vlan=-1,
                         mac="00:16:3e:aa:00:00", mtu=1500, mode="Static", ip="192.0.2.7",
                         netmask="255.255.255.0", bond_master=True, attached=True, carrier=True,
                         management=True, speed_mbps=1000),
            agent.object("pif", ids["eth0"], "eth0", device="eth0", bond="bond0", vlan=-1,
                         physical=True, mode="None", speed_mbps=1000),
            agent.object("pif", ids["vlan"], "bond0.7", device="bond0.7", vlan=7,
                         vlan_device="bond0", speed_mbps=-1, mode="None", bridge="xenbr7"),
            agent.object("pci", ids["pci"], address="0000:03:00.0", class_name="VGA",
                         device_name="A card", vm=ids["running"]),
            agent.object("controller", ids["dom0"], "Control domain on host: written", pvh=True,
                         vcpus_online=2, vcpus_max=4, memory_bytes=1 << 30,
                         memory_target_bytes=-1, memory_max_bytes=-1)]
        self.stream = agent.live(*vms, objects=objects)
        self.written = agent.id
        threading.Thread(target=self.obey, daemon=True).start()
        self.rest.action(ids["running"], "clean_reboot")
        running = self.rest.get(f"/vms/{ids['running']}")
        self.pool = running["$pool"]
        wait_until("there is an alarm", lambda: self.rest.get(f"/srs/{ids['sr']}/alarms"))
        ids.update(host=self.written, vbd=running["$VBDs"][0], vif=running["VIFs"][0],
                   pool=self.pool, pbd=self.rest.get(f"/srs/{ids['sr']}")["$PBDs"][0])

    def translated(self, body):
        """Names to ids."""
        if isinstance(body, dict):
            return {k: self.translated(v) for k, v in body.items()}
        if isinstance(body, list):
            return [self.translated(v) for v in body]
        return self.id_of(body) if isinstance(body, str) else body

    def obey(self):
        """Everything succeeds, and gives back the id that was chosen for it."""
        while True:
            try:
                command = self.stream.expect("command", deadline=3600)
            except StreamEnded:
                return
            answer = result(command.id)
            arguments = json.loads(command.call.arguments or "{}")
            if arguments.get("name_label") == "never":
                continue
            if command.call.method == "vm.edit":
                answer.value = json.dumps({"applied": list(arguments), "pending": []})
            if "id" in arguments or command.call.method in MAKES:
                made = arguments.get("id") or str(uuid.UUID(bytes=command.id))
                answer.value = json.dumps({"id": made})
            self.stream.send(result=answer)

    def all_of(self, collection):
        """The ids of a collection, as it was when it was asked for first; of cards, networks and
        alarms those of the host that is written here: this machine's own come and go."""
        if collection in OF_THE_WRITTEN:
            return [self.ids[name] for name in OF_THE_WRITTEN[collection]]
        if collection not in self.lists:
            path = f"/srs/{self.ids['sr']}/alarms" if collection == "alarms" else f"/{collection}"
            self.lists[collection] = [href.rsplit("/")[-1] for href in self.rest.get(path)]
        if collection in EMPTY:
            self.case.assertEqual([], self.lists[collection], f"{collection} is not empty any more")
            return [str(uuid.uuid4())]
        return self.lists[collection]

    def id_of(self, name):
        if name == "pending":
            return self.rest.post(f"/vms/{self.ids['suspended']}/actions/clone",
                                  {"name_label": "never"})["taskId"]
        if name == "over":
            task = self.rest.post(f"/vms/{self.ids['running']}/actions/pause")["taskId"]
            return self.rest.task(task)["id"]
        return self.ids.get(name, name)



# What is asked of operations that change something: names of Fleet.ids for the path's variables
# (or the value itself), and the body. What is not here and takes no body is tried with `sync`.
CHANGES = {
    "PATCH /vms/{id}": ("halted", {"nameLabel": "new", "tags": ["a"]}),
    "DELETE /vms/{id}": ("halted",),
    "POST /vms/{id}/actions/start": ("halted",),
    "POST /vms/{id}/actions/clean_shutdown": ("running",),
    "POST /vms/{id}/actions/clean_reboot": ("running",),
    "POST /vms/{id}/actions/hard_shutdown": ("running",),
    "POST /vms/{id}/actions/hard_reboot": ("running",),
    "POST /vms/{id}/actions/pause": ("running",),
    "POST /vms/{id}/actions/suspend": ("running",),
    "POST /vms/{id}/actions/resume": ("suspended",),
    "POST /vms/{id}/actions/unpause": ("paused",),
    "POST /vms/{id}/actions/revert_snapshot": ("halted", {"snapshotId": "snapshot"}),
    "POST /vms/{id}/actions/snapshot": ("running", {"name_label": "now"}),
    "POST /vms/{id}/actions/clone": ("halted", {"name_label": "copy"}),
    "DELETE /vm-templates/{id}": ("template",),
    "DELETE /vm-snapshots/{id}": ("snapshot",),
    "POST /vifs": ({"vmId": "halted", "networkId": "network"},),
    "PATCH /vifs/{id}": ("vif", {"rateLimit": 100}),
    "DELETE /vifs/{id}": ("vif",),
    "POST /vifs/{id}/actions/connect": ("vif",),
    "POST /vifs/{id}/actions/disconnect": ("vif",),
    "POST /vdis": ({"srId": "sr", "virtual_size": MIB},),
    "PATCH /vdis/{id}": ("vdi", {"name_label": "new"}),
    "DELETE /vdis/{id}": ("vdi",),
    "POST /vdis/{id}/actions/migrate": ("vdi", {"srId": "sr"}),
    "DELETE /vdi-snapshots/{id}": ("snapvdi",),
    "POST /vbds": ({"VM": "halted", "VDI": "vdi"},),
    "DELETE /vbds/{id}": ("vbd",),
    "POST /vbds/{id}/actions/connect": ("vbd",),
    "POST /vbds/{id}/actions/disconnect": ("vbd",),
    "POST /tasks/{id}/actions/abort": ("pending",),
    "DELETE /tasks/{id}": ("over",),
    "POST /srs": ({"hostId": "host", "name_label": "new", "SR_type": "dir",
                   "device_config": {"location": "/srv/new"}},),
    "DELETE /srs/{id}": ("sr",),
    "POST /srs/{id}/actions/scan": ("sr",),
    "POST /srs/{id}/actions/forget": ("sr",),
    "POST /pools/{id}/actions/create_vm": ("pool", {"name_label": "made", "template": "template"}),
    "POST /pools/{id}/actions/create_network": (
        "pool", {"name": "new", "pif": "eth0", "vlan": 9, "hosts": ["host"]}),
    "POST /pools/{id}/actions/create_internal_network": (
        "pool", {"name": "inside", "hosts": ["host"]}),
    "POST /pbds/{id}/actions/plug": ("pbd",),
    "POST /pbds/{id}/actions/unplug": ("pbd",),
    "DELETE /networks/{id}": ("network",),
    **{f"{method} /{collection}/{{id}}/tags/{{tag}}": (one, "silver")
       for method in ("PUT", "DELETE") for collection, one in (
           ("vms", "running"), ("vm-snapshots", "snapshot"), ("vm-templates", "template"),
           ("srs", "sr"), ("vdis", "vdi"), ("vdi-snapshots", "snapvdi"), ("hosts", "host"),
           ("networks", "network"), ("pools", "pool"), ("vm-controllers", "dom0"))},
    "POST /hosts/{id}/actions/disable": ("host",),
    "POST /hosts/{id}/actions/enable": ("host",),
    "POST /hosts/{id}/actions/clean_shutdown": ("host",),
    "POST /hosts/{id}/actions/clean_reboot": ("host",),
    "POST /hosts/{id}/actions/smart_reboot": ("host",),
    "POST /hosts/{id}/actions/emergency_shutdown": ("host",),
    "POST /pools/{id}/actions/emergency_shutdown": ("pool", {"hosts": ["host"]}),
    "POST /hosts/{id}/actions/restart_toolstack": ("host",),
}


def content(method, path, of, query=""):
    """Contents of disks and VMs are the simulated host's."""
    def ask(case):
        fleet = case.world
        body = None
        if path.startswith("/pools"):
            body = case.rest.request("GET", f"/vms/{fleet.vm}.ova")[2]
        elif method != "GET":
            body = bytes(MIB)
        one = path.format(getattr(fleet, of)) + query.format(sr=fleet.sr)
        status, _, answer = case.rest.request(method, one, body)
        return [(one, status, answer)]
    return ask


def events(case):
    """The three calls on a stream: [(path, status, answer)] of one of them."""
    connection = case.rest.connection()
    case.addCleanup(connection.close)
    connection.request("GET", "/rest/v0/events",
                       headers={"Authorization": f"Bearer {case.rest.token}"})
    reply = connection.getresponse()
    case.addCleanup(reply.close)  # it holds the socket: the stream ends with it
    line = b""
    while not line.startswith(b"data: "):
        line = reply.readline()
        assert line, "the stream ended"
    return reply.status, json.loads(line[6:])["id"]


def events_open(case):
    return [("/events", events(case)[0], {})]


def subscribe(case):
    path = f"/events/{events(case)[1]}/subscriptions"
    return [(path, *case.rest.request("POST", path, {"collection": "VM", "fields": "*"})[::2])]


def unsubscribe(case):
    path = subscribe(case)[0][0] + "/VM"
    return [(path, *case.rest.request("DELETE", path)[::2])]


def access(method, path, body=None):
    """With a user, a group and a role of its own, that have each other."""
    def ask(case):
        rest, name = case.rest, case.new_id()
        user = rest.post("/users", {"name": name, "password": "a long one"})["id"]
        group = rest.post("/groups", {"name": name})["id"]
        role = rest.post("/acl-roles", {"name": name})["id"]
        rights = {"roleId": role, "resource": "vm", "action": "read", "effect": "allow"}
        privilege = rest.post("/acl-privileges", rights)["id"]
        for link in (f"/groups/{group}/users/{user}", f"/acl-roles/{role}/users/{user}",
                     f"/acl-roles/{role}/groups/{group}"):
            case.assertEqual(204, rest.request("PUT", link)[0])
        ids = {"users": user, "groups": group, "acl-roles": role, "acl-privileges": privilege}
        one = path.replace("{id}", ids[path.split("/")[1]])
        one = one.replace("{userId}", user).replace("{groupId}", group)
        new = {"name": case.new_id()} if body == "name" else body
        if body == "rights":
            new = rights
        return [(one, *rest.request(method, one, new)[::2])]
    return ask


def clear_tasks(case):
    """Of a user who has asked for nothing: what was done is needed elsewhere."""
    user = case.rest.post("/users", {"name": case.new_id(), "password": "a long one"})["id"]
    token = case.rest.post(f"/users/{user}/authentication_tokens", {})["token"]["id"]
    nobody = Rest(case.rest.where, token, case.fleet.state / "ca.crt")
    return [("/tasks", *nobody.request("DELETE", "/tasks")[::2])]


ACCESS = {
    "POST /users": {"name": "conforming", "password": "a long one"},
    "PATCH /users/{id}": "name",
    "DELETE /users/{id}": None,
    "POST /users/{id}/authentication_tokens": {"description": "x"},
    "POST /groups": "name",
    "PATCH /groups/{id}": "name",
    "DELETE /groups/{id}": None,
    "PUT /groups/{id}/users/{userId}": None,
    "DELETE /groups/{id}/users/{userId}": None,
    "POST /acl-roles": "name",
    "PATCH /acl-roles/{id}": "name",
    "DELETE /acl-roles/{id}": None,
    "POST /acl-roles/{id}/actions/copy": "name",
    "PUT /acl-roles/{id}/users/{userId}": None,
    "DELETE /acl-roles/{id}/users/{userId}": None,
    "PUT /acl-roles/{id}/groups/{groupId}": None,
    "DELETE /acl-roles/{id}/groups/{groupId}": None,
    "POST /acl-privileges": "rights",
    "PATCH /acl-privileges/{id}": {"action": "start"},
    "DELETE /acl-privileges/{id}": None,
}

SPECIAL = {
    "DELETE /tasks": clear_tasks,
    **{operation: access(*operation.split(), body) for operation, body in ACCESS.items()},
    "GET /vms/{id}.{format}": content("GET", "/vms/{}.ova", "vm"),
    "GET /vm-templates/{id}.{format}": content("GET", "/vm-templates/{}.ova", "template"),
    "GET /vm-snapshots/{id}.{format}": content("GET", "/vm-snapshots/{}.ova", "snapshot"),
    "GET /vdis/{id}.{format}": content("GET", "/vdis/{}.vhd", "vdi"),
    "GET /vdi-snapshots/{id}.{format}": content("GET", "/vdi-snapshots/{}.raw", "vdi_snapshot"),
    "PUT /vdis/{id}.{format}": content("PUT", "/vdis/{}.raw", "vdi"),
    "POST /srs/{id}/vdis": content("POST", "/srs/{}/vdis", "sr", "?raw&name_label=up"),
    "POST /pools/{id}/vms": content("POST", "/pools/{}/vms", "pool",
                                    "?format=ova&name_label=in&sr={sr}&definition=trust"),
    "GET /events": events_open,
    "POST /events/{id}/subscriptions": subscribe,
    "DELETE /events/{id}/subscriptions/{subscriptionId}": unsubscribe,
}


class Conformance(AggregatorCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.theirs = Description()
        cls.ours = served_operations()
        cls.served = {o for o in cls.theirs.operations
                      if " ".join((o.split()[0], neutral(o.split()[1]))) in cls.ours}

    def look(self, operation):
        """(path, status, answer) of a GET: every object, and what belongs to some of them."""
        path = operation.split()[1]
        collection = path.split("/")[1]
        paths = [path.replace("{id}", i) for i in self.world.all_of(collection)] if (
            "{id}" in path) else [path]
        self.assertTrue(paths, f"{operation}: there is none of these")
        self.assertNotIn("{", paths[0], f"{operation}: add it to SPECIAL")
        lists = self.theirs.takes(operation, "fields")
        if lists:
            paths = paths[:3]
        for one in paths:
            for query in ("", "?fields=*", "?fields=id&limit=1") if lists else ("",):
                yield (one + query, *self.rest.request("GET", one + query)[::2])

    def change(self, operation):
        *names, last = CHANGES[operation]
        body = last if isinstance(last, dict) else None
        names = names if body is not None else [*names, last]
        for query in ("?sync=false", "?sync=true") if self.theirs.takes(operation, "sync") else (
                "",):
            path = operation.split()[1]
            for name in names:
                path = re.sub(r"\{[^}]*\}", self.world.id_of(name), path, count=1)
            yield (path + query, *self.rest.request(
                operation.split()[0], path + query, self.world.translated(body))[::2])

    def answers(self, operation):
        if operation in SPECIAL:
            return SPECIAL[operation](self)
        if operation in CHANGES:
            return self.change(operation)
        self.assertTrue(operation.startswith("GET"), f"{operation}: add it to CHANGES")
        return self.look(operation)

    def faults(self, operation, path, status, body):
        expected = REFUSED.get(operation)
        if path.split("/")[1] in EMPTY and "{id}" in operation:
            expected = 404
        found = self.theirs.faults(operation, status, body)
        if status >= 400 and status != expected:
            found.append(f"refused: {body}")
        return [f"{path}: {status}: {fault}"[:600] for fault in found]

    def test_answers(self):
        self.world = World(self)
        wrong = {}
        for operation in sorted(self.served):
            found = [fault for path, status, body in self.answers(operation)
                     for fault in self.faults(operation, path, status, body)]
            if found:
                wrong[operation] = found
        print(f"served {len(self.served)} of {len(self.theirs.operations)} operations, "
              f"{len(self.served) - len(wrong)} of {len(self.served)} answers valid")
        differ = rows_of("## Answers that differ")
        self.assertFalse({o: f for o, f in wrong.items() if o not in differ},
                         f"not as Xen Orchestra describes it, and not in {PAGE.name}")
        self.assertEqual(set(wrong), differ & self.served, "do not differ any more")
        self.assertGreaterEqual(len(self.served), SERVED_AT_LEAST)

    def test_page(self):
        """Every operation is served or listed as not served, and not both."""
        listed = rows_of("## What is not served")
        self.assertEqual(set(self.theirs.operations), self.served | listed)
        self.assertFalse(self.served & listed, "listed, but served")
        self.assertLessEqual(rows_of("## Answers that differ"), self.served)

    def test_our_own_description(self):
        status, _, body = self.rest.request("GET", "/docs/swagger.json")
        self.assertEqual(200, status)
        self.assertEqual(yaml.safe_load((ROOT / "proto/rest/openapi.yaml").read_text()), body)
        status, headers, _ = self.fleet.anonymous.request("GET", "/docs")
        self.assertEqual((307, "/rest/v0/docs/swagger.json"), (status, headers["Location"]))

    def test_a_wrong_answer_is_noticed(self):
        """Bad samples for the checks above."""
        vm = {"id": 7, "type": "VM", "power_state": "Unknown"}
        found = self.theirs.faults("GET /vms/{id}", 200, vm)
        self.assertTrue(any("power_state" in f for f in found), found)
        self.assertTrue(any("required" in f for f in found), found)
        self.assertTrue(self.theirs.faults("DELETE /vms/{id}", 204, {"id": "x"}))
        self.assertTrue(self.theirs.faults("DELETE /vms/{id}", 200, None))
        self.assertTrue(self.theirs.faults("GET /vms", 400, {"message": "x"}))
        self.assertFalse(self.theirs.faults("GET /ping", 200, {"result": "pong", "timestamp": 1}))


if __name__ == "__main__":
    unittest.main()
