# SPDX-License-Identifier: Apache-2.0
"""What hosts have besides VMs, from an agent's messages to REST and events."""

import contextlib
import json
import os
import sqlite3
import subprocess
import unittest
import uuid

import grpc

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fake_agent import messages
from tests.support.fleet import BUILD
from tests.support.rest import wait_until

Code = grpc.StatusCode


class Objects(AggregatorCase):
    def object(self, path):
        status, _, body = self.rest.request("GET", path)
        return body if status == 200 else None

    def wait_object(self, path, want=lambda o: True):
        def look():
            o = self.object(path)
            return o if o and want(o) else None
        return wait_until(path, look)

    def wait_gone(self, path):
        wait_until(f"{path} is gone", lambda: not self.object(path))

    def test_snapshot_delta_and_removal(self):
        agent = self.agent()
        sr, vdi, other = self.new_id(), self.new_id(), self.new_id()
        s = agent.live(objects=[agent.sr(sr, "disks", thin=True, tags=["gold"]),
                                agent.vdi(vdi, sr, "root")])
        shown = self.rest.get(f"/srs/{sr}")
        self.assertEqual(
            ("disks", "dir", "user", 1000, 100, 200, False, "thin", agent.id, [vdi], ["gold"]),
            tuple(shown[k] for k in ("name_label", "SR_type", "content_type", "size",
                                     "physical_usage", "usage", "shared", "allocationStrategy",
                                     "$container", "VDIs", "tags")))
        self.assertEqual(sr, self.rest.get(f"/vdis/{vdi}")["$SR"])
        agent.delta(s, removed=[vdi], objects=[agent.sr(sr, "renamed", size_bytes=-1),
                                               agent.vdi(other, sr, "new")])
        agent.wait_acked(s)
        shown = self.rest.get(f"/srs/{sr}")
        self.assertEqual(("renamed", None, [other]),
                         (shown["name_label"], shown["size"], shown["VDIs"]))
        self.assertIsNone(self.object(f"/vdis/{vdi}"))
        # A snapshot says everything: what it leaves out is gone.
        s.close()
        agent.epoch, agent.seq = 2, 5
        s = agent.live(objects=[agent.sr(sr)])
        self.wait_gone(f"/vdis/{other}")
        s.close()

    def test_kept_over_a_crash(self):
        agent = self.agent()
        sr, vdi, gone = self.new_id(), self.new_id(), self.new_id()
        s = agent.live(objects=[agent.sr(sr, "kept"), agent.vdi(vdi, sr), agent.vdi(gone, sr)])
        agent.delta(s, removed=[gone])
        agent.wait_acked(s)
        self.crash()
        shown = self.rest.get(f"/srs/{sr}")
        self.assertEqual(("kept", False, [vdi]),
                         (shown["name_label"], shown["attached"], shown["VDIs"]))
        self.assertIsNone(self.object(f"/vdis/{gone}"))
        # It goes on from there, without a snapshot.
        s, welcome = agent.connect()
        self.assertTrue(welcome.resume)
        self.wait_object(f"/srs/{sr}", lambda o: o["attached"])
        s.close()

    def test_tags_that_no_host_keeps(self):
        agent = self.agent()
        network = self.new_id()
        s = agent.live(objects=[agent.object("network", network, "inside", bridge="xenbr5")])
        pool, = self.rest.get("/pools")
        paths = [f"/hosts/{agent.id}", f"/networks/{network}", pool.removeprefix("/rest/v0")]
        for path in paths:
            with self.subTest(path=path):
                for tag in ("gold", "b%20c", "gold"):
                    self.assertEqual(204, self.rest.request("PUT", f"{path}/tags/{tag}")[0])
                self.assertEqual(["gold", "b c"], self.rest.get(path)["tags"])
                status, _, reply = self.rest.request("PUT", f"{path}/tags/{'x' * 48}")
                self.assertEqual((422, "tag: must have 1 to 47 bytes"), (status, reply["error"]))
        status, _, _ = self.rest.request("PUT", f"/networks/{self.new_id()}/tags/gold")
        self.assertEqual(404, status)
        self.assertEqual([agent.id], [h["id"] for h in self.rest.get("/hosts?fields=id&filter=tags:gold")])
        self.assertEqual(["gold", "b c"], [row["detail"] for row in reversed(
            self.rest.get(f"/audit?filter=object:{network}%20action:network.tag"))])
        s.close()
        self.crash()
        for path in paths:
            self.assertEqual(["gold", "b c"], self.rest.get(path)["tags"])
            for tag in ("gold", "none"):
                self.assertEqual(204, self.rest.request("DELETE", f"{path}/tags/{tag}")[0])
            self.assertEqual(["b c"], self.rest.get(path)["tags"])
        self.rest.delete(f"/hosts/{agent.id}")
        self.wait_gone(f"/hosts/{agent.id}")
        with contextlib.closing(sqlite3.connect(f"file:{self.fleet.state / 'muster.db'}?mode=ro", uri=True)) as db:
            self.assertEqual([], db.execute("SELECT tag FROM tags WHERE object = ?",
                                            [uuid.UUID(agent.id).bytes]).fetchall())

    def test_host_away(self):
        agent = self.agent()
        sr, vdi = self.new_id(), self.new_id()
        s = agent.live(objects=[agent.sr(sr), agent.vdi(vdi, sr)])
        pbd, = self.rest.get(f"/srs/{sr}")["$PBDs"]
        self.assertTrue(self.rest.get(f"/pbds/{pbd}")["attached"])
        s.close()
        self.wait_object(f"/pbds/{pbd}", lambda o: not o["attached"])
        self.assertFalse(self.rest.get(f"/srs/{sr}")["attached"])
        self.assertEqual("vdi", self.rest.get(f"/vdis/{vdi}")["name_label"])
        self.rest.delete(f"/hosts/{agent.id}")
        self.wait_gone(f"/srs/{sr}")
        self.assertIsNone(self.object(f"/vdis/{vdi}"))
        self.assertIsNone(self.object(f"/pbds/{pbd}"))

    def test_two_hosts_with_one_id(self):
        first, second = self.agent("a"), self.agent("b")
        sr = self.new_id()
        s1 = first.live(objects=[first.sr(sr, "as a sees it", shared=True, attached=False)])
        s2 = second.live(objects=[second.sr(sr, "as b sees it", shared=True)])
        shown = self.rest.get(f"/srs/{sr}")
        self.assertEqual(("as b sees it", True), (shown["name_label"], shown["attached"]))
        self.assertEqual(self.rest.get("/pools?fields=id")[0]["id"], shown["$container"])
        pbds = {p["host"]: p for p in self.rest.get(f"/pbds?fields=*&filter=SR:{sr}")}
        self.assertEqual({first.id: False, second.id: True},
                         {host: p["attached"] for host, p in pbds.items()})
        self.assertEqual({p["id"] for p in pbds.values()}, set(shown["$PBDs"]))
        self.assertEqual([pbds[first.id]["id"]], self.rest.get(f"/hosts/{first.id}")["$PBDs"])
        # The better of them leaves: the other is shown, and its own is not mixed up with it.
        s2.close()
        self.wait_object(f"/srs/{sr}", lambda o: o["name_label"] == "as a sees it")
        self.assertFalse(self.rest.get(f"/srs/{sr}")["attached"])
        first.delta(s1, removed=[sr])
        first.wait_acked(s1)
        shown = self.rest.get(f"/srs/{sr}")
        self.assertEqual(("as b sees it", [pbds[second.id]["id"]]),
                         (shown["name_label"], shown["$PBDs"]))
        self.assertIsNone(self.object(f"/pbds/{pbds[first.id]['id']}"))
        self.assertFalse([r for r in self.rest.get("/audit") if r["action"] == "vm.conflict"])
        s1.close()

    def test_a_vm_and_what_it_is_made_of(self):
        agent = self.agent()
        m = messages().vm
        vm, snap, template, sr = (self.new_id() for _ in range(4))
        vdi, copy = self.new_id(), self.new_id()
        card = str(uuid.uuid5(uuid.NAMESPACE_DNS, "card"))
        s = agent.live(
            agent.vm(vm, "web", disks=[agent.disk("xvda", vdi, bootable=True),
                                       agent.disk("xvdb", cdrom=True)],
                     nics=[agent.nic(0, "xenbr0", rate_kbps=100)], cpu_weight=512,
                     cmdline="root=/dev/xvda"),
            agent.vm(snap, "before", "HALTED", kind=m.VM_KIND_SNAPSHOT, with_memory=True,
                     snapshot_of=uuid.UUID(vm).bytes, snapshot_at_ms=1794000000500,
                     disks=[agent.disk("xvda", copy, attached=False)]),
            agent.vm(template, "debian", "HALTED", kind=m.VM_KIND_TEMPLATE),
            objects=[agent.sr(sr), agent.vdi(vdi, sr, "root"),
                     agent.vdi(copy, sr, "root, before", snapshot_of=vdi,
                               snapshot_at_ms=1794000000500),
                     agent.object("pci", card, address="0000:03:00.0", vm=vm)])
        self.assertEqual([vm], [v.rsplit("/")[-1] for v in self.rest.get("/vms") if vm in v])
        self.assertIsNone(self.object(f"/vms/{snap}"))
        web = self.rest.get(f"/vms/{vm}")
        self.assertEqual(([snap], 512, "root=/dev/xvda", ["0000:03:00.0"]),
                         (web["snapshots"], web["cpuWeight"], web["PV_args"],
                          web["attachedPcis"]))
        before = self.rest.get(f"/vm-snapshots/{snap}")
        self.assertEqual((vm, 1794000000, True),
                         (before["$snapshot_of"], before["snapshot_time"], before["withMemory"]))
        self.assertEqual("debian", self.rest.get(f"/vm-templates/{template}")["name_label"])
        disk, drive = (self.rest.get(f"/vbds/{i}") for i in web["$VBDs"])
        self.assertEqual((vm, vdi, "0", True), tuple(disk[k] for k in ("VM", "VDI", "position",
                                                                        "attached")))
        self.assertNotIn("VDI", drive)
        self.assertEqual([disk["id"]], self.rest.get(f"/vdis/{vdi}")["$VBDs"])
        self.assertEqual([copy], self.rest.get(f"/vdis/{vdi}")["snapshots"])
        vif = self.rest.get(f"/vifs/{web['VIFs'][0]}")
        self.assertEqual((vm, "0", "00:16:3e:00:00:00", 100),
                         tuple(vif[k] for k in ("$VM", "device", "MAC", "rateLimit")))
        self.assertEqual([f"/rest/v0/vdis/{vdi}"], self.rest.get(f"/vms/{vm}/vdis"))
        self.assertEqual([f"/rest/v0/vdi-snapshots/{copy}"],
                         self.rest.get(f"/vm-snapshots/{snap}/vdis"))
        # While the host is away, nothing is said to be attached.
        s.close()
        wait_until("it is not known to run",
                   lambda: self.rest.get(f"/vms/{vm}")["power_state"] == "Unknown")
        self.assertFalse(self.rest.get(f"/vbds/{disk['id']}")["attached"])
        self.assertEqual(web["$VBDs"], self.rest.get(f"/vms/{vm}")["$VBDs"])

    def test_what_a_snapshot_has_no_room_for(self):
        agent = self.agent()
        vm, sr, gone = self.new_id(), self.new_id(), self.new_id()
        s = agent.live(agent.vm(vm, "big"), objects=[agent.sr(sr, "big"), agent.sr(gone)])
        s.close()
        agent.epoch, agent.seq = 2, 1
        s = agent.live(later=[uuid.UUID(vm).bytes, uuid.UUID(sr).bytes])
        self.assertIsNone(self.object(f"/srs/{gone}"))
        for path in (f"/srs/{sr}", f"/vms/{vm}"):
            self.assertEqual("big", self.rest.get(path)["name_label"])
        # Nor may it be missing after a crash, before the delta that brings it.
        self.crash()
        for path in (f"/srs/{sr}", f"/vms/{vm}"):
            self.assertEqual("big", self.rest.get(path)["name_label"])
        self.assertIsNone(self.object(f"/srs/{gone}"))
        s, welcome = agent.connect()
        self.assertTrue(welcome.resume)
        agent.delta(s, agent.vm(vm, "new"), objects=[agent.sr(sr, "new")])
        agent.wait_acked(s)
        self.assertEqual("new", self.rest.get(f"/srs/{sr}")["name_label"])
        s.close()

    def refused(self, *words, objects=(), fill=0):
        agent = self.agent()
        s = agent.live(objects=[agent.vdi(self.new_id(), self.new_id()) for _ in range(fill)])
        agent.delta(s, objects=list(objects))
        code, details = s.ended()
        self.assertEqual(Code.INVALID_ARGUMENT, code, details)
        for word in words:
            self.assertIn(word, details)
        # What was said before stays, and all of it is asked for again.
        _, welcome = agent.connect()
        self.assertFalse(welcome.resume)

    def test_bad_objects_end_the_stream_and_name_the_field(self):
        agent = self.agent()
        a = self.new_id()
        self.refused("objects[0]", a, "data_percent: 101", objects=[agent.sr(a, data_percent=101)])
        self.refused("objects[1]", "sr: 0 bytes",
                     objects=[agent.sr(a), agent.object("vdi", self.new_id(), type=1)])
        self.refused("name: 200 bytes long", objects=[agent.sr(a, "n" * 200)])

    def test_too_many_objects(self):
        agent = self.agent()
        sr = self.new_id()
        self.refused("16384 objects", fill=16380,
                     objects=[agent.vdi(self.new_id(), sr) for _ in range(5)])

    def test_a_kind_of_a_newer_agent_is_passed_over(self):
        agent = self.agent()
        sr = self.new_id()
        new = messages().object.ObjectState(id=uuid.UUID(self.new_id()).bytes, name="x")
        s = agent.live(objects=[new, agent.sr(sr)])
        self.assertEqual(agent.id, self.rest.get(f"/srs/{sr}")["$container"])
        s.close()


