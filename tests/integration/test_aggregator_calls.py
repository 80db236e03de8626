# SPDX-License-Identifier: Apache-2.0
"""Calls on their way through the aggregator: from REST to a host and back, over breaks of both."""

import json
import threading
import unittest
import uuid

import grpc

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fake_agent import messages, result


def call_of(command):
    return (command.call.method, str(uuid.UUID(bytes=command.call.object)),
            json.loads(command.call.arguments))


class Calls(AggregatorCase):
    def live(self, power="HALTED", name="fake"):
        vm = self.new_id()
        agent = self.agent(name)
        return agent, agent.live(agent.vm(vm, power=power)), vm

    def in_background(self, method, path, body=None):
        """The request's (status, body), once it is joined."""
        answer = []
        thread = threading.Thread(
            target=lambda: answer.append(self.rest.request(method, path, body)))
        thread.start()

        def wait():
            thread.join(60)
            status, headers, data = answer[0]
            return status, data, headers
        return wait

    def succeed(self, stream, command, **value):
        answer = result(command.id)
        answer.value = json.dumps(value)
        stream.send(result=answer)
        stream.expect("result_ack", lambda a: a.id == command.id)

    def test_an_edit_and_what_it_gives_back(self):
        agent, stream, vm = self.live()
        wait = self.in_background("PATCH", f"/vms/{vm}", {"tags": ["x"], "memory": "1GiB"})
        command = stream.expect("command")
        self.assertEqual(("vm.edit", vm, {"tags": ["x"], "memory": "1GiB"}), call_of(command))
        self.succeed(stream, command, applied=["tags"], pending=["memory"])
        status, data, _ = wait()
        self.assertEqual((200, {"applied": ["tags"], "pending": ["memory"]}), (status, data))
        task = self.rest.get(f"/tasks/{uuid.UUID(bytes=command.id)}")
        self.assertEqual(("vm.edit", vm, "VM", data),
                         (task["properties"]["method"], task["properties"]["objectId"],
                          task["properties"]["objectType"], task["result"]))

    def test_what_is_made_has_an_id_before_it_leaves(self):
        agent, stream, vm = self.live()
        wait = self.in_background("POST", f"/vms/{vm}/actions/clone?sync=true",
                                  {"name_label": "two"})
        command = stream.expect("command")
        method, _, arguments = call_of(command)
        self.assertEqual(("vm.clone", "two"), (method, arguments["name_label"]))
        self.succeed(stream, command, id=arguments["id"])
        status, data, headers = wait()
        self.assertEqual((201, {"id": arguments["id"]}), (status, data))
        self.assertEqual(f"/rest/v0/vms/{arguments['id']}", headers["Location"])

    def test_it_is_sent_again_as_it_was(self):
        agent, stream, vm = self.live()
        task = self.rest.post(f"/vms/{vm}/actions/snapshot", {"name_label": "s"})["taskId"]
        first = stream.expect("command")
        self.assertEqual(task, str(uuid.UUID(bytes=first.id)))
        stream.close()
        stream, _ = agent.connect()
        again = stream.expect("command")
        self.assertEqual((first.id, call_of(first)), (again.id, call_of(again)))
        self.crash()
        stream, _ = agent.connect()
        again = stream.expect("command")
        self.assertEqual((first.id, call_of(first)), (again.id, call_of(again)))
        self.succeed(stream, again, id=call_of(again)[2]["id"], pausedMs=3)
        self.assertEqual(3, self.rest.task(task)["result"]["pausedMs"])
        self.crash()
        self.assertEqual(3, self.rest.task(task)["result"]["pausedMs"])

    def test_a_failure_and_an_abort(self):
        agent, stream, vm = self.live()
        wait = self.in_background("PATCH", f"/vms/{vm}", {"nameLabel": "taken"})
        command = stream.expect("command")
        stream.send(result=result(command.id, "FAILURE", "EXISTS", "name: taken"))
        status, data, _ = wait()
        self.assertEqual((409, "name: taken"), (status, data["error"]))
        task = self.rest.post(f"/vms/{vm}/actions/convert_to_template")["taskId"]
        command = stream.expect("command")
        self.rest.post(f"/tasks/{task}/actions/abort")
        self.assertEqual(command.id, stream.expect("cancel").id)
        stream.send(result=result(command.id, "FAILURE", "CANCELLED", "stopped"))
        self.assertEqual("stopped", self.rest.task(task)["result"]["message"])

    def test_an_older_agent(self):
        agent, stream, vm = self.live()
        wait = self.in_background("DELETE", f"/vms/{vm}?disks=false")
        command = stream.expect("command")
        self.assertEqual(("vm.delete", vm, {"disks": False}), call_of(command))
        stream.send(result=result(command.id, "FAILURE", "UNSUPPORTED", "upgrade it"))
        self.assertEqual(501, wait()[0])

    def test_values_that_are_none(self):
        agent, stream, vm = self.live()
        for value in ("[1]", "{", "7"):
            wait = self.in_background("PATCH", f"/vms/{vm}", {"tags": []})
            command = stream.expect("command")
            answer = result(command.id)
            answer.value = value
            stream.send(result=answer)
            self.assertEqual(204, wait()[0], value)
        task = self.rest.patch(f"/vms/{vm}?sync=false", {"tags": []})["taskId"]
        command = stream.expect("command")
        answer = result(command.id)
        answer.value = json.dumps({"id": "x" * 1024})
        stream.send(result=answer)
        code, details = stream.ended()
        self.assertEqual(grpc.StatusCode.INVALID_ARGUMENT, code)
        self.assertIn("result.value", details)
        stream, _ = agent.connect()
        self.succeed(stream, stream.expect("command"))
        self.assertEqual("success", self.rest.task(task)["status"])

    def test_refused_before_there_is_a_task(self):
        agent, stream, vm = self.live("RUNNING")
        before = len(self.rest.get("/tasks"))
        for status, words, method, path, body in (
                (409, "needs it Halted; hint: shut it down", "DELETE", f"/vms/{vm}", None),
                (409, "Halted", "POST", f"/vms/{vm}/actions/convert_to_template", {}),
                (422, "arguments: cpus", "PATCH", f"/vms/{vm}", {"cpus": "many"}),
                (404, "VM", "PATCH", f"/vms/{self.new_id()}", {}),
                (404, "VM-template", "DELETE", f"/vm-templates/{vm}", None),
                (404, "VBD", "DELETE", f"/vbds/{self.new_id()}", None),
                (404, "SR", "POST", "/vdis", {"srId": self.new_id(), "virtual_size": 1}),
                (422, "srId", "POST", "/vdis", {"virtual_size": 1}),
                (404, "pool", "POST", f"/pools/{self.new_id()}/actions/create_vm", {}),
                (400, "sync", "PATCH", f"/vms/{vm}?sync=maybe", {})):
            with self.subTest(path=path, status=status):
                got, _, data = self.rest.request(method, path, body)
                self.assertEqual(status, got, data)
                self.assertIn(words, json.dumps(data))
        stream.close()
        self.wait_host(agent, lambda h: not h["connected"])
        self.assertEqual(503, self.rest.request("PATCH", f"/vms/{vm}", {"tags": []})[0])
        self.assertEqual(503, self.rest.request(
            "POST", f"/hosts/{agent.id}/actions/restart_toolstack", {})[0])
        self.assertEqual(before, len(self.rest.get("/tasks")))

    def test_a_host_and_a_new_vm(self):
        agent, stream, vm = self.live(name="roomy")
        self.rest.post(f"/hosts/{agent.id}/actions/restart_toolstack", {"bypassBackupCheck": True})
        command = stream.expect("command")
        self.assertEqual(("host.restart_agent", agent.id, {}), call_of(command))
        self.succeed(stream, command)
        pool = self.rest.get("/pools?fields=id")[0]["id"]
        self.rest.post(f"/pools/{pool}/actions/create_vm",
                       {"name_label": "new", "template": vm, "memory": "1GiB"})
        command = stream.expect("command")
        method, host, arguments = call_of(command)
        self.assertEqual(("vm.create", agent.id, "new"), (method, host, arguments["name_label"]))
        self.succeed(stream, command, id=arguments["id"])

    def test_every_call_is_audited(self):
        agent, stream, vm = self.live()
        self.rest.patch(f"/vms/{vm}?sync=false", {"tags": ["seen"]})
        self.succeed(stream, stream.expect("command"))
        rows = [r for r in self.rest.get("/audit?limit=100") if r["object"] == vm]
        self.assertEqual([("vm.edit", "success"), ("vm.edit", "requested")],
                         [(r["action"], r["result"]) for r in rows])
        self.assertIn('{"tags":["seen"]}', rows[1]["detail"])

    def test_a_group(self):
        agent, stream, vm = self.live()
        other = self.new_id()
        agent.delta(stream, agent.vm(other, name="other", power="RUNNING"))
        agent.wait_acked(stream)
        answer = self.rest.post("/vms/actions/start", {"ids": [vm, other, self.new_id()]})["tasks"]
        self.assertEqual(["taskId", "error", "error"], [list(e)[1] for e in answer])
        self.assertEqual(["STATE", "NOT_FOUND"], [e["error"]["code"] for e in answer[1:]])
        self.assertEqual(answer[0]["taskId"], str(uuid.UUID(bytes=stream.expect("command").id)))
        answer = self.rest.post("/vms/actions/snapshot", {"ids": [vm, other]})["tasks"]
        ids = {call_of(stream.expect("command"))[2]["id"] for _ in answer}
        self.assertEqual(2, len(ids))


if __name__ == "__main__":
    unittest.main()
