# SPDX-License-Identifier: Apache-2.0
"""Reading of hosts over the stream: HostRead, HostReadResult, HostReadCancel, from both ends."""

import json
import os
import stat
import threading
import unittest
import uuid

from aggregator_case import AggregatorCase
from test_agent_host import JOURNALCTL
from test_agent_link import LinkCase
from tests.support.fake_agent import messages
from tests.support.rest import RestError, wait_until


def kind(name):
    return messages().HostReadKind.Value("HOST_READ_KIND_" + name)


class Call(threading.Thread):
    """A request beside the test; its outcome in .status and .body."""

    def __init__(self, rest, path):
        super().__init__(daemon=True)
        self.rest, self.path = rest, path
        self.start()

    def run(self):
        self.status, self.headers, self.body = self.rest.request("GET", self.path)

    def outcome(self):
        self.join(120)
        assert not self.is_alive(), f"no answer to {self.path}"
        return self.status, self.body


class Aggregator(AggregatorCase):
    def live(self):
        agent = self.agent()
        return agent, agent.live()

    def ask(self, agent, s, what):
        """(the request, the HostRead that came of it)"""
        call = Call(self.rest, f"/hosts/{agent.id}/{what}")
        return call, s.expect("host_read")

    def answer(self, s, read, data=b"", last=True, **more):
        s.send(host_read_result=messages().HostReadResult(id=read.id, data=data, last=last, **more))

    def test_pieces_are_put_together(self):
        agent, s = self.live()
        call, read = self.ask(agent, s, "details")
        self.assertEqual(kind("DETAILS"), read.kind)
        self.answer(s, read, b'{"cpu":', False)
        self.answer(s, read, b'', False)
        self.answer(s, read, b'{}}')
        self.assertEqual((200, {"cpu": {}}), call.outcome())

    def test_arguments_of_the_journal(self):
        agent, s = self.live()
        call, read = self.ask(agent, s, "journal?unit=x.service&since=5&lines=9&cursor=s%3Da&boot=" + 32 * "a")
        self.assertEqual((kind("JOURNAL"), "x.service", 5, 9, "s=a", 32 * "a"),
                         (read.kind, read.unit, read.since_ms, read.lines, read.cursor, read.boot))
        self.answer(s, read, b"[]")
        self.assertEqual((200, []), call.outcome())

    def test_two_at_once_answered_the_other_way_round(self):
        agent, s = self.live()
        first, one = self.ask(agent, s, "dmesg")
        second, two = self.ask(agent, s, "boots")
        self.answer(s, two, b"[]")
        self.assertEqual((200, []), second.outcome())
        self.answer(s, one, b"(XEN) hello")
        self.assertEqual((200, b"(XEN) hello"), first.outcome())

    def test_an_error_of_the_host(self):
        agent, s = self.live()
        call, read = self.ask(agent, s, "boots")
        self.answer(s, read, error_code="UNSUPPORTED", error_text="no journal here")
        self.assertEqual((501, {"error": "no journal here"}), call.outcome())

    def test_an_answer_that_is_too_large(self):
        agent, s = self.live()
        call, read = self.ask(agent, s, "dmesg")
        for _ in range(9):
            self.answer(s, read, 1_000_000 * b"x", False)
        status, body = call.outcome()
        self.assertEqual(413, status)
        self.assertEqual(read.id, s.expect("host_read_cancel").id)
        self.answer(s, read, b"late")  # nobody knows it any more, nobody minds
        self.assertEqual(200, self.rest.request("GET", "/ping")[0])

    def test_a_stream_that_breaks(self):
        agent, s = self.live()
        call, _ = self.ask(agent, s, "details")
        s.close()
        status, body = call.outcome()
        self.assertEqual(503, status)
        self.assertIn("broke", body["error"])
        self.wait_host(agent, lambda h: not h["connected"])
        status, _, body = self.rest.request("GET", f"/hosts/{agent.id}/details")
        self.assertEqual(503, status)
        self.assertIn("not connected", body["error"])

    def test_an_asker_that_leaves(self):
        agent, s = self.live()
        connection = self.rest.connection()
        connection.request("GET", f"/rest/v0/hosts/{agent.id}/details",
                           headers={"Authorization": "Bearer " + self.rest.token})
        read = s.expect("host_read")
        connection.close()
        self.assertEqual(read.id, s.expect("host_read_cancel").id)

    def test_too_many_at_once(self):
        agent, s = self.live()
        calls = [self.ask(agent, s, "dmesg") for _ in range(8)]
        self.assertEqual(507, self.rest.request("GET", f"/hosts/{agent.id}/dmesg")[0])
        for _, read in calls:
            self.answer(s, read, b"x")
        self.assertEqual({200}, {call.outcome()[0] for call, _ in calls})

    def test_another_host_cannot_answer(self):
        agent, s = self.live()
        other, t = self.live()
        call, read = self.ask(agent, s, "dmesg")
        self.answer(t, read, b"forged")
        self.answer(s, read, b"true")
        self.assertEqual((200, b"true"), call.outcome())

    def test_bad_results_end_the_stream(self):
        agent, s = self.live()
        s.send(host_read_result=messages().HostReadResult(id=b"short", last=True))
        self.assertIn("host_read_result.id", s.ended()[1])

    def test_who_may(self):
        agent, s = self.live()
        self.assertEqual(401, self.fleet.anonymous.request("GET", f"/hosts/{agent.id}/details")[0])
        self.assertEqual(404, self.rest.request("GET", f"/hosts/{self.new_id()}/details")[0])

    def test_what_the_host_says_of_itself_is_shown(self):
        agent = self.agent()
        s, _ = agent.connect()
        agent.seq = 1
        bios = messages().vm.BiosState(vendor="SeaBIOS", serial="S1")
        s.send(snapshot=agent.snapshot(host=agent.host_state(
            cpu_vendor="GenuineIntel", cpu_family=6, cpu_model_number=85, cpu_stepping=7, threads_per_core=2,
            iommu=True, bios=bios, maintenance=True)))
        agent.wait_acked(s)
        self.crash()  # it is in the store
        host = self.rest.get(f"/hosts/{agent.id}")
        self.assertEqual(("GenuineIntel", "6", "85", "7", "2"), tuple(
            host["CPUs"][k] for k in ("vendor", "family", "model", "stepping", "threads_per_core")))
        self.assertEqual({"bios-vendor": "SeaBIOS", "system-serial-number": "S1"}, host["bios_strings"])
        self.assertEqual(({"iommu": True}, False), (host["chipset_info"], host["enabled"]))
        self.assertEqual({"enabled": True}, self.rest.get(f"/hosts/{agent.id}/smt"))


