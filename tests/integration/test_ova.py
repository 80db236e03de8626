# SPDX-License-Identifier: Apache-2.0
"""VMs in and out as OVA, over the host's own socket and through the aggregator."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
import unittest
import xml.etree.ElementTree as ET

from tests.support.filesystem import mounted
from tests.support.rest import wait_until
from test_transfer import KERNEL, MIB, NOBODY, TransferCase, as_raw, content, image, sha

OVF = "{http://schemas.dmtf.org/ovf/envelope/1}"
RASD = ("{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData}")
VMDK = "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"


def descriptor(disks, name="appliance", memory=64, extra="", files=""):
    """As VirtualBox and VMware write them: `disks` of (file, capacity in bytes)."""
    items = "".join(f"""<Item><rasd:AddressOnParent>{i}</rasd:AddressOnParent>
      <rasd:ElementName>disk{i}</rasd:ElementName>
      <rasd:HostResource>ovf:/disk/vmdisk{i}</rasd:HostResource>
      <rasd:InstanceID>{10 + i}</rasd:InstanceID><rasd:Parent>3</rasd:Parent>
      <rasd:ResourceType>17</rasd:ResourceType></Item>""" for i in range(len(disks)))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
  xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>{files}{"".join(f'<File ovf:id="file{i}" ovf:href="{f}"/>'
                              for i, (f, _) in enumerate(disks))}</References>
  <DiskSection><Info>Disks</Info>{"".join(
      f'<Disk ovf:diskId="vmdisk{i}" ovf:fileRef="file{i}" ovf:capacity="{n}" '
      f'ovf:format="{VMDK}"/>' for i, (_, n) in enumerate(disks))}</DiskSection>
  <VirtualSystem ovf:id="vm"><Info>A VM</Info><Name>{name}</Name>
    <OperatingSystemSection ovf:id="94" vmw:osType="ubuntu64Guest"><Info>OS</Info>
    </OperatingSystemSection>
    <VirtualHardwareSection><Info>Hardware</Info>
      <Item><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>
        <rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>{memory}</rasd:VirtualQuantity></Item>
      <Item><rasd:ElementName>SCSI</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>
        <rasd:ResourceType>6</rasd:ResourceType></Item>{items}
      <Item><rasd:Connection>VM Network</rasd:Connection>
        <rasd:InstanceID>4</rasd:InstanceID><rasd:ResourceSubType>E1000</rasd:ResourceSubType>
        <rasd:ResourceType>10</rasd:ResourceType></Item>{extra}
    </VirtualHardwareSection></VirtualSystem></Envelope>""".encode()


def archive(members, digest="sha256", lie=None, without=()):
    """A tar of (name, bytes), with a manifest unless `digest` is None."""
    members = list(members)
    if digest:
        lines = [f"{digest.upper()}({name})= " +
                 hashlib.new(digest, b"lie" if name == lie else data).hexdigest()
                 for name, data in members if name not in without]
        members.append((members[0][0].replace(".ovf", ".mf"), "\n".join(lines).encode() + b"\n"))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


