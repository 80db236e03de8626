# SPDX-License-Identifier: Apache-2.0
"""The agent's side of the stream (docs/design/fleet-protocol.md), seen by an aggregator in Python."""

import json
import math
import pathlib
import re
import subprocess
import tempfile
import time
import unittest
import uuid

from tests.support.fake_aggregator import FakeAggregator
from tests.support.fake_agent import messages
from tests.support.fleet import Agent, Fleet
from tests.support.rest import wait_until

KERNEL = "/etc/hostname"


class LinkCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="muster-link-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.fleet = Fleet(self.folder)
        self.fleet.__enter__()
        self.addCleanup(self.fleet.__exit__)
        self.aggregator = FakeAggregator(self.folder / "aggregator").start()
        self.addCleanup(self.aggregator.stop)

    def agent(self, *options, days="1", start=True):
        agent = Agent(self.fleet, f"host{len(self.fleet.agents)}", options)
        self.fleet.agents.append(agent)
        self.host = self.aggregator.enrol(agent, days)
        return agent.start() if start else agent

    def live(self, **welcome):
        """The next stream, welcomed; its snapshot when it begins with one."""
        session = self.aggregator.accept()
        hello = session.welcome(**welcome)
        if welcome.get("resume"):
            return session, hello, None
        return session, hello, session.expect("snapshot")

    def command(self, session, vm=None, op=None, task=None, deadline_ms=0, **kind):
        task = task or uuid.uuid4()
        if vm:
            kind = {"vm_action": messages().VmAction(
                vm_id=uuid.UUID(vm).bytes, op=messages().vm.VmOp.Value("VM_OP_" + op))}
        session.send(command=messages().Command(id=task.bytes, deadline_ms=deadline_ms, **kind))
        return task

    def result(self, session, task):
        return session.expect("result", lambda r: r.id == task.bytes)

    @staticmethod
    def batches(session, n):
        """The next n of metrics, or some more, however many come in a message."""
        out = []
        while len(out) < n:
            out += session.expect("metric_batches").batch
        return out

    def define(self, agent, name="web"):
        return agent.define(name=name, type="pvh", memory="64MiB", kernel=KERNEL)


class State(LinkCase):
    def test_hello_snapshot_deltas(self):
        agent = self.agent("--sim-foreign", "2")
        session, hello, snapshot = self.live()
        self.assertEqual((1, self.host, 0), (hello.protocol, hello.host_id, hello.last_acked_seq))
        self.assertEqual(pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
                         hello.boot_id)
        self.assertEqual((hello.state_epoch, 2), (snapshot.epoch, len(snapshot.vms)))
        self.assertEqual("host0", snapshot.host.name)
        vm = self.define(agent)
        delta = session.expect("delta", lambda d: len(d.vms))
        self.assertEqual(snapshot.seq + 1, delta.seq)
        self.assertEqual([uuid.UUID(vm).bytes], [v.id for v in delta.vms])
        self.assertTrue(delta.vms[0].managed)
        agent.rest.delete(f"/vms/{vm}")
        delta = session.expect("delta", lambda d: len(d.removed))
        self.assertEqual([uuid.UUID(vm).bytes], list(delta.removed))

    def test_resume_sends_what_was_not_durable(self):
        agent = self.agent()
        session, hello, snapshot = self.live()
        session.send(state_ack=messages().StateAck(seq=snapshot.seq))
        one = self.define(agent, "one")
        first = session.expect("delta", lambda d: len(d.vms))
        two = self.define(agent, "two")
        session.expect("delta", lambda d: len(d.vms))
        session.end()
        session, again, _ = self.live(resume=True, resume_seq=first.seq)
        self.assertEqual(hello.state_epoch, again.state_epoch)
        self.assertEqual(snapshot.seq, again.last_acked_seq)
        delta = session.expect("delta", lambda d: len(d.vms))
        self.assertEqual(first.seq + 1, delta.seq)
        self.assertIn(uuid.UUID(two).bytes, [v.id for v in delta.vms])
        self.assertNotIn(uuid.UUID(one).bytes, [v.id for v in delta.vms])

    def test_what_changes_while_the_link_is_cut_is_told_once(self):
        agent = self.agent("--sim-create", "20ms")
        session, _, snapshot = self.live()
        vms = [self.define(agent, f"vm{i}") for i in range(10)]
        last = session.expect("delta", lambda d: any(v.name == "vm9" for v in d.vms))
        session.send(state_ack=messages().StateAck(seq=last.seq))
        self.aggregator.stop()
        for vm in vms:
            for action in ("start", "pause", "unpause", "pause"):
                agent.rest.action(vm, action)
        self.aggregator.start()
        session, _, _ = self.live(resume=True, resume_seq=last.seq)
        delta = session.expect("delta", lambda d: len(d.vms))
        paused = messages().vm.VmPower.Value("VM_POWER_PAUSED")
        self.assertEqual([paused] * 10, [v.power for v in delta.vms])

    def test_a_window_that_is_not_acknowledged_holds_the_agent_back(self):
        agent = self.agent()
        session, _, snapshot = self.live()
        vm = self.define(agent)
        for i in range(100):
            agent.define(uuid=vm, name=f"web-{i}", type="pvh", memory="64MiB", kernel=KERNEL)
        deltas = [session.expect("delta")]
        deltas += [m.delta for m in session.pending() if m.WhichOneof("kind") == "delta"]
        self.assertLess(deltas[-1].seq - snapshot.seq, 65)
        session.send(state_ack=messages().StateAck(seq=deltas[-1].seq))
        session.expect("delta", lambda d: any(v.name == "web-99" for v in d.vms))


