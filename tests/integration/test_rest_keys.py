# SPDX-License-Identifier: Apache-2.0
"""Idempotency-Key over lost connections and restarts."""

import unittest

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fake_agent import result
from tests.support.rest import wait_until


class Keys(AggregatorCase):
    def setUp(self):
        self.host, self.vm = self.agent(), self.new_id()
        self.stream = self.host.live(self.host.vm(self.vm, "web", "RUNNING"))
        self.addCleanup(self.stream.close)
        self.path = f"/vms/{self.vm}/actions/pause"

    def ask(self, key, path=None, body=None):
        return self.rest.request("POST", path or self.path, body, {"Idempotency-Key": key})

    def test_the_same_answer_after_a_crash(self):
        key = self.new_id()
        status, _, first = self.ask(key)
        self.assertEqual(202, status, first)
        self.stream.expect("command")
        self.crash()
        status, headers, again = self.ask(key)
        self.assertEqual((202, first, f"/rest/v0/tasks/{first['taskId']}", "true"),
                         (status, again, headers["Location"], headers["Idempotent-Replayed"]))
        tasks = self.rest.get(f"/vms/{self.vm}/tasks")
        self.assertEqual(1, len(tasks))
        status, _, refused = self.ask(key, body={"force": True})
        self.assertEqual(422, status, refused)

    def test_who_was_cut_off_asks_again(self):
        key = self.new_id()
        connection = self.rest.connection()
        connection.request("POST", f"/rest/v0{self.path}?sync=true", headers={
            "Authorization": "Bearer " + self.rest.token, "Idempotency-Key": key})
        command = self.stream.expect("command")
        connection.close()
        status, _, refused = self.ask(key, self.path + "?sync=true")
        self.assertEqual(409, status, refused)
        self.assertIn("under way", refused["error"])
        self.stream.send(result=result(command.id))
        status = wait_until("the first is answered", lambda: (
            lambda reply: reply if reply[0] != 409 else None)(self.ask(key, self.path + "?sync=true")))
        self.assertEqual((204, "true"), (status[0], status[1]["Idempotent-Replayed"]))
        self.assertEqual(1, len(self.rest.get(f"/vms/{self.vm}/tasks")))

    def test_cut_off_by_a_crash(self):
        """It was begun, and nobody knows how it ended: it is not made again by itself."""
        key = self.new_id()
        connection = self.rest.connection()
        connection.request("POST", f"/rest/v0{self.path}?sync=true", headers={
            "Authorization": "Bearer " + self.rest.token, "Idempotency-Key": key})
        self.stream.expect("command")
        self.crash()
        connection.close()
        status, _, refused = self.ask(key, self.path + "?sync=true")
        self.assertEqual(409, status, refused)
        self.assertIn("look at /rest/v0/tasks", refused["error"])

    def test_stopping_while_one_waits(self):
        connection = self.rest.connection()
        connection.request("POST", f"/rest/v0{self.path}?sync=true", headers={
            "Authorization": "Bearer " + self.rest.token, "Idempotency-Key": self.new_id()})
        self.stream.expect("command")
        connection.close()
        self.assertEqual(0, self.fleet.aggregator.stop())
        self.fleet.restart_aggregator()

    def test_not_where_secrets_are_made(self):
        status, _, refused = self.ask("k", "/join-tokens", {})
        self.assertEqual(400, status, refused)


if __name__ == "__main__":
    unittest.main()