class RealAgents(AggregatorCase):
    def test_through_the_aggregator_as_on_the_socket(self):
        script = self.fleet.folder / "journalctl"
        script.write_text(JOURNALCTL.replace('"$JOURNAL_LOG"', "/dev/null"))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        agent = self.fleet.add_agent("sim", "--sim-foreign", "3", start=False)
        agent.env["PATH"] = f"{self.fleet.folder}:{os.environ['PATH']}"
        agent.start()
        self.fleet.wait_connected(1)
        for what in ("dmesg", "journal", "boots"):
            path = f"/hosts/{agent.host_id}/{what}"
            self.assertEqual(agent.rest.get(path), self.rest.get(path))
        ours, theirs = (rest.get(f"/hosts/{agent.host_id}/details") for rest in (agent.rest, self.rest))
        self.assertEqual(ours["cpu"], theirs["cpu"])
        self.assertEqual(ours["xen"], theirs["xen"])
        agent.rest.post(f"/hosts/{agent.host_id}/actions/disable?sync=true")
        wait_until("maintenance is seen", lambda: not self.rest.get(f"/hosts/{agent.host_id}")["enabled"])
        vm = agent.define(name="web", type="pvh", memory="64MiB", kernel="/etc/hostname")
        wait_until("the VM is seen", lambda: vm in self.rest.vms("id"))
        with self.assertRaises(RestError) as caught:
            self.rest.action(vm, "start")
        self.assertEqual(409, caught.exception.status)
        self.assertIn("maintenance", json.dumps(caught.exception.body))
        with self.assertRaises(RestError) as caught:
            self.rest.post(f"/vms/{vm}/actions/start", {"force": True})
        self.assertEqual(501, caught.exception.status)
        self.assertEqual(0, agent.stop())


