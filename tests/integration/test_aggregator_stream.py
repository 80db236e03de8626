# SPDX-License-Identifier: Apache-2.0
"""The fleet's stream as docs/design/fleet-protocol.md has it, seen from an agent and from REST."""

import threading
import time
import unittest
import uuid

import grpc

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fake_agent import messages, new_key, new_request, result
from tests.support.rest import wait_until

Code = grpc.StatusCode


class Opening(AggregatorCase):
    def refused(self, agent, code, *words, **hello):
        s = agent.stream()
        s.send(hello=agent.hello(**hello))
        got, details = s.ended()
        self.assertEqual(code, got, details)
        for word in words:
            self.assertIn(word, details)

    def test_first_connection_is_asked_for_a_snapshot(self):
        agent = self.agent()
        s, welcome = agent.connect()
        self.assertEqual(1, welcome.protocol)
        self.assertFalse(welcome.resume)
        self.assertLess(abs(welcome.aggregator_time_ms - time.time() * 1000), 60000)
        s.close()

    def test_unknown_protocol_says_what_to_upgrade(self):
        agent = self.agent()
        self.refused(agent, Code.FAILED_PRECONDITION, "protocol version 9", "upgrade",
                     protocol=9)
        self.refused(agent, Code.FAILED_PRECONDITION, "upgrade the agent", protocol=0)

    def test_host_id_that_is_none(self):
        self.refused(self.agent(), Code.INVALID_ARGUMENT, "hello.host_id", host_id="me")

    def test_foreign_certificate_that_claims_an_enrolled_host(self):
        victim, thief = self.agent("victim"), self.agent("thief")
        s = victim.live()
        self.refused(thief, Code.PERMISSION_DENIED, thief.id, "join token", host_id=victim.id)
        self.assertTrue(self.rest.get(f"/hosts/{victim.id}")["connected"])
        s.close()

    def test_certificate_of_a_host_that_is_not_enrolled(self):
        agent = self.agent()
        self.rest.delete(f"/hosts/{agent.id}")
        self.refused(agent, Code.PERMISSION_DENIED, "not enrolled", "join token")

    def test_certificate_that_was_never_issued_here(self):
        # Signed by the right CA, with the right name, but not in the database: as after somebody
        # got at the CA's key.
        agent = self.agent()
        key = new_key()
        agent.cert = self.sign(new_request(key, agent.id))
        agent.key = key
        self.refused(agent, Code.PERMISSION_DENIED, "another certificate")

    def sign(self, csr):
        from tests.support.fake_agent import openssl
        state = self.fleet.state
        return openssl("x509", "-req", "-CA", str(state / "ca.crt"), "-CAkey",
                       str(state / "ca.key"), "-days", "1", data=csr)

    def test_no_certificate_at_all(self):
        agent = self.agent()
        credentials = grpc.ssl_channel_credentials(agent.ca.encode())
        with grpc.secure_channel(f"127.0.0.1:{self.fleet.fleet_port}", credentials) as channel:
            call = channel.stream_stream("/muster.v1.Fleet/Connect")(iter([b""]))
            with self.assertRaises(grpc.RpcError) as e:
                next(call)
            self.assertEqual(Code.UNAVAILABLE, e.exception.code())

    def test_revoked_certificate(self):
        agent = self.agent()
        s = agent.live()
        self.rest.post(f"/hosts/{agent.id}/actions/revoke")
        code, details = s.ended()
        self.assertEqual(Code.PERMISSION_DENIED, code)
        self.assertIn("revoked", details)
        self.refused(agent, Code.PERMISSION_DENIED, "revoked", "join token")
        self.assertFalse(self.rest.get(f"/hosts/{agent.id}")["connected"])

    def test_something_else_before_hello(self):
        agent = self.agent()
        s = agent.stream()
        s.send(snapshot=agent.snapshot())
        code, details = s.ended()
        self.assertEqual(Code.INVALID_ARGUMENT, code)
        self.assertIn("Hello", details)

    def test_silence_is_not_waited_for(self):
        agent = self.agent()
        code, details = agent.stream().ended(60)
        self.assertEqual(Code.DEADLINE_EXCEEDED, code)
        self.assertIn("Hello", details)

    def test_new_stream_supersedes_the_old_one(self):
        vm = self.new_id()
        agent = self.agent()
        first = agent.live(agent.vm(vm))
        second, welcome = agent.connect()
        code, details = first.ended()
        self.assertEqual(Code.CANCELLED, code)
        self.assertIn("superseded", details)
        self.assertTrue(welcome.resume)
        self.assertTrue(self.rest.get(f"/hosts/{agent.id}")["connected"])
        self.assertEqual("Running", self.rest.power(vm))
        agent.delta(second, agent.vm(vm, power="PAUSED"))
        agent.wait_acked(second)
        self.assertEqual("Paused", self.rest.power(vm))


