# SPDX-License-Identifier: Apache-2.0
"""Contents of disks in and out, over the host's own socket and through the aggregator: the same
requests, the same answers."""

import base64
import hashlib
import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

from tests.support.fleet import Fleet
from tests.support.rest import Proxy, Rest, wait_until

MIB = 1 << 20
KERNEL = "/etc/hostname"  # any file will do for a simulated guest
NOBODY = "11111111-2222-4333-8444-555555555555"
OFFSET_TYPE = "application/offset+octet-stream"


def content(size, seed=1):
    """Bytes with runs of zeroes between, as disks have them."""
    rand = random.Random(seed)
    pieces, left = [], size
    while left > 0:
        n = min(left, rand.choice((4096, 65536, 300000)))
        pieces.append(rand.randbytes(n) if rand.random() < 0.6 else bytes(n))
        left -= n
    return b"".join(pieces)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def image(folder, data, fmt):
    """The same disk as another format, by qemu-img."""
    raw, out = folder / "image.raw", folder / f"image.{fmt}"
    raw.write_bytes(data)
    driver = {"vhd": "vpc"}.get(fmt, fmt)
    options = {"vhd": ["-o", "subformat=dynamic,force_size=on"],
               "vmdk": ["-o", "subformat=streamOptimized"]}.get(fmt, [])
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", driver, *options, raw, out],
                   check=True)
    return out.read_bytes()


def as_raw(folder, data, fmt):
    source, out = folder / f"got.{fmt}", folder / "got.raw"
    source.write_bytes(data)
    subprocess.run(["qemu-img", "convert", "-f", {"vhd": "vpc"}.get(fmt, fmt), "-O", "raw", source,
                    out], check=True)
    return out.read_bytes()