class Agent(LinkCase):
    def read(self, session, kind_name, **more):
        id = uuid.uuid4().bytes
        session.send(host_read=messages().HostRead(id=id, kind=kind(kind_name), **more))
        return id

    def results(self, session, id):
        """Data and error of all pieces."""
        data = b""
        while True:
            piece = session.expect("host_read_result", lambda r: r.id == id)
            self.assertLessEqual(len(piece.data), 256 << 10)
            data += piece.data
            if piece.last:
                return data, piece.error_code

    def test_large_answers_come_in_pieces(self):
        sysfs = self.folder / "sys"
        for n in range(2500):
            card = sysfs / f"bus/pci/devices/0000:{n >> 8:02x}:{(n >> 3) & 31:02x}.{n & 7}"
            card.mkdir(parents=True)
        self.agent("--sim-sysfs", str(sysfs))
        session, _, _ = self.live()
        ids = [self.read(session, "DETAILS"), self.read(session, "DMESG")]
        data, error = self.results(session, ids[0])
        self.assertEqual("", error)
        self.assertGreater(len(data), 256 << 10)
        self.assertEqual(2500, len(json.loads(data)["pcis"]))

    def test_wrong_requests_are_answered(self):
        self.agent()
        session, _, _ = self.live()
        for fields, code in ((("JOURNAL", {"unit": "--flush"}), "INVALID"),
                             (("JOURNAL", {"lines": 2001}), "INVALID"),
                             (("JOURNAL", {"boot": "x"}), "INVALID"),
                             (("JOURNAL", {"unit": 300 * "x"}), "PROTOCOL"),
                             (("UNSPECIFIED", {}), "UNSUPPORTED")):
            with self.subTest(fields):
                id = self.read(session, fields[0], **fields[1])
                self.assertEqual((b"", code), self.results(session, id))

    def test_a_request_without_id_ends_the_stream(self):
        self.agent()
        session, _, _ = self.live()
        session.send(host_read=messages().HostRead(kind=kind("DMESG")))
        session.ended()
        self.live()

    def test_cancelled_and_broken_readings_leave_nothing(self):
        script = self.folder / "journalctl"
        script.write_text(JOURNALCTL.replace('"$JOURNAL_LOG"', "/dev/null"))
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        agent = self.agent(start=False)
        agent.env["PATH"] = f"{self.folder}:{os.environ['PATH']}"
        agent.start()
        session, _, _ = self.live()

        def children():
            with open(f"/proc/{agent.pid}/task/{agent.pid}/children") as f:
                return len(f.read().split())

        id = self.read(session, "JOURNAL", unit="hang")
        self.read(session, "JOURNAL", unit="hang")
        wait_until("both run", lambda: children() == 2)
        session.send(host_read_cancel=messages().HostReadCancel(id=id))
        wait_until("one was ended", lambda: children() == 1)
        session.end()
        wait_until("the other too", lambda: children() == 0)
        session, _, _ = self.live()
        self.assertIn(b"Xen", self.results(session, self.read(session, "DMESG"))[0])
        self.read(session, "JOURNAL", unit="hang")
        wait_until("one runs", lambda: children() == 1)
        self.assertEqual(0, agent.stop())


if __name__ == "__main__":
    unittest.main()