class Events(AggregatorCase):
    def listen(self, collections):
        """The events of these collections as (event, object), one by one."""
        connection = self.rest.connection()
        self.addCleanup(connection.close)
        connection.request("GET", f"/rest/v0/events?collections={collections}",
                           headers={"Authorization": f"Bearer {self.rest.token}"})
        reply = connection.getresponse()
        self.assertEqual(200, reply.status)
        event = None
        for line in reply:
            word, _, rest = line.decode().rstrip("\n").partition(": ")
            if word == "event":
                event = rest
            elif word == "data" and event not in ("init", "ping"):
                yield event, json.loads(rest)
            elif word == "data" and event == "init":
                yield event, None

    def test_objects_and_parts(self):
        agent = self.agent()
        vm, sr, vdi = self.new_id(), self.new_id(), self.new_id()
        s = agent.live(agent.vm(vm))
        events = self.listen("VM,VBD,SR,PBD,VDI")
        self.assertEqual("init", next(events)[0])

        def heard(n):
            found = [next(events) for _ in range(n)]
            return [f"{event} {o['$subscription']}" for event, o in found], found
        agent.delta(s, agent.vm(vm, disks=[agent.disk("xvda", vdi)]),
                    objects=[agent.sr(sr), agent.vdi(vdi, sr)])
        names, found = heard(5)
        self.assertEqual(["update VM", "add VBD", "add PBD", "add SR", "add VDI"], names)
        self.assertEqual(vdi, found[1][1]["VDI"])
        self.assertEqual([found[1][1]["id"]], found[4][1]["$VBDs"])
        agent.delta(s, agent.vm(vm), removed=[vdi])
        self.assertEqual(["remove VDI", "update VM", "remove VBD"], heard(3)[0])
        s.close()
        names, found = heard(3)
        self.assertEqual(["update VM", "update PBD", "update SR"], names)
        self.assertFalse(found[1][1]["attached"] or found[2][1]["attached"])

    def test_domain_0(self):
        agent = self.fleet.add_agent("simulated")
        wait_until("it is seen", lambda: self.rest.get("/vm-controllers"))
        dom0, = self.rest.get("/vm-controllers?fields=*")
        path, host = f"/vm-controllers/{dom0['id']}", self.rest.get(f"/hosts/{agent.host_id}")
        self.assertEqual((agent.host_id, "Running", "Control domain on host: simulated", host["startTime"]),
                         tuple(dom0[k] for k in ("$container", "power_state", "name_label", "startTime")))
        self.assertEqual(dom0["id"], host["controlDomain"])
        for part in ("vdis", "alarms", "messages", "tasks"):
            self.assertEqual([], self.rest.get(f"{path}/{part}"))
            self.assertEqual(404, self.rest.request("GET", f"/vm-controllers/{self.new_id()}/{part}")[0])
        self.assertEqual(204, self.rest.request("PUT", f"{path}/tags/gold")[0])
        self.assertEqual(404, self.rest.request("PUT", f"/vm-controllers/{agent.host_id}/tags/gold")[0])
        self.assertEqual([dom0["id"]], [d["id"] for d in self.rest.get("/vm-controllers?fields=id&filter=tags:gold")])
        events = self.listen("VM-controller")
        self.assertEqual("init", next(events)[0])
        self.assertEqual(0, agent.stop())
        away = next(o for _, o in events if o["power_state"] == "Unknown")
        self.assertEqual((dom0["id"], ["gold"], None), tuple(away[k] for k in ("id", "tags", "startTime")))
        self.rest.delete(f"/hosts/{agent.host_id}")
        wait_until("it is gone", lambda: self.rest.request("GET", path)[0] == 404)
        with contextlib.closing(sqlite3.connect(f"file:{self.fleet.state / 'muster.db'}?mode=ro", uri=True)) as db:
            self.assertEqual([], db.execute("SELECT tag FROM tags WHERE object = ?",
                                            [uuid.UUID(dom0["id"]).bytes]).fetchall())

    def test_tags(self):
        agent = self.agent()
        events = self.listen("host")
        self.assertEqual("init", next(events)[0])
        self.rest.request("PUT", f"/hosts/{agent.id}/tags/gold")
        tagged = next(o for _, o in events if o["id"] == agent.id and o["tags"])
        self.assertEqual(["gold"], tagged["tags"])