class TransferCase(unittest.TestCase):
    agent_options = ()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="muster-transfer-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.fleet = Fleet(self.folder)
        self.fleet.__enter__()
        self.addCleanup(self.fleet.__exit__)
        self.fleet.start_aggregator()
        self.proxy = Proxy(("127.0.0.1", self.fleet.fleet_port))
        self.addCleanup(self.proxy.close)
        self.agent = self.fleet.add_agent("host1", "--sim-create", "20ms", "--sim-shutdown", "20ms",
                                          "--aggregator", f"127.0.0.1:{self.proxy.port}",
                                          *self.agent_options)
        self.fleet.wait_connected(1)
        self.host = self.agent.host_id
        self.choose_door()
        (self.folder / "sr").mkdir()
        self.sr = self.call("sr.create", self.host, name_label="sr", SR_type="dir",
                            device_config={"location": str(self.folder / "sr")})["id"]

    def tearDown(self):
        for daemon in (self.agent, self.fleet.aggregator):
            for line in daemon.text().splitlines():
                self.assertNotIn("AddressSanitizer", line)
                self.assertNotIn("runtime error", line)
                self.assertNotRegex(line, r"^\S+ error: ")

    def choose_door(self):
        self.rest = self.agent.rest

    def call(self, method, object_id, **arguments):
        task = self.rest.post("/calls", {"method": method, "objectId": object_id,
                                         "arguments": arguments})["taskId"]
        ended = self.rest.task(task)
        self.assertEqual("success", ended["status"], ended)
        return ended.get("result", {})

    def known(self, vdi):
        """The aggregator may hear of it a moment later."""
        wait_until("the disk is known", lambda: self.rest.request("GET", f"/vdis/{vdi}")[0] == 200)
        return vdi

    def defined(self, **definition):
        """On the host; and known at the door that is asked."""
        vm = self.agent.define(**definition)
        wait_until("the VM is known", lambda: self.rest.request("GET", f"/vms/{vm}")[0] == 200)
        return vm

    def no_disks(self):
        wait_until("no disk is left", lambda: not self.vdis())

    def vdi(self, size=4 * MIB, name="disk", data=None):
        vdi = self.known(self.call("vdi.create", self.sr, name_label=name, virtual_size=size)["id"])
        if data is not None:
            self.disk_file(vdi).write_bytes(data)
        return vdi

    def disk_file(self, vdi):
        return next(p for p in (self.folder / "sr").rglob("*") if vdi in p.name and
                    p.suffix != ".json")

    def vdis(self):
        return {v["id"]: v for v in self.rest.get("/vdis?fields=*")}

    def get(self, path, **headers):
        return self.rest.request("GET", path, headers={k.replace("_", "-"): v
                                                       for k, v in headers.items()})

    def refused(self, status, words, reply):
        self.assertEqual(status, reply[0], reply[2])
        for word in words:
            self.assertIn(word, json.dumps(reply[2]))

    def nothing_left(self):
        """Neither of an upload nor of an image that was made."""
        wait_until("nothing is left", lambda: not list((self.agent.state / "transfer").iterdir()) and
                   not list((self.agent.state / "uploads").glob("*.json")))
        intents = self.agent.state / "storage" / "intents"
        # A write of one that was killed leaves its temporary file, which nobody reads.
        wait_until("no intent is left", lambda: not list(intents.glob("*.json")))

    # tus

    def create(self, size, fmt="raw", where=None, name="up", status=201):
        meta = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}"
                        for k, v in (("name_label", name), ("format", fmt)))
        reply = self.rest.request("POST", where or f"/srs/{self.sr}/uploads", headers={
            "Tus-Resumable": "1.0.0", "Upload-Length": str(size), "Upload-Metadata": meta})
        if status == 201:
            self.assertEqual(201, reply[0], reply[2])
            return reply[1]["Location"].removeprefix("/rest/v0")
        return reply

    def offset(self, upload):
        status, headers, _ = self.rest.request("HEAD", upload, headers={"Tus-Resumable": "1.0.0"})
        self.assertEqual(200, status)
        self.assertEqual("1.0.0", headers["Tus-Resumable"])
        return int(headers["Upload-Offset"])

    def patch(self, upload, offset, data):
        return self.rest.request("PATCH", upload, data, {
            "Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), "Content-Type": OFFSET_TYPE})

    def begin_patch(self, upload, offset, announced, data):
        """Some of its body, on a connection that stays open."""
        connection = self.rest.connection()
        connection.putrequest("PATCH", "/rest/v0" + upload)
        headers = {"Upload-Offset": str(offset), "Content-Type": OFFSET_TYPE,
                   "Content-Length": str(announced)}
        if self.rest.token:
            headers["Authorization"] = "Bearer " + self.rest.token
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(data)
        self.addCleanup(connection.close)
        return connection

    def finish(self, upload, offset, data):
        """The last bytes, and the disk that comes of it."""
        status, headers, body = self.patch(upload, offset, data)
        self.assertEqual(204, status, body)
        ended = self.rest.task(headers["Muster-Task"])
        self.assertEqual("success", ended["status"], ended)
        return self.known(upload.rsplit("/", 1)[1])


class Doors:
    """What holds for both."""

    def test_a_raw_disk_down_whole_and_in_parts(self):
        data = content(5 * MIB)
        vdi = self.vdi(len(data), data=data)
        status, headers, body = self.get(f"/vdis/{vdi}.raw")
        self.assertEqual((200, sha(data), str(len(data)), "bytes"),
                         (status, sha(body), headers["Content-Length"], headers["Accept-Ranges"]))
        etag = headers["ETag"]
        for text, begin, end in (("0-0", 0, 1), ("100-", 100, len(data)), ("-5", len(data) - 5,
                                                                          len(data)),
                                 (f"{MIB}-{3 * MIB}", MIB, 3 * MIB + 1),
                                 (f"{len(data) - 1}-{2 * len(data)}", len(data) - 1, len(data))):
            with self.subTest(text):
                status, headers, body = self.get(f"/vdis/{vdi}.raw", Range=f"bytes={text}",
                                                 If_Range=etag)
                self.assertEqual((206, sha(data[begin:end]),
                                  f"bytes {begin}-{end - 1}/{len(data)}"),
                                 (status, sha(body), headers["Content-Range"]))
        status, headers, _ = self.get(f"/vdis/{vdi}.raw", Range=f"bytes={len(data)}-")
        self.assertEqual((416, f"bytes */{len(data)}"), (status, headers["Content-Range"]))
        status, _, body = self.get(f"/vdis/{vdi}.raw", Range="bytes=1-2,5-6")
        self.assertEqual((200, sha(data)), (status, sha(body)))
        self.assertEqual(304, self.get(f"/vdis/{vdi}.raw", If_None_Match=etag)[0])
        status, headers, _ = self.rest.request("HEAD", f"/vdis/{vdi}.raw")
        self.assertEqual((200, str(len(data)), etag),
                         (status, headers["Content-Length"], headers["ETag"]))
        # Another content has another name, and a part of it does not continue the old one.
        self.disk_file(vdi).write_bytes(data[::-1])
        status, headers, body = self.get(f"/vdis/{vdi}.raw", Range="bytes=100-", If_Range=etag)
        self.assertEqual((200, sha(data[::-1])), (status, sha(body)))
        self.assertNotEqual(etag, headers["ETag"])

    def test_each_format_down_and_its_resume(self):
        data = content(3 * MIB)
        vdi = self.vdi(len(data), data=data)
        for fmt in ("qcow2", "vhd", "vmdk"):
            with self.subTest(fmt):
                status, headers, body = self.get(f"/vdis/{vdi}.{fmt}")
                self.assertEqual(200, status)
                self.assertEqual(sha(data), sha(as_raw(self.folder, body, fmt)[:len(data)]))
                half = len(body) // 2
                status, _, rest = self.get(f"/vdis/{vdi}.{fmt}", Range=f"bytes={half}-",
                                           If_Range=headers["ETag"])
                self.assertEqual((206, sha(body[half:])), (status, sha(rest)))

    def test_what_cannot_be_downloaded(self):
        vdi = self.vdi()
        self.refused(404, ["no such VDI"], self.get(f"/vdis/{NOBODY}.raw"))
        self.refused(404, ["raw, qcow2"], self.get(f"/vdis/{vdi}.iso"))
        vm = self.defined(name="web", type="pvh", memory="64MiB", kernel=KERNEL,
                          disks=[{"vdev": "xvda", "vdi": vdi}])
        self.agent.rest.action(vm, "start")
        for fmt in ("raw", "qcow2"):
            self.refused(409, ["in use", "snapshot"], self.get(f"/vdis/{vdi}.{fmt}"))
        self.agent.rest.action(vm, "hard_shutdown")
        self.assertEqual(200, self.get(f"/vdis/{vdi}.raw")[0])

    def test_a_slow_reader_costs_bounded_memory_and_leaves_nothing(self):
        vdi = self.vdi(128 * MIB)
        # Dense, so that nothing is cheap, and four times what it may cost.
        with self.disk_file(vdi).open("r+b") as disk:
            for _ in range(128):
                disk.write(os.urandom(MIB))
        before = {d: d.status_kib("VmRSS") for d in (self.agent, self.fleet.aggregator)}
        connection = self.rest.connection()
        headers = {"Authorization": f"Bearer {self.rest.token}"} if self.rest.token else {}
        connection.request("GET", f"/rest/v0/vdis/{vdi}.raw", headers=headers)
        reply = connection.getresponse()
        self.assertEqual(200, reply.status)
        for _ in range(50):
            reply.read(4096)
            self.assertTrue(self.rest.alive())
        for daemon, kib in before.items():
            self.assertLess(daemon.status_kib("VmRSS") - kib, 32 << 10)
        # Meanwhile it is read, and not to be written.
        self.refused(409, ["vdi.download"], self.rest.request("DELETE", f"/vdis/{vdi}"))
        reply.close()
        connection.close()
        wait_until("it can be deleted",
                   lambda: self.rest.request("DELETE", f"/vdis/{vdi}")[0] == 204)

    def test_up_in_one_request_in_every_format(self):
        data = content(3 * MIB)
        for fmt in ("raw", "qcow2", "vhd", "vmdk"):
            with self.subTest(fmt):
                body = data if fmt == "raw" else image(self.folder, data, fmt)
                query = "?raw&name_label=in" if fmt == "raw" else f"?format={fmt}&name_label=in"
                status, headers, reply = self.rest.request(
                    "POST", f"/srs/{self.sr}/vdis{query}&name_description=of+tests", body)
                self.assertEqual(201, status, reply)
                vdi = self.known(reply["id"])
                seen = self.vdis()[vdi]
                self.assertEqual(("in", "of tests", len(data)),
                                 (seen["name_label"], seen["name_description"], seen["size"]))
                self.assertEqual(sha(data), sha(self.get(f"/vdis/{vdi}.raw")[2]))
        self.nothing_left()

    def test_a_disk_is_overwritten_whole_or_not_at_all(self):
        old, new = content(4 * MIB, 1), content(3 * MIB, 2)
        vdi = self.vdi(len(old), data=old)
        self.refused(422, ["qcow2"], self.rest.request("PUT", f"/vdis/{vdi}.qcow2", new))
        self.assertEqual(sha(old), sha(self.get(f"/vdis/{vdi}.raw")[2]))
        self.refused(413, ["grow"], self.rest.request("PUT", f"/vdis/{vdi}.raw", old + b"x"))
        status, _, reply = self.rest.request("PUT", f"/vdis/{vdi}.raw", new)
        self.assertEqual(204, status, reply)
        self.assertEqual(sha(new + bytes(MIB)), sha(self.get(f"/vdis/{vdi}.raw")[2]))
        self.assertEqual([vdi], list(self.vdis()))
        upload = self.create(len(old), where=f"/vdis/{vdi}/uploads")
        status, headers, _ = self.patch(upload, 0, old)
        self.assertEqual("success", self.rest.task(headers["Muster-Task"])["status"])
        self.assertEqual(sha(old), sha(self.get(f"/vdis/{vdi}.raw")[2]))
        vm = self.defined(name="web", type="pvh", memory="64MiB", kernel=KERNEL,
                          disks=[{"vdev": "xvda", "vdi": vdi}])
        self.agent.rest.action(vm, "start")
        self.refused(409, ["in use"], self.rest.request("PUT", f"/vdis/{vdi}.raw", new))
        self.nothing_left()

    def test_up_in_pieces(self):
        data = content(4 * MIB)
        upload = self.create(len(data))
        self.assertEqual(0, self.offset(upload))
        listed = self.rest.get(f"/hosts/{self.host}/uploads")
        self.assertEqual([(upload.rsplit("/", 1)[1], "up", "raw", len(data), 0)],
                         [(u["id"], u["name_label"], u["format"], u["size"], u["offset"])
                          for u in listed])
        status, headers, _ = self.patch(upload, 0, data[:MIB])
        self.assertEqual((204, str(MIB)), (status, headers["Upload-Offset"]))
        self.assertEqual(MIB, self.offset(upload))
        self.refused(409, [str(MIB), "HEAD"], self.patch(upload, 0, data[:MIB]))
        self.refused(409, [str(MIB)], self.patch(upload, 2 * MIB, data[2 * MIB:]))
        self.refused(413, ["more than"], self.patch(upload, MIB, data))
        self.assertEqual(MIB, self.offset(upload))
        vdi = self.finish(upload, MIB, data[MIB:])
        self.assertEqual(sha(data), sha(self.get(f"/vdis/{vdi}.raw")[2]))
        self.assertEqual("up", self.vdis()[vdi]["name_label"])
        self.refused(404, ["no upload"], self.rest.request("GET", upload))
        self.nothing_left()

    def test_a_connection_that_breaks_and_the_next_that_takes_over(self):
        data = content(6 * MIB)
        upload = self.create(len(data))
        broken = self.begin_patch(upload, 0, len(data), data[:3 * MIB])
        wait_until("bytes have come", lambda: self.offset(upload) >= MIB)
        # Nobody has told us that it is broken. What is asked for next ends it.
        reply = self.patch(upload, 0, data)
        self.assertEqual(409, reply[0], reply[2])
        broken.close()
        at = wait_until("it stands", lambda: self.offset(upload))
        self.assertGreaterEqual(3 * MIB, at)
        vdi = self.finish(upload, at, data[at:])
        self.assertEqual(sha(data), sha(self.get(f"/vdis/{vdi}.raw")[2]))

    def test_both_killed_in_the_middle(self):
        data = content(8 * MIB)
        upload = self.create(len(data))
        self.assertEqual(204, self.patch(upload, 0, data[:2 * MIB])[0])
        self.begin_patch(upload, 2 * MIB, 6 * MIB, data[2 * MIB:5 * MIB])
        wait_until("more has come", lambda: self.offset(upload) > 2 * MIB)
        self.agent.kill()
        self.fleet.aggregator.kill()
        self.agent.start()
        self.fleet.restart_aggregator()
        self.fleet.wait_connected(1)
        at = self.offset(upload)
        self.assertLessEqual(2 * MIB, at)
        self.assertLessEqual(at, 5 * MIB)
        wait_until("the SR is plugged", lambda: self.rest.get(f"/srs/{self.sr}")["attached"])
        vdi = self.finish(upload, at, data[at:])
        self.assertEqual(sha(data), sha(self.get(f"/vdis/{vdi}.raw")[2]))
        self.nothing_left()

    def test_killed_while_it_becomes_a_disk(self):
        data = content(64 * MIB)
        upload = self.create(len(data))
        status, headers, _ = self.patch(upload, 0, data)
        self.assertEqual(204, status)
        self.agent.kill()
        self.agent.start()
        vdi = upload.rsplit("/", 1)[1]
        wait_until("the host is back", lambda: self.rest.request(
            "GET", f"/hosts/{self.host}/uploads")[0] == 200)
        wait_until("the SR is plugged", lambda: self.rest.get(f"/srs/{self.sr}")["attached"])
        ended = self.rest.task(headers["Muster-Task"])
        if ended["status"] != "success":
            self.assertEqual(len(data), self.offset(upload))
            self.finish(upload, len(data), b"")
        self.assertEqual(sha(data), sha(self.get(f"/vdis/{self.known(vdi)}.raw")[2]))
        self.nothing_left()

    def test_called_off_it_leaves_nothing(self):
        body = image(self.folder, content(48 * MIB), "qcow2")
        upload = self.create(len(body), "qcow2")
        _, headers, _ = self.patch(upload, 0, body)
        task = headers["Muster-Task"]
        self.rest.request("POST", f"/tasks/{task}/actions/abort")
        ended = self.rest.task(task)
        # Called off before it had begun, it can be tried again, or given up.
        self.assertIn(self.rest.request("DELETE", upload)[0], (204, 404))
        self.nothing_left()
        vdi = upload.rsplit("/", 1)[1]
        if ended["status"] == "success":
            self.known(vdi)
        else:
            self.assertEqual("CANCELLED", ended["result"]["code"], ended)
            self.no_disks()

    def test_an_sr_that_is_away_by_then_and_another_try(self):
        data = content(4 * MIB)
        upload = self.create(len(data))
        self.assertEqual(204, self.patch(upload, 0, data[:MIB])[0])
        self.call("sr.unplug", self.sr)
        status, headers, _ = self.patch(upload, MIB, data[MIB:])
        self.assertEqual(204, status)
        ended = self.rest.task(headers["Muster-Task"])
        self.assertEqual("failure", ended["status"])
        self.assertIn("not plugged", ended["result"]["message"])
        self.refused(409, ["not plugged"], self.create(5, status=409))
        self.call("sr.plug", self.sr)
        vdi = self.finish(upload, len(data), b"")
        self.assertEqual(sha(data), sha(self.get(f"/vdis/{vdi}.raw")[2]))
        self.nothing_left()

    def test_an_upload_is_removed_and_is_gone(self):
        upload = self.create(MIB)
        self.assertEqual(204, self.patch(upload, 0, bytes(1000))[0])
        self.assertEqual(204, self.rest.request("DELETE", upload)[0])
        for reply in (self.rest.request("HEAD", upload), self.patch(upload, 1000, b"x"),
                      self.rest.request("DELETE", upload)):
            self.assertEqual(404, reply[0])
        # Also one that somebody is writing.
        upload = self.create(MIB)
        self.begin_patch(upload, 0, MIB, bytes(1000))
        self.assertEqual(204, self.rest.request("DELETE", upload)[0])
        self.nothing_left()
        self.no_disks()

    def test_images_that_lie_are_refused_and_nothing_stays(self):
        secret = self.folder / "secret"
        secret.write_bytes(bytes(MIB))
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", secret,
                        self.folder / "lies.qcow2"], check=True)
        lies = (self.folder / "lies.qcow2").read_bytes()
        whole = image(self.folder, content(2 * MIB), "qcow2")
        for fmt, body, words in (("qcow2", content(MIB), ["qcow2"]),
                                 ("qcow2", lies, ["backing"]),
                                 ("qcow2", whole[:len(whole) // 2], []),
                                 ("vmdk", whole, ["vmdk"]), ("vhd", whole, ["vhd"]),
                                 ("ova", whole, [])):
            with self.subTest(fmt, words=words):
                upload = self.create(len(body), fmt)
                status, headers, reply = self.patch(upload, 0, body)
                self.assertEqual(204, status, reply)
                ended = self.rest.task(headers["Muster-Task"])
                self.assertEqual("failure", ended["status"])
                for word in words:
                    self.assertIn(word, ended["result"]["message"])
                self.refused(422, words, self.rest.request(
                    "POST", f"/srs/{self.sr}/vdis?format={fmt}", body))
        self.nothing_left()
        self.no_disks()

    def test_bad_requests(self):
        for status, words, headers in (
                (400, ["Upload-Length"], {}), (400, ["Upload-Length"], {"Upload-Length": "0"}),
                (400, ["Upload-Length"], {"Upload-Length": "many"}),
                (422, ["format"], {"Upload-Length": "5"}),
                (422, ["format"], {"Upload-Length": "5", "Upload-Metadata": "format Ym9nZW4="}),
                (400, ["base64"], {"Upload-Length": "5", "Upload-Metadata": "format ?"}),
                (507, ["more than"], {"Upload-Length": str(1 << 45),
                                      "Upload-Metadata": "format cmF3"})):
            with self.subTest(headers=headers):
                self.refused(status, words, self.rest.request(
                    "POST", f"/srs/{self.sr}/uploads", headers=headers))
        self.refused(404, ["SR"], self.create(5, where=f"/srs/{NOBODY}/uploads", status=404))
        self.refused(404, ["VDI"], self.create(5, where=f"/vdis/{NOBODY}/uploads", status=404))
        upload = self.create(5)
        self.refused(415, ["offset+octet-stream"], self.rest.request(
            "PATCH", upload, b"abc", {"Upload-Offset": "0"}))
        self.refused(400, ["Upload-Offset"], self.rest.request(
            "PATCH", upload, b"abc", {"Content-Type": OFFSET_TYPE}))
        self.refused(404, ["upload"], self.patch(f"/hosts/{self.host}/uploads/{NOBODY}", 0, b"x"))
        self.refused(404, ["host"], self.patch(f"/hosts/{NOBODY}/uploads/{NOBODY}", 0, b"x"))
        self.refused(422, ["empty"], self.rest.request("POST", f"/srs/{self.sr}/vdis?raw", b""))
        self.refused(422, ["format"], self.rest.request("POST", f"/srs/{self.sr}/vdis", b"x"))

    def test_a_client_that_vanishes_in_one_request_leaves_nothing(self):
        connection = self.rest.connection()
        connection.putrequest("POST", f"/rest/v0/srs/{self.sr}/vdis?raw")
        connection.putheader("Content-Length", str(4 * MIB))
        if self.rest.token:
            connection.putheader("Authorization", "Bearer " + self.rest.token)
        connection.endheaders(bytes(2 * MIB))
        wait_until("it is an upload", lambda: self.rest.get(f"/hosts/{self.host}/uploads"))
        connection.close()
        wait_until("it goes", lambda: not self.rest.get(f"/hosts/{self.host}/uploads"))
        self.nothing_left()
        self.no_disks()


class OnTheHost(Doors, TransferCase):
    def test_the_agent_stops_while_transfers_run(self):
        vdi = self.vdi(64 * MIB)
        upload = self.create(MIB)
        self.begin_patch(upload, 0, MIB, bytes(1000))
        connection = self.rest.connection()
        connection.request("GET", f"/rest/v0/vdis/{vdi}.raw")
        self.assertEqual(200, connection.getresponse().status)
        self.assertEqual(0, self.agent.stop())
        self.agent.start()
        self.offset(upload)


class ThroughTheAggregator(Doors, TransferCase):
    def choose_door(self):
        self.rest = self.fleet.rest

    def audit(self, action):
        return [e for e in self.rest.get("/audit?fields=*") if e["action"] == action]

    def test_the_link_breaks(self):
        data = content(6 * MIB)
        upload = self.create(len(data))
        connection = self.begin_patch(upload, 0, len(data), data[:3 * MIB])
        wait_until("bytes have come", lambda: self.offset(upload) >= MIB)
        self.proxy.cut()
        reply = connection.getresponse()
        self.assertEqual(503, reply.status)
        self.assertIn(b"broke", reply.read())
        self.proxy.mend()
        wait_until("the host is back", lambda: self.rest.request("GET", upload)[0] == 200)
        at = self.offset(upload)
        vdi = self.finish(upload, at, data[at:])
        self.assertEqual(sha(data), sha(self.get(f"/vdis/{vdi}.raw")[2]))

    def test_who_is_not_known_gets_and_gives_nothing(self):
        vdi = self.vdi()
        stranger = Rest(self.fleet.url, "wrong", self.fleet.state / "ca.crt")
        self.refused(401, [], stranger.request("GET", f"/vdis/{vdi}.raw"))
        self.refused(401, [], stranger.request("PUT", f"/vdis/{vdi}.raw", b"x"))
        self.refused(401, [], stranger.request("POST", f"/srs/{self.sr}/vdis?raw", b"x"))

    def muster(self, *args, **more):
        return subprocess.Popen(
            [self.fleet.build / "aggregator/cli/muster", *args], text=True, cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "MUSTER_URL": self.fleet.url, "MUSTER_TOKEN": self.rest.token,
                 "MUSTER_CA": str(self.fleet.state / "ca.crt")}, **more)

    def ends(self, process, code=0):
        out, err = process.communicate(timeout=300)
        self.assertEqual(code, process.returncode, err)
        return out.strip(), err

    def test_muster_imports_through_the_death_of_everybody(self):
        data = content(96 * MIB)
        (self.folder / "big.raw").write_bytes(data)
        process = self.muster("vdi", "import", "big.raw", "--sr", "sr", "--name", "big")
        for daemon, again in ((self.fleet.aggregator, self.fleet.restart_aggregator),
                              (self.agent, self.agent.start)):
            wait_until("it is under way", lambda: process.poll() is not None or any(
                p.stat().st_size for p in (self.agent.state / "transfer").glob("*.upload")))
            daemon.kill()
            again()
        vdi, _ = self.ends(process)
        self.assertEqual(sha(data), sha(self.get(f"/vdis/{self.known(vdi)}.raw")[2]))
        self.assertEqual("big", self.vdis()[vdi]["name_label"])
        self.nothing_left()

    def test_muster_resumes_what_an_earlier_run_has_left(self):
        data = content(4 * MIB)
        (self.folder / "disk.raw").write_bytes(data)
        upload = self.create(len(data), name="disk.raw")
        self.assertEqual(204, self.patch(upload, 0, data[:MIB])[0])
        vdi, _ = self.ends(self.muster("vdi", "import", "disk.raw", "--sr", "sr", "--resume"))
        self.assertEqual(upload.rsplit("/", 1)[1], vdi)
        self.known(vdi)
        # And out again: half of it is there already.
        tag = self.get(f"/vdis/{vdi}.raw")[1]["ETag"]
        (self.folder / "out.raw.part").write_bytes(data[:2 * MIB])
        (self.folder / "out.raw.part.tag").write_text(tag)
        _, log = self.ends(self.muster("-v", "vdi", "export", "disk.raw", "out.raw", "--resume"))
        self.assertIn("206", log)
        self.assertEqual(sha(data), sha((self.folder / "out.raw").read_bytes()))
        # Of another content nothing is kept.
        (self.folder / "new.raw.part").write_bytes(b"other" * MIB)
        (self.folder / "new.raw.part.tag").write_text('"other"')
        self.ends(self.muster("vdi", "export", vdi, "new.raw", "--resume"))
        self.assertEqual(sha(data), sha((self.folder / "new.raw").read_bytes()))
        self.assertEqual([], list(self.folder.glob("*.part*")))

    def test_it_is_on_record(self):
        data = content(2 * MIB)
        vdi = self.vdi(len(data), data=data)
        self.get(f"/vdis/{vdi}.raw")
        ended = wait_until("the end is on record", lambda: self.audit("vdi.downloaded"))
        self.assertEqual([(vdi, "success")], [(e["object"], e["result"]) for e in ended])
        # The line that says size and tag comes on top.
        n = int(ended[0]["detail"].split(", ")[1].split()[0])
        self.assertTrue(len(data) < n < len(data) + 512, ended)
        self.assertEqual(["requested"], [e["result"] for e in self.audit("vdi.download")])
        self.create(5)
        self.assertTrue(wait_until("so is an upload", lambda: self.audit("upload.created")))


if __name__ == "__main__":
    unittest.main()
