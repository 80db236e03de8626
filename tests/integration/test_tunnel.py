# SPDX-License-Identifier: Apache-2.0
"""Fleet.Tunnel as docs/design/fleet-protocol.md has it: the aggregator's side with an agent in
Python, the agent's side with an aggregator in Python."""

import queue
import unittest
import uuid

import grpc

from tests.integration.aggregator_case import AggregatorCase
from tests.integration.test_agent_link import LinkCase
from tests.support.fake_agent import messages
from tests.support.rest import wait_until
from tests.support.websocket import WebSocket, connect

Code = grpc.StatusCode
DATA_MAX = 65536


def end(code="", text=""):
    return messages().tunnel.TunnelEnd(error_code=code, error_text=text)


class AggregatorSide(AggregatorCase):
    def host(self):
        """(agent, its stream, a running VM of its)"""
        agent = self.agent()
        vm = self.new_id()
        stream = agent.live(agent.vm(vm))
        self.wait_vm(vm, lambda v: v["power_state"] == "Running")
        return agent, stream, vm

    def view(self, vm, query=""):
        s = connect(self.fleet.url, self.fleet.state / "ca.crt")
        self.addCleanup(s.close)
        return WebSocket(s, f"/rest/v0/vms/{vm}/console{query}", self.rest.token)

    def opened(self, query=""):
        """(agent, viewer, tunnel, the request for it)"""
        agent, stream, vm = self.host()
        ws = self.view(vm, query)
        request = stream.expect("tunnel_open")
        return agent, ws, agent.tunnel(request.id), request

    def closed(self, ws, code, words=""):
        got = ws.ended()
        self.assertEqual(code, got.code, got.reason)
        self.assertIn(words, got.reason)

    def refused(self, tunnel, code, words):
        got, details = tunnel.ended()
        self.assertEqual(code, got, details)
        self.assertIn(words, details)

    def test_what_is_asked_for(self):
        agent, stream, vm = self.host()
        kinds = messages().tunnel.TunnelKind
        for query, kind, write, take in (("", "SERIAL", True, False),
                                         ("?mode=read", "SERIAL", False, False),
                                         ("?kind=vnc&take=true", "VNC", True, True)):
            self.view(vm, query)
            m = stream.expect("tunnel_open")
            self.assertEqual((kinds.Value("TUNNEL_KIND_CONSOLE_" + kind), write, take),
                             (m.kind, m.write, m.take))
            self.assertEqual((16, uuid.UUID(vm).bytes, "admin", "127.0.0.1"),
                             (len(m.id), m.object, m.user, getattr(m, "from")))
        agent.close()

    def test_bytes_both_ways(self):
        _, ws, tunnel, _ = self.opened()
        ws.send(b"typed before the tunnel is there")
        tunnel.send(data=b"hello")
        ws.read_until(b"hello")
        self.assertEqual(b"typed before the tunnel is there", tunnel.data(32))
        blob = bytes(range(256)) * (DATA_MAX // 256)
        for _ in range(20):
            tunnel.send(data=blob)
        seen = b""
        while len(seen) < 20 * DATA_MAX:
            seen += ws.message()[1]
        self.assertEqual(blob * 20, seen)
        ws.send(b"x" * DATA_MAX)
        self.assertEqual(b"x" * DATA_MAX, tunnel.data(DATA_MAX))

    def test_ends(self):
        _, ws, tunnel, _ = self.opened()
        tunnel.send(data=b"last words")
        tunnel.send(end=end("NOT_FOUND", "no such thing"))
        ws.read_until(b"last words")
        self.closed(ws, 4404, "no such thing")
        self.refused(tunnel, Code.NOT_FOUND, "no such thing")
        _, ws, tunnel, _ = self.opened()
        tunnel.send(end=end("NONSENSE", ""))
        self.closed(ws, 4500, "gave no reason")
        _, ws, tunnel, _ = self.opened()
        tunnel.send(end=end())
        self.closed(ws, 1000)
        self.assertEqual(Code.OK, tunnel.ended()[0])
        _, ws, tunnel, _ = self.opened()
        tunnel.send(data=b"x")
        ws.read_until(b"x")
        tunnel.half_close()  # as a lost connection looks
        self.closed(ws, 4503, "broke")
        _, ws, tunnel, _ = self.opened()
        tunnel.send(data=b"x")
        ws.read_until(b"x")
        tunnel.close()
        self.closed(ws, 4503, "broke")

    def test_the_viewer_leaves(self):
        _, ws, tunnel, _ = self.opened()
        tunnel.send(data=b"x")
        ws.read_until(b"x")
        ws.close()
        self.assertEqual(Code.OK, tunnel.ended()[0])

    def test_ids(self):
        agent, ws, tunnel, request = self.opened()
        tunnel.send(data=b"x")
        ws.read_until(b"x")
        self.refused(agent.tunnel(request.id), Code.PERMISSION_DENIED, "no tunnel of that id")
        self.refused(agent.tunnel(b"\1" * 16), Code.PERMISSION_DENIED, "no tunnel of that id")
        self.refused(agent.tunnel(b"\1" * 3), Code.INVALID_ARGUMENT, "hello.id")
        self.refused(agent.tunnel(b""), Code.INVALID_ARGUMENT, "hello.id")
        ws.send(b"lives")
        self.assertEqual(b"lives", tunnel.data(5))

    def test_another_hosts_certificate(self):
        _, stream, vm = self.host()
        thief = self.agent("thief")
        thief.live()
        ws = self.view(vm)
        request = stream.expect("tunnel_open")
        self.refused(thief.tunnel(request.id), Code.PERMISSION_DENIED, "no tunnel of that id")
        self.rest.post(f"/hosts/{thief.id}/actions/revoke")
        self.refused(thief.tunnel(request.id), Code.PERMISSION_DENIED, "no tunnel of that id")
        ws.sock.close()

    def test_calls_that_are_none(self):
        agent, ws, tunnel, _ = self.opened()
        t = agent.tunnel()
        t.send(data=b"x")
        self.refused(t, Code.INVALID_ARGUMENT, "not a hello")
        t = agent.tunnel()
        t.half_close()
        self.refused(t, Code.INVALID_ARGUMENT, "no hello")
        t = agent.tunnel()
        t.send_raw(b"\xff\xff\xff")
        self.refused(t, Code.INVALID_ARGUMENT, "TunnelUp")
        self.refused(agent.tunnel(), Code.DEADLINE_EXCEEDED, "no hello came in time")
        tunnel.send(data=b"the other one lives")
        ws.read_until(b"the other one lives")

    def test_messages_that_are_none(self):
        for send, code, words in (
                (lambda t: t.send(hello=messages().tunnel.TunnelHello(id=b"1" * 16)),
                 Code.INVALID_ARGUMENT, "second hello"),
                (lambda t: t.send(data=b"x" * (DATA_MAX + 1)),
                 Code.RESOURCE_EXHAUSTED, "65536 at most"),
                (lambda t: t.send_raw(b"\xff\xff\xff"), Code.INVALID_ARGUMENT, "TunnelUp"),
                (lambda t: t.send_raw(b"\x1a\x04\x0a\x02\xff\xfe"), Code.INVALID_ARGUMENT,
                 "error_code")):
            with self.subTest(words):
                _, ws, tunnel, _ = self.opened()
                send(tunnel)
                self.refused(tunnel, code, words)
                self.assertGreaterEqual(ws.ended().code, 4000)

    def test_an_agent_that_does_not_know_tunnels(self):
        _, stream, vm = self.host()
        ws = self.view(vm)
        late = stream.expect("tunnel_open")
        self.closed(ws, 4504, "has not answered within 30 s")
        self.assertTrue(late.id)

    def test_the_host_goes_before_it_answers(self):
        _, stream, vm = self.host()
        ws = self.view(vm)
        stream.expect("tunnel_open")
        stream.close()
        self.closed(ws, 4503, "gone away")

    def test_a_host_that_sends_more_than_is_read(self):
        _, ws, tunnel, _ = self.opened()
        tunnel.send(data=b"x")
        ws.read_until(b"x")
        before = self.fleet.aggregator.status_kib("VmRSS")
        for _ in range(800):  # 50 MB, in the client library's own memory
            tunnel.send(data=b"y" * DATA_MAX)
        agent, other, second, _ = self.opened()  # others are served meanwhile
        second.send(data=b"fine")
        other.read_until(b"fine")
        self.assertLess(self.fleet.aggregator.status_kib("VmRSS") - before, 8000)
        seen = 0
        while seen < 800 * DATA_MAX:
            seen += len(ws.message()[1])
        self.assertEqual(800 * DATA_MAX, seen)
        agent.close()


class AgentSide(LinkCase):
    def host(self):
        agent = self.agent("--sim-create", "20ms")
        session, _, _ = self.live()
        vm = self.define(agent)
        agent.rest.action(vm, "start")
        return agent, session, vm

    def ask(self, session, vm=None, kind="CONSOLE_SERIAL", **changed):
        fields = {"id": uuid.uuid4().bytes, "object": uuid.UUID(vm).bytes if vm else b"",
                  "kind": messages().tunnel.TunnelKind.Value("TUNNEL_KIND_" + kind),
                  "user": "ann", "from": "192.0.2.7", "write": True, **changed}
        session.send(tunnel_open=messages().tunnel.TunnelOpen(**fields))
        return fields["id"]

    def open(self, session, vm, **changed):
        tunnel_id = self.ask(session, vm, **changed)
        tunnel = self.aggregator.accept_tunnel()
        self.assertEqual(tunnel_id, tunnel.next().hello.id)
        return tunnel

    def log(self, agent, *words):
        return wait_until(f"a line of the log with {words}", lambda: [
            line for line in agent.text().splitlines() if all(w in line for w in words)])[0]

    def test_a_console(self):
        agent, session, vm = self.host()
        tunnel = self.open(session, vm)
        tunnel.read_until(b"login: ")
        tunnel.send(data=b"joe\r")
        tunnel.read_until(b"joe@web:~$ ")
        self.assertIn('mode=write user="ann" from="192.0.2.7"', self.log(agent, "console opened"))
        reader = self.open(session, vm, write=False)
        reader.read_until(b"joe@web:~$ ")
        reader.send(data=b"echo nobody\r")
        tunnel.send(data=b"hostname\r")
        self.assertNotIn(b"nobody", reader.read_until(b"\r\nweb\r\n"))
        tunnel.end()
        self.log(agent, "console closed", "ann", "typed_bytes=13")

    def refused(self, tunnel, code, words):
        got = tunnel.expect("end")
        self.assertEqual(code, got.error_code, got.error_text)
        self.assertIn(words, got.error_text)
        tunnel.ended()
        tunnel.end()

    def test_refusals(self):
        _, session, vm = self.host()
        self.refused(self.open(session, str(uuid.uuid4())), "NOT_FOUND", "no such VM")
        self.refused(self.open(session, vm, kind="CONSOLE_VNC"), "NOT_FOUND", "no VNC console")
        self.refused(self.open(session, vm, kind="UNSPECIFIED"), "UNSUPPORTED", "upgrade it")
        self.refused(self.open(session, None), "PROTOCOL", "tunnel_open.object")
        tunnel = self.open(session, vm)  # all of that has harmed nobody
        tunnel.read_until(b"login: ")

    def test_what_makes_no_sense_ends_the_tunnel_only(self):
        _, session, vm = self.host()
        for send in (lambda t: t.send_raw(b"\xff\xff\xff"),
                     lambda t: t.send(data=b"x" * (DATA_MAX + 1))):
            tunnel = self.open(session, vm)
            tunnel.read_until(b"login: ")
            send(tunnel)
            self.assertTrue(tunnel.expect("end").error_code)
            tunnel.end()
        tunnel = self.open(session, vm)
        tunnel.read_until(b"login: ")

    def test_an_id_that_is_none_ends_the_stream(self):
        _, session, vm = self.host()
        self.ask(session, vm, id=b"x")
        session.ended()
        self.live()

    def test_no_more_than_the_limit(self):
        agent, session, vm = self.host()
        tunnels = [self.open(session, vm, write=False) for _ in range(32)]
        self.ask(session, vm)
        self.log(agent, "tunnel not opened")
        with self.assertRaises(queue.Empty):
            self.aggregator.accept_tunnel(deadline=0.5)
        tunnels[0].end()
        self.log(agent, "console closed")
        self.open(session, vm).read_until(b"login: ")

    def test_the_stream_of_state_may_break(self):
        _, session, vm = self.host()
        tunnel = self.open(session, vm)
        tunnel.read_until(b"login: ")
        session.end()
        self.live(resume=False)
        tunnel.send(data=b"joe\r")
        tunnel.read_until(b"joe@web:~$ ")

    def test_an_aggregator_that_reads_nothing(self):
        """The guest floods; the host's memory stays, and its state goes on."""
        agent, session, vm = self.host()
        tunnel = self.open(session, vm)
        tunnel.read_until(b"login: ")
        tunnel.send(data=b"joe\ryes\r")
        tunnel.read_until(b"y\r\ny\r\n")
        before = agent.status_kib("VmRSS")
        for action in ("pause", "unpause") * 3:
            agent.rest.action(vm, action)
            session.expect("delta", lambda d: len(d.vms) > 0)
        self.assertLess(agent.status_kib("VmRSS") - before, 8000)

    def test_stopping_the_agent(self):
        agent, session, vm = self.host()
        tunnel = self.open(session, vm)
        tunnel.read_until(b"login: ")
        self.assertEqual(0, agent.stop())
        tunnel.ended()


if __name__ == "__main__":
    unittest.main()
