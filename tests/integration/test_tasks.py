# SPDX-License-Identifier: Apache-2.0
"""Tasks as clients see them: watched, in groups, deleted, over restarts of the aggregator."""

import json
import threading
import unittest
import uuid

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fake_agent import messages, result
from tests.support.rest import wait_until

OVER = "properties:objectId:"


class Watch:
    """The lines of a stream, as they come."""

    def __init__(self, rest, path):
        self.connection = rest.connection()
        self.connection.request("GET", "/rest/v0" + path,
                                headers={"Authorization": f"Bearer {rest.token}"})
        self.reply = self.connection.getresponse()

    def next(self):
        line = self.reply.readline()
        return json.loads(line) if line else None

    def until(self, want):
        """The lines up to the first that is wanted."""
        seen = []
        while True:
            seen.append(self.next())
            assert seen[-1] is not None, f"the stream ended behind {seen}"
            if want(*seen[-1]):
                return seen


def task_id(command):
    return str(uuid.UUID(bytes=command.id))


class Tasks(AggregatorCase):
    def live(self, n=1, name="fake"):
        vms = [self.new_id() for _ in range(n)]
        agent = self.agent(name)
        return agent, agent.live(*(agent.vm(vm, name=f"{name}-{i}", power="HALTED")
                                   for i, vm in enumerate(vms))), vms

    def end(self, stream, command_id, *status):
        stream.send(result=result(command_id, *status))
        stream.expect("result_ack", lambda a: a.id == command_id)

    def watch(self, path):
        watch = Watch(self.rest, path)
        self.addCleanup(watch.connection.close)
        self.assertEqual(200, watch.reply.status)
        self.assertEqual("application/x-ndjson", watch.reply.headers["Content-Type"])
        return watch

    def group(self, n, refused=0):
        """A group of starts: (stream, commands, the group's id)."""
        _, stream, vms = self.live(n)
        nobody = [self.new_id() for _ in range(refused)]
        answer = self.rest.post("/vms/actions/start", {"ids": vms + nobody})
        commands = [stream.expect("command") for _ in range(n)]
        self.assertEqual({e["taskId"] for e in answer["tasks"] if "taskId" in e},
                         {task_id(c) for c in commands})
        return stream, commands, answer["taskId"]

    def ended(self, task):
        return self.rest.get(f"/tasks/{task}?wait=true")

    # --- watching

    def test_changes_are_told_as_they_come(self):
        _, stream, (vm,) = self.live()
        watch = self.watch(f"/tasks?watch=true&ndjson=true&fields=id,status,progress&filter={OVER}{vm}")
        self.rest.post(f"/vms/{vm}/actions/start")
        command = stream.expect("command")
        one = self.watch(f"/tasks/{task_id(command)}?watch=true&ndjson=true&fields=*")
        stream.send(progress=messages().CommandProgress(id=command.id, percent=40))
        self.end(stream, command.id)
        self.assertEqual(204, self.rest.request("DELETE", f"/tasks/{task_id(command)}")[0])
        lines = watch.until(lambda what, task: what == "remove" and task["id"] == task_id(command))
        mine = [(what, t.get("status"), t.get("progress")) for what, t in lines
                if t["id"] == task_id(command)]
        self.assertEqual([("update", "pending", 0), ("update", "pending", 40),
                          ("update", "success", 100), ("remove", None, None)], mine)
        told = one.until(lambda what, task: task.get("status") == "success")
        self.assertEqual({"update"}, {what for what, _ in told})
        self.assertEqual("pending", told[0][1]["status"])
        self.assertIsNone(one.next(), "the answer ends with the task")

    def test_a_watch_ends_whole_or_not_at_all(self):
        """Of a task that goes on when the aggregator ends, the answer is cut short."""
        _, stream, (vm,) = self.live()
        self.rest.post(f"/vms/{vm}/actions/start")
        one = self.watch(f"/tasks/{task_id(stream.expect('command'))}?watch=true&ndjson=true")
        self.assertEqual("update", one.next()[0])
        self.fleet.aggregator.stop()
        with self.assertRaises(Exception):
            if one.reply.read() == b"":
                raise ConnectionError("it ended")
        self.fleet.restart_aggregator()

    # --- what is said of them

    def lines(self, *texts, warning=False):
        m = messages()
        return [m.TaskLine(at_ms=1794000000000 + i, warning=warning, text=text)
                for i, text in enumerate(texts)]

    def said(self, task):
        found = self.rest.get(f"/tasks/{task}")
        return tuple([line["message"] for line in found.get(kind, [])]
                     for kind in ("infos", "warnings"))

    def test_what_a_host_says_is_kept(self):
        agent, stream, (vm,) = self.live()
        self.rest.post(f"/vms/{vm}/actions/start")
        command = stream.expect("command")
        task = task_id(command)
        m = messages()
        stream.send(task_lines=m.TaskLines(id=command.id, line=self.lines("one", "two")))
        wait_until("both are there", lambda: self.said(task) == (["one", "two"], []))
        stream.send(task_lines=m.TaskLines(id=command.id, line=self.lines("one", "two")
                                           + self.lines("look out", warning=True)))
        self.end(stream, command.id)
        self.assertEqual((["one", "two"], ["look out"]), self.said(task))
        line = self.rest.get(f"/tasks/{task}")["infos"][0]
        self.assertEqual({"message": "one", "data": {"at": 1794000000000}}, line)
        self.crash()
        self.assertEqual((["one", "two"], ["look out"]), self.said(task))

    def test_nobody_else_says_anything(self):
        _, stream, (vm,) = self.live()
        _, other, _ = self.live(name="other")
        self.rest.post(f"/vms/{vm}/actions/start")
        command = stream.expect("command")
        m = messages()
        other.send(task_lines=m.TaskLines(id=command.id, line=self.lines("not mine")))
        other.send(progress=m.CommandProgress(id=command.id, percent=99))
        stream.send(task_lines=m.TaskLines(id=command.id, line=self.lines("mine")))
        wait_until("it is there", lambda: self.said(task_id(command))[0])
        self.assertEqual(["mine"], self.said(task_id(command))[0])

    def test_what_is_no_task_ends_the_stream(self):
        _, stream, _ = self.live()
        stream.send(task_lines=messages().TaskLines(id=b"short", line=self.lines("x")))
        self.assertIn("task_lines.id", str(stream.ended()))

    def test_more_than_there_is_room_for(self):
        _, stream, (vm,) = self.live()
        self.rest.post(f"/vms/{vm}/actions/start")
        command = stream.expect("command")
        stream.send(task_lines=messages().TaskLines(
            id=command.id, line=self.lines(*(f"line {i} " + "x" * 300 for i in range(200)))))
        infos = wait_until("they are there", lambda: self.said(task_id(command))[0])
        self.assertEqual(64, len(infos))
        self.assertEqual(255, len(infos[0]))
        self.assertIn("left out", infos[-1])

    def test_a_host_that_leaves_and_an_abort(self):
        agent, stream, (vm,) = self.live()
        self.rest.post(f"/vms/{vm}/actions/start")
        command = stream.expect("command")
        self.assertEqual(204, self.rest.request("POST", f"/tasks/{task_id(command)}/actions/abort")[0])
        self.assertEqual(["abort asked for by admin"], self.said(task_id(command))[0])
        agent.close()
        wait_until("it is said", lambda: "away" in "".join(self.said(task_id(command))[1]))

    def test_who_was_refused_is_said(self):
        stream, commands, group = self.group(1, refused=1)
        warnings = self.said(group)[1]
        self.assertEqual(1, len(warnings))
        self.assertIn("no such VM", warnings[0])

    # --- groups

    def test_a_group_ends_with_its_parts(self):
        stream, commands, group = self.group(3)
        task = self.rest.get(f"/tasks/{group}")
        self.assertEqual("pending", task["status"])
        self.assertEqual(("start", "pool", "REST API: start VM, 3 times"), tuple(
            task["properties"][k] for k in ("method", "objectType", "name")))
        self.assertEqual([task_id(c) for c in commands], [t["id"] for t in task["tasks"]])
        self.assertEqual({group}, {t["properties"]["parentId"] for t in task["tasks"]})
        self.end(stream, commands[0].id)
        wait_until("a third is done", lambda: self.rest.get(f"/tasks/{group}")["progress"] == 33)
        for command in commands[1:]:
            self.end(stream, command.id)
        task = self.ended(group)
        self.assertEqual(("success", 100, {"success"}), (
            task["status"], task["progress"], {t["status"] for t in task["tasks"]}))
        pool = task["properties"]["objectId"]
        self.assertIn(group, [t["id"] for t in self.rest.get(f"/pools/{pool}/tasks?fields=id")])

    def test_one_that_fails(self):
        stream, commands, group = self.group(2, refused=1)
        self.end(stream, commands[0].id, "FAILURE", "IO", "the disk is gone")
        self.end(stream, commands[1].id)
        task = self.ended(group)
        self.assertEqual("failure", task["status"])
        self.assertEqual({"name": "Error", "code": "IO",
                          "message": "2 of 3 failed, the first: the disk is gone"}, task["result"])
        self.assertEqual(["failure", "success"], [t["status"] for t in task["tasks"]])

    def test_one_alone_is_no_group(self):
        _, stream, (vm,) = self.live()
        answer = self.rest.post("/vms/actions/start", {"ids": [vm]})
        self.assertEqual(["tasks"], list(answer))
        answer = self.rest.post("/vms/actions/start", {"ids": [self.new_id(), self.new_id()]})
        self.assertEqual(["tasks"], list(answer), "nobody does anything")

    def test_abort_of_a_group_aborts_its_parts(self):
        stream, commands, group = self.group(3)
        self.end(stream, commands[0].id)
        self.assertEqual(204, self.rest.request("POST", f"/tasks/{group}/actions/abort")[0])
        cancels = {stream.expect("cancel").id for _ in commands[1:]}
        self.assertEqual({c.id for c in commands[1:]}, cancels)
        for command in commands[1:]:
            self.end(stream, command.id, "FAILURE", "CANCELLED", "aborted")
        task = self.ended(group)
        self.assertIn("abortionRequestedAt", task)
        self.assertEqual(("failure", "CANCELLED"), (task["status"], task["result"]["code"]))

    def test_a_group_over_a_crash(self):
        stream, commands, group = self.group(2)
        self.end(stream, commands[0].id)
        self.crash()
        task = self.rest.get(f"/tasks/{group}")
        parts = {t["status"]: t["id"] for t in task["tasks"]}
        self.assertEqual({"success", "pending"}, parts.keys())
        self.assertEqual(50, task["progress"])
        stale = parts["pending"]
        self.assertEqual(204, self.rest.request("POST", f"/tasks/{stale}/actions/abort")[0])
        self.assertEqual("interrupted", self.ended(group)["status"])

    # --- deletion

    def test_what_is_over_can_be_deleted(self):
        stream, commands, group = self.group(2)
        parts = [task_id(c) for c in commands]
        self.assertEqual(409, self.rest.request("DELETE", f"/tasks/{group}")[0])
        self.assertEqual(409, self.rest.request("DELETE", f"/tasks/{parts[0]}")[0])
        self.end(stream, commands[0].id)
        self.assertEqual(409, self.rest.request("DELETE", f"/tasks/{parts[0]}")[0], "its group needs it")
        self.end(stream, commands[1].id)
        self.ended(group)
        self.assertEqual(204, self.rest.request("DELETE", f"/tasks/{group}")[0])
        for task in (group, *parts):
            self.assertEqual(404, self.rest.request("GET", f"/tasks/{task}")[0])
        self.assertEqual(404, self.rest.request("DELETE", f"/tasks/{group}")[0])
        self.crash()
        for task in (group, *parts):
            self.assertEqual(404, self.rest.request("GET", f"/tasks/{task}")[0])
        rows = [r for r in self.rest.get("/audit?limit=20&filter=action:task.delete")]
        self.assertEqual("3 tasks", rows[0]["detail"])

    def test_all_that_is_over(self):
        stream, commands, group = self.group(2)
        _, other, (vm,) = self.live(name="other")
        self.rest.post(f"/vms/{vm}/actions/start")
        done = other.expect("command")
        self.end(other, done.id)
        self.assertEqual(204, self.rest.request("DELETE", "/tasks")[0])
        left = {t["id"]: t for t in self.rest.get("/tasks?fields=id,status,properties")}
        self.assertLessEqual({group, *(task_id(c) for c in commands)}, left.keys())
        self.assertNotIn(task_id(done), left)
        for task in left.values():
            group = left.get(task["properties"].get("parentId"), task)
            self.assertEqual("pending", group["status"], "it, or what it is a part of")
        self.assertEqual(204, self.rest.request("DELETE", "/tasks")[0])

    def test_only_ones_own(self):
        """A user without privileges deletes what he asked for, and sees nothing else."""
        name = "deleter-" + self.new_id()
        user = self.rest.post("/users", {"name": name, "password": "a long one"})["id"]
        role = self.rest.post("/acl-roles", {"name": name})["id"]
        self.rest.post("/acl-privileges", {"roleId": role, "resource": "vm", "action": "start",
                                           "effect": "allow"})
        self.rest.post("/acl-privileges", {"roleId": role, "resource": "vm", "action": "read",
                                           "effect": "allow"})
        self.assertEqual(204, self.rest.request("PUT", f"/acl-roles/{role}/users/{user}")[0])
        token = self.rest.post(f"/users/{user}/authentication_tokens", {})["token"]["id"]
        his = type(self.rest)(self.rest.where, token, self.fleet.state / "ca.crt")
        _, stream, (mine, theirs) = self.live(2)
        his.post(f"/vms/{mine}/actions/start")
        first = stream.expect("command")
        self.rest.post(f"/vms/{theirs}/actions/start")
        second = stream.expect("command")
        for command in (first, second):
            self.end(stream, command.id)
        self.ended(task_id(second))
        self.assertEqual(403, his.request("DELETE", f"/tasks/{task_id(second)}")[0])
        self.assertEqual(204, his.request("DELETE", "/tasks")[0])
        self.assertEqual(404, self.rest.request("GET", f"/tasks/{task_id(first)}")[0])
        self.assertEqual("success", self.rest.get(f"/tasks/{task_id(second)}")["status"])


if __name__ == "__main__":
    unittest.main()