class OvaCase(TransferCase):
    def ova(self, sizes=(3, 2), **more):
        """Contents of its disks, and the archive."""
        contents = [content(n * MIB, seed) for seed, n in enumerate(sizes)]
        disks = [(f"disk{i}.vmdk", image(self.folder, data, "vmdk"))
                 for i, data in enumerate(contents)]
        ovf = descriptor([(name, len(data)) for (name, _), data in zip(disks, contents)])
        return contents, archive([("vm.ovf", ovf), *disks], **more)

    def pool(self):
        return self.rest.get("/pools?fields=id")[0]["id"]

    def post(self, body, **query):
        query = {"sr": self.sr, "format": "ova", **query}
        text = "&".join(f"{k}={v}" for k, v in query.items())
        return self.rest.request("POST", f"/pools/{self.pool()}/vms?{text}", body)

    def posted(self, body, **query):
        status, _, reply = self.post(body, **query)
        self.assertEqual(201, status, reply)
        wait_until("the VM is known",
                   lambda: self.rest.request("GET", f"/vms/{reply['id']}")[0] == 200)
        return reply["id"]

    def spec(self, vm):
        return json.loads((self.agent.state / "vms" / f"{vm}.json").read_text())

    def contents_of(self, vm):
        return [sha(self.get(f"/vdis/{self.known(d['vdi'])}.raw")[2])
                for d in self.spec(vm)["disks"] if not d.get("cdrom")]

    def nothing_made(self):
        self.nothing_left()
        self.no_disks()
        wait_until("no VM is left", lambda: not self.rest.get("/vms?fields=id"))

    def hold(self, body):
        """An upload that waits for a call."""
        upload = self.create(len(body), "ova", f"/srs/{self.sr}/uploads?hold=true")
        status, headers, reply = self.patch(upload, 0, body)
        self.assertEqual((204, None), (status, headers.get("Muster-Task")), reply)
        return upload

    def ask(self, method, object_id, **arguments):
        return self.rest.post("/calls", {"method": method, "objectId": object_id,
                                         "arguments": arguments})["taskId"]

    def fails(self, words, method, object_id, **arguments):
        ended = self.rest.task(self.ask(method, object_id, **arguments))
        self.assertEqual("failure", ended["status"], ended)
        for word in words:
            self.assertIn(word, ended["result"]["message"])

    def download(self, path):
        status, headers, body = self.get(path)
        self.assertEqual(200, status, body if status != 200 else None)
        return headers, body