class CommandLine(AggregatorCase):
    def muster(self, *args, code=0):
        done = subprocess.run(
            [BUILD / "aggregator/cli/muster", *args, "--url", self.fleet.url, "--ca",
             self.fleet.state / "ca.crt"], capture_output=True, text=True,
            env={**os.environ, "MUSTER_TOKEN": self.rest.token})
        self.assertEqual(code, done.returncode, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def test_lists_and_shows(self):
        agent = self.agent("xen7")
        sr, vdi, vm, snap, template = (self.new_id() for _ in range(5))
        network = str(uuid.uuid5(uuid.NAMESPACE_DNS, "n"))
        m = messages().vm
        s = agent.live(
            agent.vm(vm, "web"),
            agent.vm(snap, "before", "HALTED", kind=m.VM_KIND_SNAPSHOT,
                     snapshot_of=uuid.UUID(vm).bytes, snapshot_at_ms=1794000000000),
            agent.vm(template, "debian", "HALTED", kind=m.VM_KIND_TEMPLATE),
            objects=[agent.sr(sr, "disks", size_bytes=5 << 30, trouble="nearly full"),
                     agent.vdi(vdi, sr, "root"),
                     agent.object("network", network, "lan", bridge="xenbr0", mtu=1500),
                     agent.object("pif", self.new_id(), "eth0", device="eth0", vlan=-1,
                                  ip="192.0.2.7", carrier=True, speed_mbps=1000)])
        table = self.muster("sr", "list")
        self.assertRegex(table, r"(?m)^NAME +TYPE +HOST +SHARED +ATTACHED +SIZE ")
        self.assertRegex(table, rf"(?m)^disks +dir +xen7 +no +yes +5 GiB .*nearly full +{sr}$")
        self.assertRegex(self.muster("vdi", "list"), rf"(?m)^root +1 GiB +1 MiB +disks +qcow2 +{vdi}$")
        self.assertRegex(self.muster("network", "list"), r"(?m)^lan +xenbr0 +1500 +no +no ")
        self.assertRegex(self.muster("pif", "list"), r"(?m)^eth0 +xen7 +- +-1 .*192.0.2.7 +yes +1000 ")
        self.assertRegex(self.muster("snapshot", "list"), rf"(?m)^before +web .* no +xen7 +{snap}$")
        self.assertRegex(self.muster("template", "list"), r"(?m)^debian +pvh +2 +1 GiB +xen7 ")
        self.assertEqual("xen7\n", self.muster("sr", "list", "-c", "host", "--no-header"))
        shown = self.muster("sr", "show", "disks")
        self.assertRegex(shown, r"(?m)^HOST +xen7$")
        self.assertRegex(shown, r"(?m)^LOCATION +/srv$")
        shown = json.loads(self.muster("vdi", "show", vdi[:8], "-o", "json"))
        self.assertEqual(self.rest.get(f"/vdis/{vdi}"),
                         {k: v for k, v in shown.items() if k != "href"})
        self.assertEqual("", self.muster("alarm", "list", "--no-header"))
        agent.delta(s, objects=[agent.sr(sr, "disks", data_percent=82, metadata_percent=91)])
        wait_until("the alarms", lambda: len(self.rest.get("/alarms")) == 2)
        self.assertRegex(self.muster("alarm", "list"), r"(?m)^critical +.* SR disks: SR metadata usage 91 % ")
        agent.delta(s, objects=[agent.sr(sr, "disks", data_percent=82, metadata_percent=20)])
        wait_until("one alarm less", lambda: len(self.rest.get(f"/srs/{sr}/alarms")) == 1)
        self.assertIn("there is no network 'wan'; hint: muster network list",
                      self.muster("network", "show", "wan", code=3))
        s.close()


if __name__ == "__main__":
    unittest.main()