class Commands(LinkCase):
    def test_a_command_runs_once(self):
        agent = self.agent()
        vm = self.define(agent)
        session, _, _ = self.live()
        task = self.command(session, vm, "START")
        result = self.result(session, task)
        self.assertEqual(messages().COMMAND_STATUS_SUCCESS, result.status)
        domid = agent.rest.vm(vm)["domid"]
        self.command(session, vm, "START", task)  # again: answered, not run
        self.assertEqual(result, self.result(session, task))
        session.end()
        session, _, _ = self.live()
        self.assertEqual(result, self.result(session, task), "told until it is acknowledged")
        self.command(session, vm, "START", task)
        self.result(session, task)
        agent.kill()
        agent.start()
        session, _, _ = self.live()
        self.command(session, vm, "START", task)
        self.assertEqual(result, self.result(session, task), "a restart changes nothing")
        session.send(result_ack=messages().CommandResultAck(id=task.bytes))
        session.end()
        session, _, _ = self.live()
        other = self.command(session, vm, "PAUSE")
        self.assertEqual(other.bytes, session.expect("result").id, "acknowledged is forgotten")
        self.assertEqual(domid, agent.rest.vm(vm)["domid"])

    def test_the_state_comes_before_the_result(self):
        agent = self.agent()
        vm = self.define(agent)
        session, _, _ = self.live()
        task = self.command(session, vm, "START")
        running = messages().vm.VmPower.Value("VM_POWER_RUNNING")
        seen = False
        while True:
            m = session.next()
            if m.WhichOneof("kind") == "delta":
                seen |= any(v.power == running for v in m.delta.vms)
            if m.WhichOneof("kind") == "result" and m.result.id == task.bytes:
                break
        self.assertTrue(seen)

    def test_failures_say_why(self):
        agent = self.agent()
        vm = self.define(agent)
        session, _, _ = self.live()
        for op, target, code in (("PAUSE", vm, "STATE"), ("START", str(uuid.uuid4()), "NOT_FOUND"),
                                 ("ADOPT", vm, "STATE")):
            result = self.result(session, self.command(session, target, op))
            self.assertEqual(messages().COMMAND_STATUS_FAILURE, result.status)
            self.assertEqual(code, result.error_code)
            self.assertTrue(result.error_text)
        result = self.result(session, self.command(session))
        self.assertEqual("UNSUPPORTED", result.error_code)
        result = self.result(session, self.command(
            session, vm_action=messages().VmAction(vm_id=uuid.UUID(vm).bytes)))
        self.assertEqual("PROTOCOL", result.error_code)

    def test_a_deadline_that_has_passed_runs_nothing(self):
        agent = self.agent("--fault", "shutdown:hang")
        vm = self.define(agent)
        session, _, _ = self.live()
        self.result(session, self.command(session, vm, "START"))
        hung = self.command(session, vm, "CLEAN_SHUTDOWN")
        late = self.command(session, vm, "PAUSE", deadline_ms=1)
        # It waits behind the hung one; its time is over once the host's clock has moved on.
        asked = wait_until("it waits", lambda: {
            t["id"]: t["start"] for t in agent.rest.get("/tasks?fields=*")}.get(str(late)))
        wait_until("its time is over", lambda: time.time() * 1000 > asked + 50)
        session.send(cancel=messages().CommandCancel(id=hung.bytes))
        self.assertEqual("CANCELLED", self.result(session, hung).error_code)
        self.assertEqual("TIMEOUT", self.result(session, late).error_code)
        self.assertEqual("Running", agent.rest.power(vm))

    def test_an_abort_of_what_goes_on_is_told(self):
        agent = self.agent("--fault", "pause:hang")
        vm = self.define(agent)
        session, _, _ = self.live()
        self.result(session, self.command(session, vm, "START"))
        other = self.define(agent, "other")
        hung = self.command(session, vm, "PAUSE")
        # Written down behind it: so that has begun.
        self.result(session, self.command(session, other, "START"))
        session.send(cancel=messages().CommandCancel(id=hung.bytes))
        wait_until("it is told", lambda: "cannot be stopped once it has begun" in str(
            agent.rest.get(f"/tasks/{hung}").get("warnings")))

    def test_definitions(self):
        agent = self.agent()
        session, _, _ = self.live()
        vm = str(uuid.uuid4())
        text = {"uuid": vm, "name": "web", "type": "pvh", "memory": "64MiB", "kernel": KERNEL}

        def define(text):
            return self.result(session, self.command(
                session, vm_define=messages().VmDefine(definition=text)))
        result = define(json.dumps(text))
        self.assertEqual((messages().COMMAND_STATUS_SUCCESS, uuid.UUID(vm).bytes),
                         (result.status, result.vm_id))
        self.assertEqual("web", agent.rest.vm(vm)["name_label"])
        self.assertIn("memory", define(json.dumps({**text, "memory": "much"})).error_text)
        self.assertEqual("PROTOCOL", define("{").error_code)
        self.result(session, self.command(session, vm, "START"))

        def undefine():
            return self.result(session, self.command(
                session, vm_undefine=messages().VmUndefine(vm_id=uuid.UUID(vm).bytes)))
        self.assertEqual("STATE", undefine().error_code)
        self.result(session, self.command(session, vm, "HARD_SHUTDOWN"))
        self.assertEqual(messages().COMMAND_STATUS_SUCCESS, undefine().status)
        self.assertEqual({}, agent.rest.vms())

    def test_killed_in_the_middle(self):
        agent = self.agent("--sim-create", "60s")
        vm = self.define(agent)
        session, _, _ = self.live()
        task = self.command(session, vm, "START")
        session.expect("delta", lambda d: any(v.current_task == task.bytes for v in d.vms))
        # It is shown as soon as it came; killed before it is recorded, it never was.
        wait_until("it has begun", lambda: " start " in (agent.state / "journal").read_text())
        agent.kill()
        agent.start()
        session, _, _ = self.live()
        result = self.result(session, task)
        self.assertEqual(messages().COMMAND_STATUS_FAILURE, result.status)
        self.assertIn("interrupted by a restart", result.error_text)
        self.assertEqual("Halted", agent.rest.power(vm))