class Doors:
    def test_in_one_request(self):
        contents, body = self.ova()
        vm = self.posted(body, name_label="copy")
        spec = self.spec(vm)
        self.assertEqual(("copy", "hvm", 2, 64 * MIB, "bios", ["xvda", "xvdb"], 1),
                         (spec["name"], spec["type"], spec["vcpus"], spec["memory"],
                          spec.get("firmware", "bios"), [d["vdev"] for d in spec["disks"]],
                          len(spec["nics"])))
        self.assertEqual([sha(c) for c in contents], self.contents_of(vm))
        self.nothing_left()
        # And it is one that can be started.
        self.rest.action(vm, "start")
        self.rest.action(vm, "hard_shutdown")

    def test_an_upload_waits_for_the_call_and_outlives_its_failure(self):
        contents, body = self.ova((2,))
        upload = self.hold(body)
        id_ = upload.rsplit("/", 1)[1]
        self.assertTrue(self.rest.get(upload)["held"])
        self.fails(["no network"], "vm.import_ova", self.sr, upload=id_, network="nowhere")
        value = self.call("vm.import_ova", self.sr, upload=id_, name_label="web",
                          name_description="of tests")
        self.assertIn("lsilogic", " ".join(value["warnings"]))
        self.assertEqual([sha(contents[0])], self.contents_of(value["id"]))
        self.assertEqual(("web", "of tests"), (self.spec(value["id"])["name"],
                                               self.spec(value["id"])["description"]))
        self.nothing_left()

    def test_from_a_path_with_a_sha1_manifest_and_with_none(self):
        for digest in ("sha1", None):
            with self.subTest(digest):
                contents, body = self.ova((1,), digest=digest)
                (self.folder / "vm.ova").write_bytes(body)
                value = self.call("vm.import_ova", self.sr, path=str(self.folder / "vm.ova"),
                                  name_label=f"of {digest}")
                self.assertEqual([sha(contents[0])], self.contents_of(value["id"]))
                self.assertEqual(digest is None, "manifest" in " ".join(value["warnings"]))

    def test_networks_and_addresses(self):
        ovf = descriptor([]).replace(b"<rasd:Connection>",
                                     b"<rasd:Address>00163e445566</rasd:Address><rasd:Connection>")
        (self.folder / "vm.ova").write_bytes(archive([("vm.ovf", ovf)]))
        path = str(self.folder / "vm.ova")
        for name, more, bridge, mac in (
                ("a", {"networks": {"VM Network": "xenbr0"}, "mac": "keep"}, "xenbr0",
                 "00:16:3e:44:55:66"),
                ("b", {"network": "xenbr0", "networks": {"other": "nowhere"}}, "xenbr0", None),
                ("c", {}, None, None)):
            value = self.call("vm.import_ova", self.sr, path=path, name_label=name, **more)
            nic = self.spec(value["id"])["nics"][0]
            self.assertEqual((bridge, mac), (nic.get("bridge"), nic.get("mac")), name)
            self.assertEqual(name == "c", "VM Network" in " ".join(value["warnings"]))
        self.fails(["00:16:3e:44:55:66"], "vm.import_ova", self.sr, path=path, name_label="d",
                   mac="keep")
        self.fails(["nowhere"], "vm.import_ova", self.sr, path=path, name_label="d",
                   networks={"VM Network": "nowhere"})

    def test_an_empty_disk(self):
        ovf = descriptor([("x.vmdk", 5 * MIB)]).replace(b' ovf:fileRef="file0"', b"")
        vm = self.posted(archive([("vm.ovf", ovf)]))
        self.assertEqual([sha(bytes(5 * MIB))], self.contents_of(vm))

    def test_lies_are_refused_and_nothing_stays(self):
        data = content(2 * MIB)
        disk = image(self.folder, data, "vmdk")
        whole = descriptor([("disk.vmdk", len(data))])
        secret = self.folder / "secret"
        secret.write_bytes(bytes(MIB))
        subprocess.run(["qemu-img", "create", "-q", "-f", "vmdk", "-o",
                        "subformat=monolithicSparse", self.folder / "base.vmdk", "1M"], check=True)
        subprocess.run(["qemu-img", "create", "-q", "-f", "vmdk", "-F", "vmdk", "-b",
                        self.folder / "base.vmdk", self.folder / "child.vmdk"], check=True)
        child = (self.folder / "child.vmdk").read_bytes()
        two = descriptor([("disk.vmdk", len(data)), ("disk.vmdk", len(data))])
        good = [("vm.ovf", whole), ("disk.vmdk", disk)]
        doctype = whole.replace(b"<Envelope", b'<!DOCTYPE x [<!ENTITY a "b">]>\n<Envelope', 1)
        cases = {
            "a digest that is another": (archive(good, lie="disk.vmdk"), ["manifest", "another"]),
            "a descriptor's digest": (archive(good, lie="vm.ovf"), ["vm.ovf", "another"]),
            "a file without a digest": (archive(good, without=("disk.vmdk",)), ["does not speak"]),
            "a path out of it": (archive([("vm.ovf", descriptor([("../secret", MIB)])),
                                          ("disk.vmdk", disk)]), ["leads out"]),
            "an absolute path": (archive([("vm.ovf", descriptor([(str(secret), MIB)])),
                                          ("disk.vmdk", disk)]), ["leads out"]),
            "a file twice": (archive([("vm.ovf", whole), ("disk.vmdk", disk),
                                      ("disk.vmdk", disk)], None), ["twice"]),
            "a disk of two drives": (archive([("vm.ovf", two), ("disk.vmdk", disk)]),
                                     ["two disks"]),
            "a disk that is not there": (archive([("vm.ovf", whole)]), ["does not hold"]),
            "half a disk": (archive([("vm.ovf", whole), ("disk.vmdk", disk[:len(disk) // 2])]),
                            []),
            "a backing file": (archive([("vm.ovf", whole), ("disk.vmdk", child)]), ["parent"]),
            "another format": (archive([("vm.ovf", whole), ("disk.vmdk", data)]), ["vmdk"]),
            "a second disk that lies": (archive([
                ("vm.ovf", descriptor([("disk.vmdk", len(data)), ("b.vmdk", len(data))])),
                ("disk.vmdk", disk), ("b.vmdk", child)]), ["parent"]),
            "a document type": (archive([("vm.ovf", doctype), ("disk.vmdk", disk)]), ["DOCTYPE"]),
            "a compressed disk": (archive([
                ("vm.ovf", whole.replace(b'ovf:href', b'ovf:compression="gzip" ovf:href', 1)),
                ("disk.vmdk", disk)]), ["compress"]),
            "no descriptor": (archive([("disk.vmdk", disk)], None), ["no .ovf"]),
            "half an archive": (archive(good)[:len(disk) // 2], ["cut off"]),
            "no archive": (data, ["ova"]),
        }
        for name, (body, words) in cases.items():
            with self.subTest(name):
                self.refused(422, words, self.post(body))
                (self.folder / "lies.ova").write_bytes(body)
                self.fails(words, "vm.import_ova", self.sr, path=str(self.folder / "lies.ova"))
        self.nothing_made()

    def test_bad_requests(self):
        self.refused(422, ["ova"], self.post(b"x", format="xva"))
        self.refused(422, ["empty"], self.post(b""))
        self.refused(404, ["SR"], self.post(b"x", sr=NOBODY))
        self.refused(422, ["definition"], self.post(b"x", definition="maybe"))
        self.refused(422, ["sr"], self.rest.request(
            "POST", f"/pools/{self.pool()}/vms?format=ova", b"x"))
        self.refused(404, ["pool"], self.rest.request(
            "POST", f"/pools/{NOBODY}/vms?format=ova&sr={self.sr}", b"x"))
        self.refused(404, ["VM"], self.get(f"/vms/{NOBODY}.ova"))
        _, body = self.ova((1,))
        vm = self.posted(body)
        self.refused(404, ["ova"], self.get(f"/vms/{vm}.xva"))
        self.fails(["exists"], "vm.export_ova", vm, path=str(self.folder))
        # The name is taken, and the archive is not to blame.
        upload = self.hold(body)
        self.fails(["appliance"], "vm.import_ova", self.sr, upload=upload.rsplit("/", 1)[1])
        self.assertEqual(len(body), self.offset(upload))

    def test_out_and_in_again_loses_nothing(self):
        contents = [content(3 * MIB, 1), content(2 * MIB, 2)]
        vdis = [self.vdi(len(c), f"d{i}", c) for i, c in enumerate(contents)]
        vm = self.defined(
            name="kept & <marked>", type="hvm", vcpus=3, vcpusMax=4, memory="96MiB",
            memoryMax="128MiB", firmware="bios", bootOrder="dc", description='it says "this"',
            cpuWeight=512, nested=True, viridian=True, localtime=True, vga="std", vnc=True,
            serial="pty", tags=["a", "b=c"], onCrash="preserve", startDelay=500,
            xenstore={"vm-data/role": "web"},
            disks=[{"vdev": "xvda", "vdi": vdis[0]}, {"vdev": "xvdc", "vdi": vdis[1]},
                   {"vdev": "hdd", "cdrom": True, "readonly": True}],
            nics=[{"mac": "00:16:3e:11:22:33", "bridge": "xenbr0", "model": "e1000",
                   "rate": 1000000}])
        before = self.spec(vm)
        headers, body = self.download(f"/vms/{vm}.ova")
        self.assertEqual(str(len(body)), headers["Content-Length"])
        # As anybody reads it.
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            names = tar.getnames()
            files = {n: tar.extractfile(n).read() for n in names}
        self.assertEqual([".ovf", "vmdk", "vmdk", ".mf"],
                         [n.rsplit(".", 1)[1] if n.endswith("vmdk") else n[n.rindex("."):]
                          for n in names])
        for line in files[names[-1]].decode().splitlines():
            name, digest = line.removeprefix("SHA256(").split(")= ")
            self.assertEqual(hashlib.sha256(files[name]).hexdigest(), digest)
        root = ET.fromstring(files[names[0]])
        disks = root.findall(f"./{OVF}DiskSection/{OVF}Disk")
        self.assertEqual([str(len(c)) for c in contents],
                         [d.get(f"{OVF}capacity") for d in disks])
        refs = root.findall(f"./{OVF}References/{OVF}File")
        for ref, data in zip(refs, contents):
            file = files[ref.get(f"{OVF}href")]
            self.assertEqual(str(len(file)), ref.get(f"{OVF}size"))
            self.assertEqual(sha(data), sha(as_raw(self.folder, file, "vmdk")[:len(data)]))
        types = [i.text for i in root.iter(f"{RASD}ResourceType")]
        self.assertEqual({"3": 1, "4": 1, "20": 1, "17": 2, "15": 1, "10": 1},
                         {t: types.count(t) for t in types})
        # As we do.
        self.assertEqual(204, self.rest.request("DELETE", f"/vms/{vm}")[0])
        value = self.call("vm.import_ova", self.sr, upload=self.hold(body).rsplit("/", 1)[1],
                          mac="keep")
        self.assertEqual({"id"}, set(value), value)
        after = self.spec(value["id"])
        for spec in (before, after):
            for disk in spec["disks"]:
                disk.pop("vdi", None)
            del spec["uuid"]
        self.assertEqual(before, after)
        self.assertEqual([sha(c) for c in contents], self.contents_of(value["id"]))
        # Without being asked to, no address is kept.
        other = self.posted(body, name_label="other")
        self.assertNotIn("mac", self.spec(other)["nics"][0])

    def test_a_definition_that_reaches_into_the_host_has_to_be_trusted(self):
        vm = self.defined(name="pvh", type="pvh", memory="64MiB", kernel=KERNEL,
                          disks=[{"vdev": "xvda", "vdi": self.vdi()}])
        _, body = self.download(f"/vms/{vm}.ova")
        self.assertEqual(204, self.rest.request("DELETE", f"/vms/{vm}")[0])
        upload = self.hold(body).rsplit("/", 1)[1]
        self.fails(["a kernel", "definition=trust"], "vm.import_ova", self.sr, upload=upload)
        trusted = self.call("vm.import_ova", self.sr, upload=upload, definition="trust")["id"]
        self.assertEqual(("pvh", KERNEL), (self.spec(trusted)["type"],
                                           self.spec(trusted)["kernel"]))
        plain = self.posted(body, definition="ignore", name_label="plain")
        self.assertEqual("hvm", self.spec(plain)["type"])

    def test_parts_of_it_and_again(self):
        _, body = self.ova((3,))
        vm = self.posted(body)
        headers, out = self.download(f"/vms/{vm}.ova")
        half = len(out) // 2
        status, _, rest = self.get(f"/vms/{vm}.ova", Range=f"bytes={half}-",
                                   If_Range=headers["ETag"])
        self.assertEqual((206, sha(out[half:])), (status, sha(rest)))
        self.assertEqual(304, self.get(f"/vms/{vm}.ova", If_None_Match=headers["ETag"])[0])
        # Another definition is another content.
        self.call("vm.edit", vm, nameDescription="new")
        other, _ = self.download(f"/vms/{vm}.ova")
        self.assertNotEqual(headers["ETag"], other["ETag"])
        self.assertEqual(200, self.get(f"/vms/{vm}.ova", Range=f"bytes={half}-",
                                       If_Range=headers["ETag"])[0])

    def test_of_a_snapshot(self):
        contents, body = self.ova((2,))
        vm = self.posted(body)
        snapshot = self.call("vm.snapshot", vm)["id"]
        vdi = self.spec(vm)["disks"][0]["vdi"]
        self.disk_file(vdi).write_bytes(content(2 * MIB, 9))
        wait_until("the snapshot is known", lambda: self.rest.request(
            "GET", f"/vm-snapshots/{snapshot}")[0] == 200)
        _, out = self.download(f"/vm-snapshots/{snapshot}.ova")
        copy = self.posted(out, name_label="copy")
        self.assertEqual([sha(contents[0])], self.contents_of(copy))
        self.assertEqual("vm", self.spec(copy).get("kind", "vm"))

    def test_of_one_that_runs(self):
        place = mounted(self, "xfs", 600 << 20) / "mnt" / "sr"
        place.mkdir()
        xfs = self.call("sr.create", self.host, name_label="xfs", SR_type="dir",
                        device_config={"location": str(place)})["id"]
        wait_until("the SR is known",
                   lambda: self.rest.request("GET", f"/srs/{xfs}")[0] == 200)
        self.addCleanup(lambda: self.agent.stop())
        contents, body = self.ova((2, 1))
        vm = self.posted(body, sr=xfs)
        self.rest.action(vm, "start")
        before = {v["id"] for v in self.rest.get("/vdis?fields=id")}
        headers, out = self.download(f"/vms/{vm}.ova")
        copy = self.posted(out, name_label="copy")
        self.assertEqual([sha(c) for c in contents], self.contents_of(copy))
        added = {self.spec(copy)["disks"][i]["vdi"] for i in range(2)}
        # The snapshot that it was made of is gone.
        wait_until("nothing is left", lambda: {v["id"] for v in self.rest.get("/vdis?fields=id")} ==
                   before | added and not self.rest.get("/vdi-snapshots?fields=id"))
        self.nothing_but_exports()
        # A part is one of what was made; the whole is another moment.
        status, _, rest = self.get(f"/vms/{vm}.ova", Range="bytes=1000-",
                                   If_Range=headers["ETag"])
        self.assertEqual((206, sha(out[1000:])), (status, sha(rest)))
        other, _ = self.download(f"/vms/{vm}.ova")
        self.assertNotEqual(headers["ETag"], other["ETag"])
        self.rest.action(vm, "hard_shutdown")

    def test_of_one_that_runs_on_files_that_cannot_be_shared(self):
        _, body = self.ova((2,))
        vm = self.posted(body)
        self.rest.action(vm, "start")
        before = self.vdis()
        status, _, reply = self.get(f"/vms/{vm}.ova")
        if status != 200:  # as in /tmp, most often
            self.assertIn("snapshot", json.dumps(reply))
        self.assertEqual(before, self.vdis())
        self.nothing_but_exports()
        self.rest.action(vm, "hard_shutdown")

    def nothing_but_exports(self):
        folder = self.agent.state / "transfer"
        wait_until("no part is left", lambda: not [
            p for p in folder.iterdir() if p.suffix != ".export"])

    def begin_download(self, path):
        connection = self.rest.connection()
        headers = {"Authorization": f"Bearer {self.rest.token}"} if self.rest.token else {}
        connection.request("GET", "/rest/v0" + path, headers=headers)
        self.addCleanup(connection.close)
        return connection

    def big(self):
        """Takes a while to be written."""
        vdi = self.vdi(192 * MIB)
        with self.disk_file(vdi).open("r+b") as disk:
            for _ in range(192):
                disk.write(os.urandom(MIB))
        return self.defined(name="big", type="hvm", memory="64MiB",
                            disks=[{"vdev": "xvda", "vdi": vdi}])

    def under_way(self):
        wait_until("it is under way", lambda: list(
            (self.agent.state / "transfer").glob("*.image")))

    def test_a_client_that_vanishes_leaves_nothing(self):
        vm = self.big()
        connection = self.begin_download(f"/vms/{vm}.ova")
        self.under_way()
        connection.close()
        wait_until("it is given up",
                   lambda: not list((self.agent.state / "transfer").iterdir()))
        task = [t for t in self.agent.rest.get("/tasks?fields=*")
                if t["properties"].get("method") == "vm.export_ova"][0]
        self.assertEqual("CANCELLED", self.agent.rest.task(task["id"])["result"]["code"])

    def test_killed_while_it_is_written(self):
        vm = self.big()
        self.begin_download(f"/vms/{vm}.ova")
        self.under_way()
        self.agent.kill()
        self.agent.start()
        self.fleet.wait_connected(1)
        wait_until("the SR is plugged", lambda: self.rest.get(f"/srs/{self.sr}")["attached"])
        wait_until("nothing is left",
                   lambda: not list((self.agent.state / "transfer").iterdir()))
        self.assertEqual(200, self.rest.request("HEAD", f"/vms/{vm}.ova")[0])

    def test_killed_while_it_is_read(self):
        contents, body = self.ova((48, 48))
        upload = self.hold(body).rsplit("/", 1)[1]
        task = self.ask("vm.import_ova", self.sr, upload=upload)
        # The first disk is there, the second under way.
        wait_until("it is under way", lambda: len([
            p for p in (self.folder / "sr").rglob("*") if p.suffix == ".json"]) > 1)
        self.agent.kill()
        self.agent.start()
        self.fleet.wait_connected(1)
        wait_until("the SR is plugged", lambda: self.rest.get(f"/srs/{self.sr}")["attached"])
        ended = self.rest.task(task)
        if ended["status"] != "success":
            wait_until("its disks are gone", lambda: self.vdis() == {})
            vm = self.call("vm.import_ova", self.sr, upload=upload)["id"]
        else:
            vm = ended["result"]["id"]
        self.assertEqual([sha(c) for c in contents], self.contents_of(vm))
        self.nothing_left()

    def test_called_off(self):
        _, body = self.ova((48, 48))
        upload = self.hold(body)
        task = self.ask("vm.import_ova", self.sr, upload=upload.rsplit("/", 1)[1])
        self.rest.request("POST", f"/tasks/{task}/actions/abort")
        ended = self.rest.task(task)
        self.assertEqual("CANCELLED", ended["result"]["code"], ended)
        # Called off before it had begun, the upload stays for another try.
        self.assertIn(self.rest.request("DELETE", upload)[0], (204, 404))
        self.nothing_made()


class OnTheHost(Doors, OvaCase):
    def test_the_agent_stops_while_one_is_written(self):
        vm = self.big()
        self.begin_download(f"/vms/{vm}.ova")
        self.under_way()
        self.assertEqual(0, self.agent.stop())
        self.agent.start()
        wait_until("nothing is left",
                   lambda: not list((self.agent.state / "transfer").iterdir()))

    def test_a_dry_run(self):
        _, body = self.ova((1,))
        (self.folder / "vm.ova").write_bytes(body)
        out = subprocess.run([self.fleet.build / "agent/muster-agent", "import", "--format", "ova",
                              self.folder / "vm.ova"], check=True, capture_output=True, text=True)
        spec = json.loads(out.stdout)
        self.assertEqual(("appliance", "hvm", 1), (spec["name"], spec["type"], len(spec["disks"])))
        self.assertIn("lsilogic", out.stderr)
        self.no_disks()


class ThroughTheAggregator(Doors, OvaCase):
    def choose_door(self):
        self.rest = self.fleet.rest

    def test_it_is_on_record(self):
        _, body = self.ova((1,))
        vm = self.posted(body)
        self.download(f"/vms/{vm}.ova")
        actions = wait_until("the end is on record", lambda: (
            lambda seen: seen if "vm.downloaded" in seen else None)(
                [e["action"] for e in self.rest.get("/audit?fields=*")]))
        self.assertIn("vm.download", actions)
        self.assertIn("vm.import_ova", " ".join(actions))


if __name__ == "__main__":
    unittest.main()