class Rudeness(AggregatorCase):
    """What breaks the protocol ends its own stream and nothing else."""

    def check(self, send, code, *words, resume=False):
        vm, other_vm = self.new_id(), self.new_id()
        bad, good = self.agent("bad"), self.agent("good")
        good_stream = good.live(good.vm(other_vm))
        s = bad.live(bad.vm(vm))
        send(s, bad)
        got, details = s.ended()
        self.assertEqual(code, got, details)
        for word in words:
            self.assertIn(word, details)
        good.delta(good_stream, good.vm(other_vm, power="PAUSED"))
        good.wait_acked(good_stream)
        # Nothing of it was taken over; when the numbers of the state are in doubt, the agent is
        # asked for all of it.
        self.assertEqual("vm", self.rest.vm(vm)["name_label"])
        s, welcome = bad.connect()
        self.assertEqual(resume, welcome.resume)
        s.send(snapshot=bad.snapshot(bad.vm(vm, name="healed")))
        self.wait_vm(vm, lambda v: v["name_label"] == "healed" and v["power_state"] == "Running")

    def test_malformed_protobuf(self):
        self.check(lambda s, a: s.send_raw(b"\x12\xff\xff\xff\xff\x7f"), Code.INVALID_ARGUMENT)

    def test_oversized_message(self):
        self.check(lambda s, a: s.send_raw(b"\x1a" + b"\x80\x80\x80\x03" + b"x" * (6 << 20)),
                   Code.RESOURCE_EXHAUSTED, resume=True)

    def test_gap(self):
        def send(s, a):
            a.seq += 3
            a.delta(s)
        self.check(send, Code.INVALID_ARGUMENT, "delta 5", "2 was expected")

    def test_field_out_of_range_names_it(self):
        def send(s, a):
            vm = a.vm(self.new_id())
            vm.power = 77
            a.delta(s, vm)
        self.check(send, Code.INVALID_ARGUMENT, "power")

    def test_id_of_the_wrong_length(self):
        def send(s, a):
            vm = a.vm(self.new_id())
            vm.id = b"short"
            a.delta(s, vm)
        self.check(send, Code.INVALID_ARGUMENT, "id")

    def test_too_many_vms(self):
        def send(s, a):
            for i in range(3):
                a.delta(s, *(a.vm(self.new_id(), name=f"v{n}") for n in range(2000)))
        self.check(send, Code.INVALID_ARGUMENT, "4096")

    def test_hello_twice(self):
        self.check(lambda s, a: s.send(hello=a.hello()), Code.INVALID_ARGUMENT, "Hello",
                   resume=True)

    def test_batch_without_dictionary(self):
        def send(s, a):
            s.send_batches({"seq": 1, "value": [1.0]}, generation=4)
        self.check(send, Code.INVALID_ARGUMENT, "dictionary", "4", resume=True)

    def test_unknown_kind_is_passed_over(self):
        vm = self.new_id()
        agent = self.agent()
        s = agent.live(agent.vm(vm))
        s.send_raw(b"\xfa\x01\x03abc")  # field 31: of a newer agent
        agent.delta(s, agent.vm(vm, power="PAUSED"))
        agent.wait_acked(s)
        self.assertEqual("Paused", self.rest.power(vm))

    def test_unknown_path(self):
        agent = self.agent()
        credentials = grpc.ssl_channel_credentials(agent.ca.encode(), agent.key.encode(),
                                                   agent.cert.encode())
        with grpc.secure_channel(f"127.0.0.1:{self.fleet.fleet_port}", credentials) as channel:
            call = channel.stream_stream("/muster.v1.Fleet/Else")(iter([b""]))
            with self.assertRaises(grpc.RpcError) as e:
                next(call)
            self.assertEqual(Code.UNIMPLEMENTED, e.exception.code())


