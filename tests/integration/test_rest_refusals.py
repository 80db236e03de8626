# SPDX-License-Identifier: Apache-2.0
"""What REST refuses, over the wire: status, words, what a program finds in `data`, and that nothing has
happened. The rules themselves are tested where they are (docs/proof.md, "Bad input")."""

import json
import unittest
import urllib.parse

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fake_agent import FakeAgent
from tests.support.rest import wait_until

NOBODY = "00000000-0000-4000-8000-000000000000"
BODY_MAX = 1 << 20


def query(path, **parameters):
    return path + "?" + urllib.parse.urlencode(parameters, quote_via=urllib.parse.quote)


def filtered(text):
    return query("/vms", filter=text)


# (status, what the error says, members of `data`, method, path, body, headers); {name} as in setUp().
BAD_QUERIES = [
    (400, "filter: at character 12: a term is missing", {"stringToParse": "name_label:"}, "GET", filtered("name_label:")),
    (400, "filter: at character 3: unexpected character", {"stringToParse": "a @"}, "GET", filtered("a @")),
    (400, "filter: at character 9: a ) is missing", {"stringToParse": "|(a (b c"}, "GET", filtered("|(a (b c")),
    (400, "filter: at character 14: a number must follow", {}, "GET", filtered("CPUs:number:>")),
    (400, "filter: at character 16: missing closing parenthesis", {}, "GET", filtered("name_label:/^w(/")),
    (400, "filter: at character 15: a regular expression has no flag but i", {}, "GET", filtered("name_label:/w/g")),
    (400, "filter: at character 12: the regular expression takes too long", {"stringToParse": "name_label:/^(a+)+$/"},
     "GET", filtered("name_label:/^(a+)+$/")),
    (400, "filter: longer than 4096 bytes", {}, "GET", filtered("x" * 4097)),
    (400, "filter: at character 10: a ) is missing", {}, "POST", query("/vms/actions/start", filter="!tags:x (")),
    (400, "limit:", {}, "GET", "/vms?limit=-1"),
    (400, "fields:", {}, "GET", "/vms?fields=,"),
    (400, "sort: a VM has no property", {}, "GET", "/vms?sort=nonsense"),
    (400, 'sort: "memory" is an object', {}, "GET", "/vms?sort=-memory"),
    (400, "cursor:", {}, "GET", "/vms?cursor=0"),
    (400, "filter: at character 2: a ) is missing", {"stringToParse": "("}, "GET", query("/users", filter="(")),
    (400, "sort: none of users has a property", {}, "GET", "/users?sort=nonsense"),
    (400, 'sort: "groups" is a list', {}, "GET", "/users?sort=groups"),
    (400, "cursor:", {}, "GET", "/acl-privileges?cursor=0"),
    (400, "ndjson", {}, "GET", "/vms?ndjson=perhaps"),
    (400, "sync", {}, "POST", "/vms/{vm}/actions/start?sync=perhaps"),
]
UNKNOWN = [
    (401, "", {}, "GET", "/vms", None, {"Authorization": "Bearer nonsense"}),
    (401, "", {}, "GET", "/vms", None, {"Authorization": "Basic bm9uc2Vuc2U6bm9uc2Vuc2U="}),
    (401, "", {}, "GET", "/vms/{vm}", None, {"Authorization": "Negotiate x"}),
    (401, "", {}, "POST", "/vms/{vm}/actions/start", None, {"Authorization": ""}),
    (404, "", {"id": NOBODY, "type": "VM"}, "GET", f"/vms/{NOBODY}"),
    (404, "", {"id": "{host}", "type": "VM"}, "GET", "/vms/{host}"),
    (404, "", {"id": "7", "type": "host"}, "GET", "/hosts/7"),
    (404, "", {}, "GET", "/nosuch"),
    (404, "", {}, "POST", "/vms/{vm}/actions/frobnicate"),
    (405, "", {}, "DELETE", "/vms"),
]
BODIES = [
    (400, "JSON", {}, "POST", "/vms/{vm}/actions/start", b"{"),
    (400, "JSON", {}, "PATCH", "/vms/{vm}", b'{"cpus":1,"cpus":2}'),
    (400, "JSON", {}, "PATCH", "/vms/{vm}", b'{"name_label":"\xff"}'),
    (422, "an object is expected", {}, "PATCH", "/vms/{vm}", []),
    (422, "nonsense", {}, "PATCH", "/vms/{vm}", {"nonsense": 1}),
    (422, "cpus", {}, "PATCH", "/vms/{vm}", {"cpus": "two"}),
    (422, "cpus", {}, "PATCH", "/vms/{vm}", {"cpus": 1.5}),
    (422, "name_label", {}, "PATCH", "/vms/{vm}", {"name_label": 7}),
    (422, "memory", {}, "PATCH", "/vms/{vm}", {"memory": -1}),
    (422, "unknown property", {}, "POST", "/vms/{vm}/actions/start", {"speed": 9}),
    (422, "force", {}, "POST", "/vms/{vm}/actions/start", {"force": "yes"}),
    (422, "hostId", {}, "POST", "/vms/{vm}/actions/start", {"hostId": 7}),
    (422, "VM", {}, "POST", "/vbds", {"VM": 7, "VDI": NOBODY}),
    (422, "ids", {}, "POST", "/vms/actions/start", {"ids": "{vm}"}),
    (413, f"{BODY_MAX}", {}, "PATCH", "/vms/{vm}", b'{"name_label":"' + b"x" * BODY_MAX + b'"}'),
    (409, "Halted", {"actual": "Halted", "object": "{vm}", "property": "power_state"}, "POST",
     "/vms/{vm}/actions/pause?sync=true"),
    (503, "", {}, "POST", "/vms/{far}/actions/start"),
]