class Metrics(LinkCase):
    def test_no_sample_is_missing_after_a_cut(self):
        self.agent("--sim-foreign", "2")
        session, hello, _ = self.live()
        dictionary = session.expect("metric_dictionary")
        names = {s.name for s in dictionary.series}
        self.assertGreaterEqual(len(dictionary.series), 20)
        self.assertIn("memory", " ".join(names))
        first = self.batches(session, 1)[-1]
        session.send(metric_ack=messages().metrics.MetricAck(seq=first.seq))
        live = [session.expect("metric_batches") for _ in range(2)]  # not acknowledged
        self.assertEqual([1, 1], [len(m.batch) for m in live], "each as soon as it is there")
        session.end()
        session, again, _ = self.live(metric_seq=first.seq)
        self.assertEqual(hello.metric_epoch, again.metric_epoch)
        generation = session.expect("metric_dictionary").generation
        waiting = session.expect("metric_batches")
        self.assertEqual(generation, waiting.generation)
        self.assertGreaterEqual(len(waiting.batch), 2, "what waits comes together")
        rest = (list(waiting.batch) + self.batches(session, 1))[:3]
        self.assertEqual([first.seq + i for i in (1, 2, 3)], [b.seq for b in rest])
        times = [b.time_ms for b in [first] + rest]
        self.assertEqual([5000] * 3, [b - a for a, b in zip(times, times[1:])])
        self.assertTrue(all(t % 5000 == 0 for t in times))
        self.assertFalse(all(math.isnan(v) for v in rest[-1].value))


    def test_counters(self):
        """Every batch says how they stand, or needs the one before; a new stream begins with a base."""
        self.agent("--sim-foreign", "2")
        session, _, _ = self.live()
        stood = self.counted(session, 4)
        self.assertGreater(sum(stood[-1].values()), 0)
        for before, now in zip(stood, stood[1:]):
            self.assertTrue(all(v <= now[key] for key, v in before.items() if key in now))
        session.end()
        session, _, _ = self.live(metric_seq=2)
        again = self.counted(session, 3)
        self.assertEqual(stood[2:], again[:2], "the same, from a base")

    def counted(self, session, n):
        """How the counters stand after each of n batches, read as an aggregator does."""
        stood, before = [], None
        while len(stood) < n:
            m = session.next()
            if m.WhichOneof("kind") == "metric_dictionary":
                counted = [s for s in m.metric_dictionary.series if s.counted_since_ms]
                before = None
                self.assertTrue(all(s.counted_since_ms <= time.time() * 1000 for s in counted))
                keys = [(s.object_id, s.name) for s in counted]
                self.assertFalse([key for key in keys if re.search("aggr|total", key[1])])
            elif m.WhichOneof("kind") == "metric_batches":
                for b in m.metric_batches.batch:
                    self.assertEqual(len(keys), len(b.counted))
                    self.assertTrue(b.counted_base or before)
                    before = {key: more + (0 if b.counted_base else before[key])
                              for key, more in zip(keys, b.counted)}
                    stood.append(before)
        return stood