class State(AggregatorCase):
    def test_snapshot_and_deltas(self):
        one, two, three = (self.new_id() for _ in range(3))
        agent = self.agent("alpha")
        s = agent.live(agent.vm(one, "one"), agent.vm(two, "two", "HALTED"))
        host = self.rest.get(f"/hosts/{agent.id}")
        self.assertEqual("alpha", host["name_label"])
        self.assertTrue(host["connected"])
        self.assertEqual("Halted", self.rest.power(two))
        agent.delta(s, agent.vm(three, "three"), agent.vm(two, "two", "RUNNING"), removed=[one])
        agent.wait_acked(s)
        self.assertEqual("Running", self.rest.power(two))
        self.assertEqual("three", self.rest.vm(three)["name_label"])
        self.assertEqual(404, self.rest.request("GET", f"/vms/{one}")[0])
        # A snapshot replaces everything.
        agent.seq += 1
        s.send(snapshot=agent.snapshot(agent.vm(one, "one again")))
        agent.wait_acked(s)
        mine = {v["name_label"] for v in self.rest.vms().values()
                if v["$container"] == agent.id}
        self.assertEqual({"one again"}, mine)

    def test_host_away(self):
        vm = self.new_id()
        agent = self.agent()
        s = agent.live(agent.vm(vm))
        before = time.time() * 1000
        s.close()
        host = self.wait_host(agent, lambda h: not h["connected"])
        self.assertEqual("Unknown", self.rest.power(vm))
        self.assertIn(agent.id, {h["id"] for h in self.rest.get("/hosts?fields=id")})
        seen = host.get("last_seen", host.get("lastSeen"))
        self.assertLess(abs(seen - before), 60000)
        status, _, reply = self.rest.request("POST", f"/vms/{vm}/actions/pause")
        self.assertIn(status, (409, 503), reply)
        # Back: what it was, without a snapshot.
        s, welcome = agent.connect()
        self.assertTrue(welcome.resume)
        self.assertEqual(agent.seq, welcome.resume_seq)
        self.assertEqual("Running", self.rest.power(vm))

    def test_two_hosts_with_the_same_vm(self):
        vm = self.new_id()
        a, b = self.agent("one"), self.agent("two")
        sa = a.live(a.vm(vm, "shared", "RUNNING"))
        sb = b.live(b.vm(vm, "shared", "HALTED"))
        self.assertEqual(a.id, self.rest.vm(vm)["$container"])
        self.assertEqual(1, sum(1 for v in self.rest.vms() if v == vm))
        conflict = wait_until("the conflict is on record", lambda: [
            row for row in self.rest.get("/audit?limit=1000")
            if row["action"] == "vm.conflict" and row["object"] == vm])
        self.assertEqual("begins", conflict[0]["result"])
        # The host where it runs decides, also away; when it gives the VM up the other is left.
        sa.close()
        self.wait_host(a, lambda h: not h["connected"])
        self.assertEqual("Unknown", self.rest.power(vm))
        sa, _ = a.connect()
        a.delta(sa, removed=[vm])
        self.wait_vm(vm, lambda v: v["$container"] == b.id and v["power_state"] == "Halted")
        sb.close()

    def test_unacknowledged_deltas_sent_again_change_nothing(self):
        vm = self.new_id()
        agent = self.agent()
        s = agent.live(agent.vm(vm, "v1"))
        agent.delta(s, agent.vm(vm, "v2"))
        agent.delta(s, agent.vm(vm, "v3"))
        agent.wait_acked(s)
        agent.acked -= 1  # as if the last ack was lost
        s.close()
        s, welcome = agent.connect()
        self.assertTrue(welcome.resume)
        self.assertEqual(agent.seq, welcome.resume_seq)
        self.assertEqual("v3", self.rest.vm(vm)["name_label"])

    def test_new_epoch_asks_for_a_snapshot(self):
        agent = self.agent()
        agent.live().close()
        agent.epoch, agent.seq, agent.acked = 2, 0, 0
        _, welcome = agent.connect()
        self.assertFalse(welcome.resume)

    def test_agent_that_believes_more_than_is_stored(self):
        # As after the aggregator's database was restored from an older backup.
        agent = self.agent()
        agent.live().close()
        agent.acked = 1000
        _, welcome = agent.connect()
        self.assertFalse(welcome.resume)

    def test_a_fast_sender_is_held_back_not_refused(self):
        vm = self.new_id()
        agent = self.agent()
        s = agent.live(agent.vm(vm, "v0"))
        for i in range(3000):
            agent.delta(s, agent.vm(vm, f"v{i}"))
        agent.wait_acked(s)
        self.assertEqual("v2999", self.rest.vm(vm)["name_label"])


