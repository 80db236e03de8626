# SPDX-License-Identifier: Apache-2.0
"""Users, groups, roles and signing in, at a running aggregator: who gets in, who may what, what is
kept and what is written down."""

import base64
import hashlib
import hmac
import sqlite3
import struct
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from aggregator_case import AggregatorCase
from tests.support.rest import Rest, wait_until

PASSWORD = "correct horse: battery"


def basic(name, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def code_of(secret, step):
    """RFC 6238, by somebody else's HMAC."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000:06}"


class AccessTest(AggregatorCase):
    def user(self, name, **more):
        return self.rest.post("/users", {"name": name, "password": PASSWORD, **more})["id"]

    def signed_in(self, name, password=PASSWORD):
        status, _, reply = self.fleet.anonymous.request(
            "POST", "/auth/login", {"username": name, "password": password})
        self.assertEqual(201, status, reply)
        return Rest(self.fleet.url, reply["token"]["id"], self.fleet.state / "ca.crt")

    def role(self, name):
        roles = self.rest.get("/acl-roles?fields=id,name")
        return next(role["id"] for role in roles if role["name"] == name)

    def give(self, role, user):
        self.assertEqual(204, self.rest.request("PUT", f"/acl-roles/{role}/users/{user}")[0])

    def status(self, rest, method, path, body=None, headers=None):
        return rest.request(method, path, body, headers)[0]

    def test_who_has_nothing_sees_nothing_but_himself(self):
        self.agent("quiet")
        user = self.user("newcomer")
        rest = self.signed_in("newcomer")
        self.assertEqual("newcomer", rest.get("/users/me")["name"])
        self.assertEqual(user, rest.get("/users/me")["id"])
        self.assertEqual([], rest.get("/hosts"))
        self.assertEqual([], rest.get("/users/me/acl-privileges"))
        status, _, reply = rest.request("GET", "/users")
        self.assertEqual((403, "user:read"), (status, "{resource}:{action}".format(
            **reply["data"]["missingPrivileges"][0])))
        for method, path in (("GET", "/audit"), ("GET", "/join-tokens"), ("POST", "/join-tokens"),
                             ("GET", "/groups"), ("POST", "/acl-roles"), ("POST", "/calls")):
            self.assertEqual(403, self.status(rest, method, path), path)

    def test_nobody_reaches_another_user(self):
        other = self.user("private")
        self.user("nosy")
        rest = self.signed_in("nosy")
        at = f"/users/{other}"
        token = self.signed_in("private").get("/users/me/authentication_tokens")[0]["uuid"]
        code = {"secret": "A" * 32, "code": "000000"}
        for status, method, path, body in (
                (403, "GET", at, None), (403, "GET", at + "/groups", None),
                (403, "GET", at + "/acl-privileges", None),
                (403, "GET", at + "/authentication_tokens", None),
                (403, "POST", at + "/authentication_tokens", {}),
                (403, "DELETE", f"{at}/authentication_tokens/{token}", None),
                (404, "DELETE", f"/users/me/authentication_tokens/{token}", None),
                (403, "POST", at + "/otp", None), (403, "PUT", at + "/otp", code),
                (403, "DELETE", at + "/otp", None), (403, "DELETE", at, None),
                (403, "PATCH", at, {"name": "mine"}), (403, "PATCH", at, {"permission": "admin"}),
                (403, "PATCH", at, {"password": PASSWORD, "oldPassword": PASSWORD}),
                (422, "PATCH", at, {}), (403, "PATCH", "/users/me", {"name": "another"}),
                (403, "POST", "/users", {"name": "more"}), (403, "GET", "/users", None)):
            got, _, reply = rest.request(method, path, body)
            self.assertEqual(status, got, f"{method} {path}: {reply}")
            self.assertNotIn('"private', str(reply))

    def test_roles(self):
        agent = self.agent("seen")
        user = self.user("looker")
        rest = self.signed_in("looker")
        viewer = self.role("viewer")
        self.give(viewer, user)
        self.assertIn(f"/rest/v0/hosts/{agent.id}", rest.get("/hosts"))
        self.assertEqual(403, self.status(rest, "POST", f"/hosts/{agent.id}/actions/disable"))
        self.assertEqual(403, self.status(rest, "GET", "/audit"))
        self.assertEqual(409, self.status(self.rest, "DELETE", f"/acl-roles/{viewer}"))
        copy = self.rest.post(f"/acl-roles/{viewer}/actions/copy", {"name": "not this one"})["id"]
        self.rest.post("/acl-privileges", {"roleId": copy, "resource": "host", "action": "read",
                                           "effect": "deny", "selector": f"id:{agent.id}"})
        group = self.rest.post("/groups", {"name": "lookers"})["id"]
        self.assertEqual(204, self.status(self.rest, "PUT", f"/acl-roles/{copy}/groups/{group}"))
        self.assertEqual(204, self.status(self.rest, "PUT", f"/groups/{group}/users/{user}"))
        self.assertNotIn(f"/rest/v0/hosts/{agent.id}", rest.get("/hosts"))
        self.assertEqual(403, self.status(rest, "GET", f"/hosts/{agent.id}"))
        self.assertEqual([group], self.rest.get(f"/users/{user}")["groups"])
        self.assertEqual(204, self.status(self.rest, "DELETE", f"/groups/{group}/users/{user}"))
        self.assertIn(f"/rest/v0/hosts/{agent.id}", rest.get("/hosts"))
        written = {(r["action"], r["object"]): r["detail"] for r in self.rest.get("/audit?limit=100")}
        self.assertEqual(f"role viewer ({viewer}) to user looker ({user})", written["role.assign", viewer])
        self.assertEqual(f"role not this one ({copy}) to group lookers ({group})", written["role.assign", copy])
        self.assertEqual(f"user looker ({user}) to group lookers ({group})", written["group.add-user", group])
        self.assertEqual(f"user looker ({user}) from group lookers ({group})", written["group.remove-user", group])
        for bad, says in (({"action": "fly"}, "none of"), ({"selector": "("}, "character"),
                          ({"resource": "vn"}, "not known"), ({"effect": "maybe"}, "deny")):
            status, _, reply = self.rest.request("POST", "/acl-privileges", {
                "roleId": copy, "resource": "vm", "action": "read", "effect": "allow", **bad})
            self.assertIn(status, (400, 422), reply)
            self.assertIn(says, reply["error"])

    def test_a_change_of_what_was_seen(self):
        role = self.rest.post("/acl-roles", {"name": "seen role"})["id"]
        privilege = self.rest.post("/acl-privileges", {"roleId": role, "resource": "vm", "action": "read",
                                                       "effect": "allow"})["id"]
        rule = self.rest.post("/alarm-rules", {"name": "seen rule", "kind": "VM", "series": "cpu.usage", "warning": 90})
        for path, change in (
                (f"/users/{self.user('seen user')}", {"name": "changed user"}),
                (f"/groups/{self.rest.post('/groups', {'name': 'seen group'})['id']}", {"name": "changed group"}),
                (f"/acl-privileges/{privilege}", {"action": "start"}),
                (f"/acl-roles/{role}", {"description": "changed"}),
                (f"/alarm-rules/{rule['id']}", {"warning": 80})):
            with self.subTest(path=path):
                seen = self.rest.request("GET", path)[1]["ETag"]
                self.assertEqual(304, self.status(self.rest, "GET", path, headers={"If-None-Match": seen}))
                self.assertIn(self.status(self.rest, "PATCH", path, change, {"If-Match": seen}), (200, 204))
                now = self.rest.request("GET", path)[1]["ETag"]
                self.assertNotEqual(seen, now)
                for method, body in (("PATCH", change), ("DELETE", None)):
                    status, headers, reply = self.rest.request(method, path, body, {"If-Match": seen})
                    self.assertEqual((412, now, now), (status, headers["ETag"], reply["data"]["etag"]))
                    self.assertIn("has changed since it was read; hint: read it again", reply["error"])
                self.assertEqual(200, self.status(self.rest, "GET", path))
                self.assertEqual(204, self.status(self.rest, "DELETE", path, headers={"If-Match": now}))
                self.assertEqual(404, self.status(self.rest, "DELETE", path, headers={"If-Match": now}))

    def test_a_trial_changes_nothing(self):
        group = self.rest.post("/groups", {"name": "tried"})["id"]
        user = self.user("tried")
        role = self.rest.post("/acl-roles", {"name": "tried"})["id"]
        before = [self.rest.get(f"/{what}?fields=*") for what in ("users", "groups", "acl-roles", "acl-privileges")]
        for status, method, path, body in (
                (204, "POST", "/users", {"name": "another"}), (409, "POST", "/users", {"name": "tried"}),
                (422, "POST", "/users", {"name": "another", "permission": "emperor"}),
                (204, "PATCH", f"/users/{user}", {"name": "renamed"}), (204, "DELETE", f"/users/{user}", None),
                (204, "PUT", f"/groups/{group}/users/{user}", None), (404, "PUT", f"/groups/{group}/users/{role}", None),
                (204, "DELETE", f"/groups/{group}", None), (404, "DELETE", f"/groups/{user}", None),
                (204, "PUT", f"/acl-roles/{role}/groups/{group}", None),
                (204, "PATCH", f"/acl-roles/{role}", {"description": "d"}),
                (409, "PATCH", f"/acl-roles/{self.role('viewer')}", {"description": "d"}),
                (204, "POST", "/acl-privileges", {"roleId": role, "resource": "vm", "action": "read", "effect": "allow"}),
                (422, "POST", "/acl-privileges", {"roleId": role, "resource": "vm", "action": "fly", "effect": "allow"}),
                (204, "POST", "/alarm-targets", {"name": "t", "type": "webhook", "url": "https://127.0.0.1:1/"}),
                (400, "POST", "/users/me/authentication_tokens", {}), (400, "POST", "/join-tokens", {"name": "x"})):
            with self.subTest(method=method, path=path, body=body):
                got, _, reply = self.rest.request(method, path + "?dryRun=true", body)
                self.assertEqual(status, got, reply)
        self.assertEqual(before, [self.rest.get(f"/{what}?fields=*") for what in (
            "users", "groups", "acl-roles", "acl-privileges")])
        self.assertFalse([t for t in self.rest.get("/alarm-targets") if t["name"] == "t"])

    def test_of_two_who_have_seen_the_same_one_changes_it(self):
        group = f"/groups/{self.rest.post('/groups', {'name': 'of two'})['id']}"
        seen = {"If-Match": self.rest.request("GET", group)[1]["ETag"]}
        with ThreadPoolExecutor() as pool:
            got = sorted(pool.map(lambda n: self.status(self.rest, "PATCH", group, {"name": f"of {n}"}, seen), range(8)))
        self.assertEqual(204, got[0])
        self.assertLessEqual(set(got[1:]), {409, 412})

    def test_an_etag_tells_nothing_of_what_is_not_to_be_seen(self):
        other = f"/users/{self.user('unseen')}"
        self.user("guesser")
        rest = self.signed_in("guesser")
        for body in ({"name": "x"}, {"permission": "admin"}):
            status, headers, reply = rest.request("PATCH", other, body, {"If-Match": '"guess"'})
            self.assertEqual((403, None), (status, headers["ETag"]), reply)
            self.assertNotIn("etag", reply.get("data", {}))
        me = rest.request("GET", "/users/me")[1]["ETag"]
        self.assertEqual(412, self.status(rest, "PATCH", "/users/me", {"password": PASSWORD}, {"If-Match": '"x"'}))
        self.assertEqual(204, self.status(rest, "PATCH", "/users/me", {
            "password": PASSWORD + "2", "oldPassword": PASSWORD}, {"If-Match": me}))

    def test_a_group_with_roles_is_the_administrators(self):
        clerk, other = self.user("clerk"), self.user("somebody else")
        role = self.rest.post("/acl-roles", {"name": "clerks"})["id"]
        for action in ("delete", "update"):
            self.rest.post("/acl-privileges", {"roleId": role, "resource": "group",
                                               "action": action, "effect": "allow"})
        self.give(role, clerk)
        rest = self.signed_in("clerk")
        group = self.rest.post("/groups", {"name": "bound"})["id"]
        path = f"/groups/{group}"
        self.assertEqual(204, self.status(rest, "PUT", f"{path}/users/{other}"))
        self.assertEqual(204, self.status(rest, "DELETE", f"{path}/users/{other}"))
        self.assertEqual(204, self.status(rest, "PUT", f"{path}/users/{clerk}"))
        self.assertEqual(204, self.status(self.rest, "PUT", f"/acl-roles/{role}{path}"))
        for method, at in (("PUT", f"{path}/users/{other}"), ("DELETE", f"{path}/users/{clerk}"),
                           ("DELETE", path)):
            status, _, reply = rest.request(method, at)
            self.assertEqual(403, status, reply)
            self.assertIn("with roles", reply["error"])
        self.assertEqual(204, self.status(rest, "PATCH", path, {"name": "still bound"}))
        self.assertEqual(204, self.status(self.rest, "DELETE", f"/acl-roles/{role}{path}"))
        self.assertEqual(204, self.status(rest, "DELETE", path))

    def test_refusals_are_written_down_once(self):
        agent = self.agent("not for him")
        self.user("curious")
        rest = self.signed_in("curious")
        guess = Rest(self.fleet.url, "mt1.guess", self.fleet.state / "ca.crt")
        for _ in range(5):
            self.assertEqual(403, self.status(rest, "GET", f"/hosts/{agent.id}"))
            self.assertEqual(401, self.status(guess, "GET", "/hosts"))
        self.assertEqual(403, self.status(rest, "GET", "/audit"))
        self.fleet.anonymous.request("GET", "/users/me", headers=basic("curious", "guessed"))

        def rows():
            found = [row for row in self.rest.get("/audit?limit=1000")
                     if row["result"] == "refused"]
            return found if any("sign-in as curious" in row["detail"] for row in found) else None

        found = wait_until("the refusals are in the log", rows)
        his = [row for row in found if row["user"] == "curious" and " more " not in row["detail"]]
        self.assertEqual(
            ["/rest/v0/audit: 403 curious has no privilege audit:read",
             f"/rest/v0/hosts/{agent.id}: 403 curious has no privilege host:read for {agent.id}"],
            [row["detail"] for row in his])
        self.assertEqual(["", agent.id], [row["object"] for row in his])
        self.assertTrue(all("127.0.0.1" in row["from"] for row in his), his)
        # Which of these came first is another test's business.
        self.assertTrue(any(row["user"] == "nobody" and ": 401 " in row["detail"] for row in found), found)
        self.assertNotIn("guessed", str(found))

    def test_everything_is_there_after_a_crash(self):
        user = self.user("lasting")
        role = self.rest.post("/acl-roles", {"name": "lasting"})["id"]
        self.rest.post("/acl-privileges", {"roleId": role, "resource": "audit", "action": "read",
                                           "effect": "allow"})
        self.give(role, user)
        rest = self.signed_in("lasting")
        self.crash()
        self.assertEqual(200, self.status(rest, "GET", "/audit"))
        self.assertEqual(204, self.status(self.rest, "DELETE", f"/users/{user}"))
        self.assertEqual(401, self.status(rest, "GET", "/audit"))
        self.crash()
        self.assertEqual(401, self.status(rest, "GET", "/audit"))

    def test_passwords(self):
        user = self.user("typist")
        door = self.fleet.anonymous
        for _ in range(2):  # looked at, then remembered
            status, _, me = door.request("GET", "/users/me", headers=basic("typist", PASSWORD))
            self.assertEqual((200, user), (status, me["id"]))
        status, _, wrong = door.request("GET", "/users/me", headers=basic("typist", "wrong one"))
        self.assertEqual(401, status)
        status, _, unknown = door.request("GET", "/users/me", headers=basic("typo", "wrong one"))
        self.assertEqual((401, wrong["error"]), (status, unknown["error"]))
        status, _, reply = door.request("GET", "/users/me", headers=basic("typist", "again wrong"))
        self.assertEqual(429, status, reply)
        self.assertIn("too many wrong passwords", reply["error"])
        with sqlite3.connect(f"file:{self.fleet.state / 'muster.db'}?mode=ro", uri=True) as db:
            row, = db.execute("SELECT password FROM users WHERE name = 'typist'").fetchone()
        self.assertTrue(row.startswith("$argon2id$v=19$m=19456,t=2,p=1$"), row)
        audit = str(self.rest.get("/audit?limit=1000")) + self.fleet.aggregator.text()
        self.assertNotIn(PASSWORD, audit)
        self.assertNotIn("wrong one", audit)

    def test_changing_passwords(self):
        user = self.user("changer")
        rest = self.signed_in("changer")
        new = {"password": "quite another one"}
        self.assertEqual(422, self.status(rest, "PATCH", "/users/me", {"password": "short"}))
        self.assertEqual(422, self.status(rest, "PATCH", "/users/me", new))
        self.assertEqual(204, self.status(rest, "PATCH", "/users/me",
                                          {**new, "oldPassword": PASSWORD}))
        self.assertEqual(403, self.status(rest, "PATCH", "/users/me", {"permission": "admin"}))
        self.signed_in("changer", "quite another one")
        self.assertEqual(204, self.status(self.rest, "PATCH", f"/users/{user}",
                                          {"password": PASSWORD, "permission": "admin"}))
        self.signed_in("changer")
        self.assertEqual(200, self.status(rest, "GET", "/audit"))
        self.assertEqual(403, self.status(rest, "PATCH", "/users/me", {"permission": "none"}))

    def test_lists_in_order_and_in_pages(self):
        names = [f"page-{i}" for i in range(5)]
        for name in reversed(names):
            self.user(name)
        path, pages = "/users?filter=name:page-&sort=-name&fields=name&limit=2&cursor=", []
        while path:
            status, headers, page = self.rest.request("GET", path)
            self.assertEqual(200, status, page)
            pages.append([user["name"] for user in page])
            link = headers.get("Link")
            path = link[1:link.index(">")].removeprefix("/rest/v0") if link else None
        self.assertEqual([["page-4", "page-3"], ["page-2", "page-1"], ["page-0"]], pages)
        self.assertEqual(names, [user["name"] for user in self.rest.get(
            "/users?filter=name:page-&sort=name&fields=name")])
        self.assertEqual(2, len(self.rest.request("GET", "/acl-privileges?sort=resource&limit=2&ndjson=true")[2]))

    def test_lists_that_come_whole(self):
        """Join tokens, rules, targets and tokens are objects unless fields are named; the rest is as everywhere."""
        for name in ("whole-b", "whole-a"):
            self.rest.post("/join-tokens", {"name": name})
            self.rest.post("/users/me/authentication_tokens", {"description": name})
            self.rest.post("/alarm-targets", {"type": "webhook", "name": name, "url": "https://127.0.0.1:1/"})
            self.rest.post("/alarm-rules", {"name": name, "series": "memory", "warning": 1})
        for path, name in (("/join-tokens", "name"), ("/users/me/authentication_tokens", "description"),
                           ("/alarm-targets", "name"), ("/alarm-rules", "name")):
            whole = [v for v in self.rest.get(path) if v[name].startswith("whole-")]
            self.assertEqual(2, len(whole), path)
            asked = f"{path}?filter={name}:whole-"
            self.assertEqual(sorted(whole, key=lambda v: v[name]), self.rest.get(f"{asked}&sort={name}"))
            self.assertEqual(["whole-b"], [v[name] for v in self.rest.get(f"{asked}&sort=-{name}&limit=1&fields={name}")])
            self.assertLessEqual(set(self.rest.get(f"{asked}&fields={name}")[0]), {name, "href"})
            status, headers, _ = self.rest.request("GET", f"{asked}&sort={name}&limit=1")
            following = headers["Link"][1:headers["Link"].index(">")].removeprefix("/rest/v0")
            self.assertEqual(["whole-b"], [v[name] for v in self.rest.get(following)], path)
            for wrong in ("filter=(", "sort=nothing", "limit=-1", "cursor=x"):
                status, _, reply = self.rest.request("GET", f"{path}?{wrong}")
                self.assertEqual(400, status, f"{path}?{wrong}: {reply}")

    def test_the_last_administrator_stays(self):
        admins = self.rest.get("/users?fields=*&filter=permission:admin")
        keep = next(a for a in admins if a["name"] == "admin")
        for other in admins:
            if other["id"] != keep["id"]:
                self.rest.delete(f"/users/{other['id']}")
        status, _, reply = self.rest.request("DELETE", f"/users/{keep['id']}")
        self.assertEqual(409, status, reply)
        self.assertIn("last administrator", reply["error"])

    def test_one_time_codes(self):
        self.user("careful")
        rest = self.signed_in("careful")
        made = rest.post("/users/me/otp")
        secret = made["secret"]
        self.assertEqual(f"otpauth://totp/Muster:careful?secret={secret}&issuer=Muster", made["uri"])
        step = int(time.time()) // 30
        self.assertEqual(422, self.status(rest, "PUT", "/users/me/otp",
                                          {"secret": secret, "code": code_of(secret, step + 9)}))
        status, _, reply = rest.request("PUT", "/users/me/otp",
                                        {"secret": secret, "code": code_of(secret, step)})
        self.assertEqual(200, status, reply)
        door, codes = self.fleet.anonymous, reply["recoveryCodes"]
        self.assertEqual(8, len(set(codes)))
        login = {"username": "careful", "password": PASSWORD}
        self.assertEqual(201, self.status(door, "POST", "/auth/login", {**login, "otp": codes[3]}))
        self.assertEqual(200, self.status(door, "GET", f"/users/me?otp={codes[0]}",
                                          headers=basic("careful", PASSWORD)))
        self.assertEqual(401, self.status(door, "POST", "/auth/login", {**login, "otp": codes[3]}))
        self.assertTrue(rest.get("/users/me")["hasOtp"])
        user = rest.get("/users/me")["id"]
        self.assertEqual(204, self.status(self.rest, "DELETE", f"/users/{user}/otp"))
        self.assertFalse(rest.get("/users/me")["hasOtp"])

    def test_a_code_counts_once(self):
        self.user("twice")
        rest = self.signed_in("twice")
        secret = rest.post("/users/me/otp")["secret"]
        step = int(time.time()) // 30
        code = code_of(secret, step)
        self.assertEqual(200, self.status(rest, "PUT", "/users/me/otp",
                                          {"secret": secret, "code": code}))
        status, _, _ = self.fleet.anonymous.request(
            "POST", "/auth/login", {"username": "twice", "password": PASSWORD, "otp": code})
        self.assertEqual(401, status)

    def test_tokens(self):
        user = self.user("programmer")
        rest = self.signed_in("programmer")
        made = rest.post("/users/me/authentication_tokens",
                         {"client": {"id": "ci"}, "expiresIn": "2 hours"})["token"]
        self.assertEqual(2 * 3600 * 1000, made["expiration"] - made["created_at"])
        self.assertEqual(user, made["user_id"])
        again = rest.post("/users/me/authentication_tokens", {"client": {"id": "ci"}})["token"]
        self.assertEqual(30 * 86400 * 1000, again["expiration"] - again["created_at"])
        old = Rest(self.fleet.url, made["id"], self.fleet.state / "ca.crt")
        self.assertEqual(401, self.status(old, "GET", "/users/me"))
        listed = rest.get("/users/me/authentication_tokens")
        self.assertEqual(2, len(listed))
        self.assertTrue(any("127.0.0.1" in token["last_uses"] for token in listed))
        path = f"/users/{self.admin()}/authentication_tokens"
        self.assertEqual(403, self.status(rest, "GET", path))
        for bad in ("1 second", 59999, "1 year", "400 days", True):
            self.assertEqual(422, self.status(rest, "POST", "/users/me/authentication_tokens",
                                              {"expiresIn": bad}), bad)
        self.assertEqual(204, self.status(rest, "POST", "/auth/logout"))
        self.assertEqual(401, self.status(rest, "GET", "/users/me"))

    def admin(self):
        return self.rest.get("/users?fields=id&filter=name:admin")[0]["id"]

    def test_a_token_that_has_expired(self):
        made = self.rest.post("/users/me/authentication_tokens", {"expiresIn": "1 hour"})["token"]
        rest = Rest(self.fleet.url, made["id"], self.fleet.state / "ca.crt")
        self.assertEqual(200, self.status(rest, "GET", "/users/me"))
        self.fleet.aggregator.kill()
        with sqlite3.connect(self.fleet.state / "muster.db") as db:
            changed = db.execute("UPDATE api_tokens SET expires_at = created_at + 1 WHERE id = ?",
                                 (uuid.UUID(made["uuid"]).bytes,)).rowcount
        db.close()
        self.assertEqual(1, changed)
        self.fleet.restart_aggregator()
        status, _, reply = rest.request("GET", "/users/me")
        self.assertEqual((401, True), (status, "not known" in reply["error"]), reply)
        status, _, reply = rest.request("GET", "/hosts")
        self.assertEqual(401, status, reply)

    def test_what_a_request_may_say_of_who_asks(self):
        door, token = self.fleet.anonymous, self.rest.token
        cookie = {"Cookie": f"authenticationToken={token}"}
        self.assertEqual(200, self.status(door, "GET", "/users/me", headers=cookie))
        self.assertEqual(200, self.status(door, "GET", "/users/me",
                                          headers={"Cookie": f"token={token}"}))
        self.assertEqual(200, self.status(door, "GET", "/users/me", headers=basic("x", token)))
        encoded = base64.b64encode(f"x:{token}".encode()).decode()
        for status, why, headers in (
                (400, "send one", {"Authorization": f"Bearer {token}", **cookie}),
                (400, "send one", {"Authorization": f"Basic {encoded}", "Cookie": "token=x"}),
                (400, "nothing behind the scheme", {"Authorization": "Bearer"}),
                (401, "not known", {"Authorization": f"Token {token}"}),
                (401, "not known", {"Authorization": f"Digest {encoded}"}),
                (401, "not known", {"Authorization": f"Bearer {encoded}"}),
                (401, "not known", {"Authorization": f"Bearer {token} {token}"}),
                (401, "not known", {"Authorization": f"Basic *{encoded}"}),
                (401, "not known", {"Authorization": f"Basic {encoded[:-5]}*****"}),
                (401, "not known", {"Authorization": "Basic eA=="}),
                (401, "not known", {"Authorization": "Basic =="}),
                (401, "not known", {"Authorization": "Bearer " + "x" * 3000}),
                (401, "not known", {"Cookie": "authenticationToken="}),
                (401, "not known", {"Cookie": "token=" + "x" * 3000})):
            got, _, reply = door.request("GET", "/users/me", headers=headers)
            self.assertEqual(status, got, f"{headers}: {reply}")
            self.assertIn(why, reply["error"], headers)
        status, headers, _ = door.request("GET", "/users/me")
        self.assertEqual(401, status)
        self.assertIn("Basic realm", headers["WWW-Authenticate"])