class Backfill(LinkCase):
    @staticmethod
    def nothing():
        """What an aggregator says that has nothing."""
        now = int(time.time())
        return messages().metrics.MetricHave(last_minute=now // 60, minutes=bytes(120),
                                             last_step=now // 5, steps=bytes(120))

    def test_rows_of_before_the_restart_one_at_a_time(self):
        agent = self.agent()
        session, _, _ = self.live()
        # The last may be sampled again after the restart, if the machine is slow.
        kept = self.batches(session, 3)
        agent.kill()
        agent.start()
        session, _, _ = self.live(metric_have=self.nothing())
        dictionary = session.expect("row_dictionary")
        self.assertIn("loadavg", {s.name for s in dictionary.series})
        for batch in kept[:2]:
            row = session.expect("metric_row")
            self.assertEqual((5, batch.time_ms), (row.seconds, row.time_ms))
            self.assertEqual(len(dictionary.series), len(row.average))
            self.assertEqual(dictionary.generation, row.generation)
            # The next comes when this one is acknowledged, and batches do not wait for that.
            later = session.expect("metric_batches").batch[0]
            self.assertGreater(later.time_ms, row.time_ms)
            self.assertEqual([], [m for m in session.pending()
                                  if m.WhichOneof("kind") == "metric_row"])
            session.send(row_ack=messages().metrics.MetricRowAck(seq=row.seq))

    def test_none_for_an_aggregator_that_does_not_ask(self):
        agent = self.agent()
        session, _, _ = self.live()
        self.batches(session, 1)
        agent.kill()
        agent.start()
        session, _, _ = self.live()
        self.batches(session, 2)
        kinds = {m.WhichOneof("kind") for m in session.pending()}
        self.assertFalse(kinds & {"row_dictionary", "metric_row"}, kinds)


class Peers(LinkCase):
    """An aggregator that says what makes no sense: the stream ends, the next one heals."""

    def heals(self, misbehave, word, agent=None):
        agent = agent or self.agent()
        session = self.aggregator.accept()
        misbehave(session)
        session.ended()
        self.live()
        self.assertIn(word, agent.text())
        self.assertTrue(agent.running())

    def test_another_protocol(self):
        self.heals(lambda s: s.welcome(protocol=2), "protocol version")

    def test_no_welcome(self):
        self.heals(lambda s: s.send(state_ack=messages().StateAck(seq=1)), "not Welcome")

    def test_two_welcomes(self):
        def twice(session):
            session.welcome()
            session.send(welcome=messages().Welcome(protocol=1))
        self.heals(twice, "second Welcome")

    def test_acknowledging_the_future(self):
        def future(session):
            session.welcome()
            session.send(state_ack=messages().StateAck(seq=1 << 40))
        self.heals(future, "never sent")

    def test_garbage(self):
        self.heals(lambda s: s.send_raw(b"\xff\xff\xff\xff"), "stream ended by us")

    def test_a_command_without_an_id(self):
        def nameless(session):
            session.welcome()
            session.send(command=messages().Command(id=b"short"))
        self.heals(nameless, "command.id")

    def test_kinds_of_a_newer_aggregator_are_passed_over(self):
        agent = self.agent()
        session, _, _ = self.live()
        session.send_raw(b"\xfa\x7f\x03abc")  # a field of number 2047
        vm = self.define(agent)
        self.result(session, self.command(session, vm, "START"))

    def test_a_certificate_of_another_authority(self):
        agent = self.agent(start=False)
        stranger = FakeAggregator(self.folder / "stranger").start()
        self.addCleanup(stranger.stop)
        (agent.state / "tls" / "fleet-address").write_text(f"127.0.0.1:{stranger.port}")
        agent.start()
        wait_until("it is refused", lambda: "not reachable" in agent.text())
        self.assertTrue(stranger.sessions.empty())


class Certificates(LinkCase):
    def test_renewal(self):
        # Made to last for 3 seconds from one and a half day ago: long overdue, but not over.
        agent = self.agent(start=False)
        key, cert = self.aggregator.authority.issue(self.host)
        (agent.state / "tls" / "identity.pem").write_text(key + self.old(key))
        agent.start()
        session, _, _ = self.live()
        request = session.expect("certificate_request")
        session.send(certificate=messages().Certificate(error_text="not today"))
        wait_until("the refusal is logged", lambda: "not today" in agent.text())
        session.end()
        session, _, _ = self.live()
        request = session.expect("certificate_request")
        new = self.aggregator.authority.sign(request.csr, self.host, days="90")
        session.send(certificate=messages().Certificate(
            certificate=new, ca=self.aggregator.authority.cert.read_text()))
        identity = agent.state / "tls" / "identity.pem"
        wait_until("it is saved", lambda: new in identity.read_text())
        self.assertEqual(0o600, identity.stat().st_mode & 0o777)
        session.end()
        session, _, _ = self.live()
        peer = session.context.auth_context()["x509_pem_cert"][0].decode()
        self.assertEqual(new.strip(), peer.strip())

    def old(self, key):
        """A certificate of which two thirds of the life are over."""
        a = self.aggregator.authority
        folder = a.folder / "old"
        folder.mkdir()
        (folder / "key").write_text(key)
        (folder / "index").write_text("")
        (folder / "serial").write_text("01")
        (folder / "conf").write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\nserial={folder}/serial\n"
            f"new_certs_dir={folder}\ncertificate={a.cert}\nprivate_key={a.key}\n"
            "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
        day = 24 * 3600
        start, end = (time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * day))
                      for days in (-60, 10))
        for argv in (["req", "-new", "-key", folder / "key", "-subj", f"/CN={self.host}", "-out",
                      folder / "csr"],
                     ["ca", "-batch", "-config", folder / "conf", "-in", folder / "csr",
                      "-startdate", start, "-enddate", end, "-out", folder / "crt", "-notext"]):
            subprocess.run(["openssl", *map(str, argv)], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        return (folder / "crt").read_text()

    def test_enrolled_while_it_runs(self):
        agent = Agent(self.fleet, "later", ())
        self.fleet.agents.append(agent)
        agent.start()
        wait_until("it says so", lambda: "not enrolled" in agent.text())
        agent.stop()
        self.aggregator.enrol(agent)
        tls = agent.state / "tls"
        identity = (tls / "identity.pem").read_text()
        (tls / "identity.pem").unlink()
        agent.start()
        (tls / "identity.pem").write_text(identity)
        self.aggregator.accept()

    def test_a_damaged_identity(self):
        agent = self.agent(start=False)
        (agent.state / "tls" / "identity.pem").write_text("nothing of use")
        agent.start()
        wait_until("it says what to do", lambda: "enrol this host anew" in agent.text())
        self.assertTrue(agent.rest.alive())


if __name__ == "__main__":
    unittest.main()