class Claims(AggregatorCase):
    """By themselves: the allowance is the whole aggregator's."""

    def test_a_host_that_claims_many_vms_does_not_flood_the_audit_log(self):
        ids = [self.new_id() for _ in range(1100)]
        a, b = self.agent("one"), self.agent("two")
        a.live(*(a.vm(i, f"vm{n}") for n, i in enumerate(ids)))
        b.live(*(b.vm(i, f"vm{n}") for n, i in enumerate(ids)))
        rows, before = [], ""
        while page := self.rest.get(f"/audit?limit=1000{before}"):
            rows += page
            before = f"&before={page[-1]['id']}"
        told = [r for r in rows if r["action"] == "vm.conflict"]
        self.assertEqual(1000, len(told))
        self.assertIn("not told any more today", self.fleet.aggregator.text())


class Commands(AggregatorCase):
    def setUp(self):
        self.vm = self.new_id()
        self.host = self.agent()
        self.s = self.host.live(self.host.vm(self.vm))

    def pause(self):
        task = self.rest.action(self.vm, "pause", sync=False)
        return task, self.s.expect("command")

    def test_success(self):
        task, command = self.pause()
        self.assertEqual(uuid.UUID(task).bytes, command.id)
        self.assertEqual(uuid.UUID(self.vm).bytes, command.vm_action.vm_id)
        self.assertEqual(messages().vm.VM_OP_PAUSE, command.vm_action.op)
        self.assertEqual("pending", self.rest.get(f"/tasks/{task}")["status"])
        self.s.send(progress=messages().CommandProgress(id=command.id, percent=40))
        wait_until("progress is seen", lambda: self.rest.get(f"/tasks/{task}")["progress"] == 40)
        self.s.send(result=result(command.id))
        self.assertEqual(command.id, self.s.expect("result_ack").id)
        self.assertEqual("success", self.rest.task(task)["status"])

    def test_failure_has_its_reason(self):
        task, command = self.pause()
        self.s.send(result=result(command.id, "FAILURE", "IO", "the disk is gone"))
        ended = self.rest.task(task)
        self.assertEqual("failure", ended["status"])
        self.assertIn("the disk is gone", str(ended["result"]))

    def test_interrupted_when_the_agent_says_so(self):
        task, command = self.pause()
        self.s.send(result=result(command.id, "INTERRUPTED", "INTERNAL", "the agent died"))
        self.assertEqual("interrupted", self.rest.task(task)["status"])

    def test_sync_waits_for_the_result(self):
        answers = []
        asking = threading.Thread(target=lambda: answers.append(
            self.rest.request("POST", f"/vms/{self.vm}/actions/pause?sync=true")))
        asking.start()
        command = self.s.expect("command")
        self.assertEqual([], answers)
        self.s.send(result=result(command.id))
        asking.join(60)
        self.assertIn(answers[0][0], (200, 204))

    def test_reconnect_sends_again_with_the_same_id(self):
        task, command = self.pause()
        self.s.close()
        self.s, _ = self.host.connect()
        again = self.s.expect("command")
        self.assertEqual(command.id, again.id)
        self.s.send(result=result(command.id))
        self.s.expect("result_ack")
        self.assertEqual("success", self.rest.task(task)["status"])
        # Over is over: a third stream gets no command.
        self.s.close()
        self.s, _ = self.host.connect()
        self.host.delta(self.s)
        self.host.wait_acked(self.s)
        self.assertEqual([], [m for m in self.s.pending() if m.WhichOneof("kind") == "command"])

    def test_repeated_and_unknown_results_are_acknowledged(self):
        _, command = self.pause()
        for _ in range(2):
            self.s.send(result=result(command.id))
            self.assertEqual(command.id, self.s.expect("result_ack").id)
        stranger = uuid.uuid4().bytes
        self.s.send(result=result(stranger))
        self.assertEqual(stranger, self.s.expect("result_ack").id)

    def test_result_from_another_host_counts_nothing(self):
        task, command = self.pause()
        other = self.agent("other")
        s = other.live()
        s.send(result=result(command.id))
        s.expect("result_ack")
        self.assertEqual("pending", self.rest.get(f"/tasks/{task}")["status"])

    def test_abort_is_passed_on(self):
        task, command = self.pause()
        status, _, reply = self.rest.request("POST", f"/tasks/{task}/actions/abort")
        self.assertLess(status, 300, reply)
        self.assertEqual(command.id, self.s.expect("cancel").id)
        self.s.send(result=result(command.id, "FAILURE", "CANCELLED", "stopped"))
        self.assertEqual("failure", self.rest.task(task)["status"])

    def test_abort_while_away_ends_as_interrupted(self):
        task, _ = self.pause()
        self.s.close()
        self.wait_host(self.host, lambda h: not h["connected"])
        self.rest.post(f"/tasks/{task}/actions/abort")
        self.assertEqual("interrupted", self.rest.task(task)["status"])
        end, asked = wait_until("both are in the log", lambda: (
            lambda rows: rows if len(rows) == 2 else None)(
                [r for r in self.rest.get("/audit?limit=3")
                 if r["action"] == "task.abort" or r["result"] == "interrupted"]))
        self.assertEqual(("vm.pause", self.vm), (end["action"], end["object"]))
        self.assertEqual(("admin", "127.0.0.1", task),
                         (asked["user"], asked["from"], asked["object"]))

    def test_removed_host_ends_its_tasks(self):
        task, _ = self.pause()
        self.rest.delete(f"/hosts/{self.host.id}")
        self.assertEqual("interrupted", self.rest.task(task)["status"])
        self.assertEqual(404, self.rest.request("GET", f"/vms/{self.vm}")[0])

    def test_every_change_is_audited(self):
        task, command = self.pause()
        self.s.send(result=result(command.id))
        self.rest.task(task)
        rows = wait_until("both records are there", lambda: (lambda found: found if len(
            found) == 2 else None)([r for r in self.rest.get("/audit?limit=1000")
                                    if r["object"] == self.vm]))
        self.assertEqual(["success", "requested"], [r["result"] for r in rows])
        for row in rows:
            self.assertEqual(("admin", "vm.pause"), (row["user"], row["action"]))
        self.assertEqual("127.0.0.1", rows[1]["from"])
        self.assertIn(task, rows[1]["detail"])


class Renewal(AggregatorCase):
    def test_renewed_certificate_opens_streams(self):
        agent = self.agent()
        s = agent.live()
        key = new_key()
        s.send(certificate_request=messages().CertificateRequest(
            csr=new_request(key, "ignored")))
        renewed = s.expect("certificate")
        self.assertEqual("", renewed.error_text)
        s.send(certificate_request=messages().CertificateRequest(csr="again"))
        self.assertIn("one renewal a minute", s.expect("certificate").error_text)
        old_key, old_cert = agent.key, agent.cert
        agent.key, agent.cert = key, renewed.certificate
        s, welcome = agent.connect()
        self.assertTrue(welcome.resume)
        agent.key, agent.cert = old_key, old_cert
        agent.connect()

    def test_bad_request_is_answered(self):
        agent = self.agent()
        s = agent.live()
        s.send(certificate_request=messages().CertificateRequest(csr="rubbish"))
        answer = s.expect("certificate")
        self.assertEqual("", answer.certificate)
        self.assertIn("request", answer.error_text)
        agent.delta(s)
        agent.wait_acked(s)


if __name__ == "__main__":
    unittest.main()