# What there is already, what stays as it is, what cannot be.
PROTECTED = [
    (409, 'there is a user "admin" already', {}, "POST", "/users", {"name": "admin"}),
    (409, 'there is a group "taken" already', {}, "POST", "/groups", {"name": "taken"}),
    (409, "", {}, "POST", "/acl-roles", {"name": "viewer"}),
    (409, "", {}, "DELETE", "/acl-roles/{viewer}"),
    (409, "", {}, "POST", "/acl-privileges",
     {"roleId": "{viewer}", "resource": "vm", "action": "start", "effect": "allow"}),
    (409, "neither be changed nor deleted", {}, "DELETE", "/vm-templates/{template}"),
    (422, "the VM is halted", {}, "GET", "/vms/{vm}/stats"),
]


class Refusals(AggregatorCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        host, away = (FakeAgent(cls.fleet, name).enrol() for name in ("near", "away"))
        cls.addClassCleanup(host.close)
        vm, far = cls.new_id(), cls.new_id()
        cls.stream = host.live(host.vm(vm, "a" * 40 + "!", "HALTED"))
        away.live(away.vm(far, "far", "HALTED"))
        away.close()
        roles = cls.rest.get("/acl-roles?fields=id&filter=name:viewer")
        templates = cls.rest.get("/vm-templates?fields=id&filter=isDefaultTemplate?")
        cls.names = {"vm": vm, "far": far, "host": host.id, "viewer": roles[0]["id"], "template": templates[0]["id"]}
        cls.rest.post("/groups", {"name": "taken"})
        wait_until("the second host is away", lambda: not cls.rest.get(f"/hosts/{away.id}")["connected"])

    def filled(self, value):
        text = json.dumps(value)
        for name, of in self.names.items():
            text = text.replace("{" + name + "}", of)
        return json.loads(text)

    def refused(self, status, words, data, method, path, body=None, headers=None):
        path, data = self.filled(path), self.filled(data)
        if not isinstance(body, (bytes, type(None))):
            body = self.filled(body)
        who = self.rest
        if headers and "Authorization" in headers:
            who = self.fleet.anonymous
            headers = {k: v for k, v in headers.items() if v}
        got, reply_headers, reply = who.request(method, path, body, headers)
        self.assertEqual((status, "application/json"), (got, reply_headers["Content-Type"].split(";")[0]), reply)
        self.assertIn(words, reply["error"])
        self.assertEqual(data, {key: reply.get("data", {}).get(key) for key in data})
        return reply

    def check(self, table):
        before = self.rest.get("/vms?fields=*"), self.rest.get("/tasks")
        for row in table:
            with self.subTest(row=str(row)[:200]):
                self.refused(*row)
        self.assertEqual(before, (self.rest.get("/vms?fields=*"), self.rest.get("/tasks")))
        self.assertEqual([], [m for m in self.stream.pending() if m.WhichOneof("kind") == "command"])

    def test_bad_queries(self):
        self.check(BAD_QUERIES)

    def test_what_is_not_known(self):
        self.check(UNKNOWN)

    def test_bodies_and_states(self):
        self.check(BODIES)

    def test_what_is_there_already_or_stays_as_it_is(self):
        self.check(PROTECTED)

    def test_who_may_not(self):
        user = self.rest.post("/users", {"name": "nobody special", "password": "long enough for this"})["id"]
        role = self.rest.post("/acl-roles", {"name": "few"})["id"]
        for action, effect, selector in (("read", "allow", "power_state:Halted"), ("start", "deny", "id:{vm}"), ("*", "allow", "")):
            self.rest.post("/acl-privileges", {"roleId": role, "resource": "vm", "action": action, "effect": effect,
                                               **({"selector": self.filled(selector)} if selector else {})})
        self.assertEqual(204, self.rest.request("PUT", f"/acl-roles/{role}/users/{user}")[0])
        login = {"username": "nobody special", "password": "long enough for this"}
        token = self.fleet.anonymous.post("/auth/login", login)["token"]["id"]
        his = {"Authorization": f"Bearer {token}"}

        def lacks(resource, action, **of):
            return {"missingPrivileges": [{"action": action, "resource": resource, **of}]}
        self.check([(403, "has no privilege", data, *request, his) for data, request in (
            (lacks("vm", "start", objectId="{vm}"), ("POST", "/vms/{vm}/actions/start", None)),
            (lacks("host", "read", objectId="{host}"), ("GET", "/hosts/{host}", None)),
            (lacks("user", "create"), ("POST", "/users", {"name": "another"})),
            (lacks("audit", "read"), ("GET", "/audit", None)),
        )])

    def test_what_was_seen_is_not_so_any_more(self):
        etag = self.rest.request("GET", "/vms/{vm}".format(**self.names))[1]["ETag"]
        self.check([
            (412, "has changed since it was read; hint: read it again", {"id": "{vm}", "etag": etag}, method, path, body,
             {"If-Match": tag})
            for tag in ('"older"', '"older", W/"weak"')
            for method, path, body in (("PATCH", "/vms/{vm}", {"name_label": "x"}), ("DELETE", "/vms/{vm}", None),
                                       ("PUT", "/vms/{vm}/tags/x", None), ("POST", "/vms/{vm}/actions/start", None))
        ] + [(400, "is no object that has an ETag", {}, "POST", "/vms/actions/start", {"ids": []}, {"If-Match": etag})])

    def test_a_key_of_another_request(self):
        key = {"Idempotency-Key": self.new_id()}
        first = (409, "Halted", {}, "POST", "/vms/{vm}/actions/pause", {}, key)
        self.check([first, first] + [
            (422, "was used for another request", {}, *another, key)
            for another in (("POST", "/vms/{vm}/actions/pause", {"force": True}), ("POST", "/vms/{vm}/actions/pause", None),
                            ("POST", "/vms/{vm}/actions/pause?sync=true", {}), ("POST", "/vms/{far}/actions/pause", {}),
                            ("PATCH", "/vms/{vm}", {}), ("DELETE", "/vms/{vm}", None))
        ] + [(400, "Idempotency-Key", {}, "POST", "/vms/{vm}/actions/pause", {}, {"Idempotency-Key": "x" * 129})])


if __name__ == "__main__":
    unittest.main()
