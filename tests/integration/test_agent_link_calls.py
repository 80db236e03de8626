# SPDX-License-Identifier: Apache-2.0
"""Calls as an aggregator sends them, and what the agent makes of them when it dies meanwhile."""

import json
import unittest
import uuid

from tests.integration.test_agent_link import LinkCase
from tests.support.fake_agent import messages
from tests.support.rest import wait_until

SUCCESS, FAILURE = 1, 2


class Calls(LinkCase):
    def call(self, session, method, of, arguments, task=None, **more):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        return self.command(session, task=task, call=messages().Call(
            method=method, object=uuid.UUID(of).bytes, arguments=text), **more)

    def test_a_call_runs_once(self):
        agent = self.agent()
        session, _, _ = self.live()
        vm = self.define(agent)
        task = self.call(session, "vm.edit", vm, {"tags": ["x"]})
        answer = self.result(session, task)
        self.assertEqual((SUCCESS, {"applied": ["tags"], "pending": []}),
                         (answer.status, json.loads(answer.value)))
        agent.rest.patch(f"/vms/{vm}", {"tags": ["y"]})
        # The same id again, also after a crash: its result, and nothing else.
        self.call(session, "vm.edit", vm, {"tags": ["x"]}, task)
        self.assertEqual(answer.value, self.result(session, task).value)
        agent.kill()
        agent.start()
        session, _, _ = self.live()
        self.assertEqual(answer.value, self.result(session, task).value)
        self.call(session, "vm.edit", vm, {"tags": ["x"]}, task)
        self.result(session, task)
        self.assertEqual(["y"], agent.rest.vm(vm)["tags"])

    def test_refusals_are_results(self):
        agent = self.agent()
        session, _, _ = self.live()
        vm = self.define(agent)
        for method, of, arguments, code, words in (
                ("vm.explode", vm, {}, "UNSUPPORTED", "vm.explode"),
                ("x" * 300, vm, {}, "UNSUPPORTED", "upgrade"),
                ("vm.edit", vm, {"cpus": "many"}, "INVALID", "arguments: cpus"),
                ("vm.edit", vm, "{", "PROTOCOL", "arguments"),
                ("vm.edit", vm, "[]", "INVALID", "expected an object"),
                ("vm.edit", vm, json.dumps({"notes": "x" * (256 << 10)}), "TOO_LARGE", "262144"),
                ("vm.edit", str(uuid.uuid4()), {}, "NOT_FOUND", "no such VM"),
                ("host.restart_agent", str(uuid.uuid4()), {}, "NOT_FOUND", "another host")):
            with self.subTest(method=method[:20], words=words):
                answer = self.result(session, self.call(session, method, of, arguments))
                self.assertEqual((FAILURE, code), (answer.status, answer.error_code),
                                 answer.error_text)
                self.assertIn(words, answer.error_text)

    def test_it_waits_for_its_turn_and_can_be_cancelled(self):
        agent = self.agent("--sim-create", "2s")
        session, _, _ = self.live()
        vm = self.define(agent)
        start = self.command(session, vm, "START")
        edit = self.call(session, "vm.edit", vm, {"tags": ["x"]})
        other = self.call(session, "vm.edit", vm, {"tags": ["y"]})
        session.send(cancel=messages().CommandCancel(id=other.bytes))
        answer = self.result(session, other)
        self.assertEqual("CANCELLED", answer.error_code)
        self.assertEqual(SUCCESS, self.result(session, start).status)
        self.assertEqual(SUCCESS, self.result(session, edit).status)
        self.assertEqual(["x"], agent.rest.vm(vm)["tags"])

    def test_killed_while_a_call_waits(self):
        agent = self.agent("--sim-create", "60s")
        session, _, _ = self.live()
        vm = self.define(agent)
        self.command(session, vm, "START")
        edit = self.call(session, "vm.edit", vm, {"tags": ["x"]})
        wait_until("it is accepted",
                   lambda: str(edit) in (agent.state / "journal").read_text())
        agent.kill()
        agent.start()
        session, _, _ = self.live()
        answer = self.result(session, edit)
        self.assertEqual(FAILURE, answer.status)
        self.assertIn("nothing was done", answer.error_text)
        self.assertEqual([], agent.rest.vm(vm)["tags"])

    def test_killed_again_and_again_with_calls_in_flight(self):
        """Each result is true, whenever the agent died: a tag is there exactly if it was success."""
        agent = self.agent()
        vm = self.define(agent)
        for round_ in range(6):
            session, _, _ = self.live()
            before = agent.rest.vm(vm)["tags"]
            tasks = {self.call(session, "vm.edit", vm, {"tags": [f"r{round_}-{i}"]}): i
                     for i in range(4)}
            journal = agent.state / "journal"
            wanted = list(tasks)[round_ % 4]
            wait_until("one of them has begun",
                       lambda: f"start {wanted}" in journal.read_text())
            agent.kill()
            agent.start()
            session, _, _ = self.live()
            done = [i for task, i in tasks.items() if self.known(session, task)]
            expected = [f"r{round_}-{done[-1]}"] if done else before
            self.assertEqual(expected, agent.rest.vm(vm)["tags"])
            session.end()

    def known(self, session, task):
        """Whether it worked; sent again, in case the agent never saw it."""
        session.send(command=messages().Command(id=task.bytes, deadline_ms=1, call=messages().Call(
            method="vm.explode", object=task.bytes, arguments="{}")))
        answer = self.result(session, task)
        self.assertIn(answer.status, (SUCCESS, FAILURE))
        return answer.status == SUCCESS

    def test_the_agent_restarts_when_asked(self):
        agent = self.agent()
        session, _, _ = self.live()
        task = self.call(session, "host.restart_agent", agent.host_id, {})
        wait_until("the agent ends", lambda: not agent.running())
        agent.start()
        session, _, _ = self.live()
        self.assertEqual(SUCCESS, self.result(session, task).status)


if __name__ == "__main__":
    unittest.main()
