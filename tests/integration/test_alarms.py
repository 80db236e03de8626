# SPDX-License-Identifier: Apache-2.0
"""Alarms by rules: from what hosts say to the list, the events, and who is told."""

import concurrent.futures
import contextlib
import email
import email.policy
import hashlib
import hmac
import json
import os
import socket
import sqlite3
import ssl
import subprocess
import time
import unittest

from tests.integration.test_metrics import MetricsCase, step_now
from tests.support.fleet import BUILD
from tests.support.notices import Hook, Sink
from tests.support.rest import wait_until


class AlarmCase(MetricsCase):
    def setUp(self):
        for rule in self.rest.get("/alarm-rules"):
            self.rest.request("DELETE", f"/alarm-rules/{rule['id']}")

    def rule(self, **members):
        body = {"name": "busy", "kind": "host", "condition": "series", "series": "s0",
                "warning": 50, **members}
        status, _, rule = self.rest.request("POST", "/alarm-rules", body)
        self.assertEqual(201, status, rule)
        return rule

    def alarms(self, object_id, kind="hosts"):
        return self.rest.get(f"/{kind}/{object_id}/alarms?fields=*")

    def wait_alarms(self, what, object_id, want, kind="hosts"):
        def look():
            found = self.alarms(object_id, kind)
            return found if len(found) == want else None
        if want:
            return wait_until(what, look)
        return wait_until(what, lambda: not self.alarms(object_id, kind))


class Feeder:
    """A host's samples, as they are now, whenever a test looks."""

    def __init__(self, case, stream, objects):
        self.case, self.stream, self.seq, self.step = case, stream, 0, 0
        self.n = len(objects)
        stream.send(metric_dictionary=case.dictionary(objects, n=1))

    def say(self, *values):
        if step_now() > self.step:
            self.step, self.seq = step_now(), self.seq + 1
            self.case.batch(self.stream, self.seq, self.step, [float(v) for v in values])

    def until(self, what, condition, *values):
        def look():
            self.say(*values)
            return condition()
        return wait_until(what, look)


class Alarms(AlarmCase):
    def test_a_value_over_its_limit(self):
        """Raised after its time, an event, one notice in the log; over when it is back."""
        agent = self.agent()
        feeder = Feeder(self, agent.live(), [agent.id])
        rule = self.rule(**{"for": 10, "critical": 90, "hysteresis": 5})
        began = time.monotonic()
        alarm = feeder.until("the alarm", lambda: self.alarms(agent.id), 60)[0]
        self.assertGreaterEqual(time.monotonic() - began, 10)
        self.assertEqual(("message", "ALARM", "warning", rule["id"]),
                         tuple(alarm[k] for k in ("type", "name", "level", "rule")))
        self.assertEqual({"name": "busy", "value": "60.0"}, alarm["body"])
        self.assertEqual({"type": "host", "uuid": agent.id, "href": f"/rest/v0/hosts/{agent.id}"},
                         alarm["object"])
        self.assertEqual("host fake: busy 60 bytes", alarm["text"])
        self.assertIn(alarm["id"], [a["id"] for a in self.rest.get("/alarms?fields=id")])
        self.rule(name="stored behind it")
        self.crash()
        feeder = Feeder(self, agent.connect()[0], [agent.id])
        feeder.seq = 1000
        again = self.alarms(agent.id)
        self.assertEqual([(alarm["id"], alarm["time"])], [(a["id"], a["time"]) for a in again],
                         "a restart keeps it")
        feeder.until("it is critical",
                     lambda: self.alarms(agent.id)[0]["level"] == "critical", 95)
        feeder.until("it is over", lambda: not self.alarms(agent.id), 10)

    def test_an_expression_and_what_it_takes_along(self):
        agent, vm = self.agent(), self.new_id()
        s = agent.live(agent.vm(vm, "web"))
        status, _, rule = self.rest.request("POST", "/alarm-rules", {
            "name": "named so", "kind": "VM", "condition": "expression", "level": "critical",
            "expression": "name_label:web", "filter": "power_state:running"})
        self.assertEqual(201, status, rule)
        alarm = self.wait_alarms("the VM's", vm, 1, "vms")[0]
        self.assertEqual({"name": "named so"}, alarm["body"])
        self.assertEqual("VM web: named so", alarm["text"])
        status, _, _ = self.rest.request("POST", f"/alarms/{alarm['id']}/actions/acknowledge")
        self.assertEqual(204, status)
        seen = self.alarms(vm, "vms")[0]
        self.assertEqual("admin", seen["acknowledgedBy"])
        s.close()
        self.wait_host(agent, lambda h: not h["connected"])
        self.assertEqual(1, len(self.alarms(vm, "vms")), "nobody knows that it is over")
        s = agent.connect()[0]
        agent.delta(s, agent.vm(vm, "db"))
        self.wait_alarms("it is over", vm, 0, "vms")
        agent.delta(s, agent.vm(vm, "web"))
        self.wait_alarms("another one", vm, 1, "vms")
        status, _, _ = self.rest.request("DELETE", f"/alarm-rules/{rule['id']}")
        self.assertEqual(204, status)
        self.assertEqual([], self.alarms(vm, "vms"), "it went with its rule")
        s.close()

    def test_data_that_does_not_come(self):
        agent = self.agent()
        feeder = Feeder(self, agent.live(), [agent.id])
        status, _, _ = self.rest.request("POST", "/alarm-rules", {
            "name": "silent", "kind": "host", "condition": "absent", "series": "s*",
            "level": "warning", "filter": "connected?"})
        self.assertEqual(201, status)
        self.wait_alarms("no data yet", agent.id, 1)
        feeder.until("data has come", lambda: not self.alarms(agent.id), 1)

    def test_a_vm_that_is_off(self):
        """What it did last is over with it, and its silence is none; that it is off can be asked for."""
        agent, vm = self.agent(), self.new_id()
        s = agent.live(agent.vm(vm, "web"))
        feeder = Feeder(self, s, [agent.id, vm])
        for name, members in (
                ("busy", {"condition": "series", "series": "s0", "warning": 50}),
                ("silent", {"condition": "absent", "series": "s0", "level": "warning"}),
                ("off", {"condition": "expression", "expression": "power_state:Halted", "level": "warning"})):
            status, _, rule = self.rest.request(
                "POST", "/alarm-rules", {"name": name, "kind": "VM", "filter": "name_label:web", **members})
            self.assertEqual(201, status, rule)

        def names():
            return sorted(a["body"]["name"] for a in self.alarms(vm, "vms"))
        feeder.until("it is busy", lambda: names() == ["busy"], 1, 60)
        agent.delta(s, agent.vm(vm, "web", "HALTED"))
        feeder.until("it is off", lambda: names() == ["off"], 1, 60)
        agent.delta(s, agent.vm(vm, "web"))
        feeder.until("it is back", lambda: names() == ["busy"], 1, 60)
        s.close()

    def test_a_rule_that_asks_something_else(self):
        agent = self.agent()
        feeder = Feeder(self, agent.live(), [agent.id])
        path = f"/alarm-rules/{self.rule()['id']}"
        feeder.until("the alarm", lambda: self.alarms(agent.id), 60)
        self.assertEqual(200, self.rest.request("PATCH", path, {"series": "another"})[0])
        feeder.until("nothing is known of that", lambda: not self.alarms(agent.id), 60)

    def test_a_host_that_is_lost(self):
        agent = self.agent()
        s = agent.live()
        lost = next(r for r in self.rest.get("/alarm-rules") if r["name"] == "Host lost")
        self.assertEqual((True, True, "critical", 60),
                         tuple(lost[k] for k in ("builtin", "enabled", "level", "for")))
        status, _, changed = self.rest.request("PATCH", f"/alarm-rules/{lost['id']}", {"for": 5})
        self.assertEqual((200, 5), (status, changed["for"]))
        s.close()
        alarm = self.wait_alarms("the host is missed", agent.id, 1)[0]
        self.assertEqual("Host lost", alarm["body"]["name"])
        status, _, _ = self.rest.request("DELETE", f"/alarm-rules/{lost['id']}")
        self.assertEqual(204, status)
        self.assertEqual(60, self.rest.get(f"/alarm-rules/{lost['id']}")["for"], "as it was")
        s = agent.connect()[0]
        self.wait_alarms("it is back", agent.id, 0)
        s.close()

    def test_what_a_rule_would_say(self):
        agents = [self.agent(f"tried-{i}") for i in range(3)]
        streams = [a.live() for a in agents]
        feeders = [Feeder(self, s, [a.id]) for s, a in zip(streams[:2], agents)]
        body = {"name": "x", "kind": "host", "condition": "series", "series": "s0",
                "comparison": "below", "warning": 5, "for": 3600, "filter": "name_label:tried-"}

        def tried():
            for f, value in zip(feeders, (1, 7)):
                f.say(value)
            status, _, reply = self.rest.request("POST", "/alarm-rules?dryRun=true", body)
            self.assertEqual(200, status)
            return reply if reply["unknown"] == 1 else None
        reply = wait_until("what would be", tried)
        self.assertEqual((3, 1), (reply["matched"], reply["alarms"]))
        self.assertEqual([{"object": agents[0].id, "type": "host", "name": "tried-0",
                           "level": "warning", "value": "1 bytes"}], reply["results"])
        self.assertFalse([r for r in self.rest.get("/alarm-rules") if r["name"] == "x"])
        for s in streams:
            s.close()

    def test_refusals(self):
        def refused(status, text, method, path, body=None):
            got, _, reply = self.rest.request(method, path, body)
            self.assertEqual(status, got, reply)
            self.assertIn(text, json.dumps(reply))
        refused(422, "body.series: is missing", "POST", "/alarm-rules", {"name": "n", "warning": 1})
        refused(422, "body.colour: there is no such field", "POST", "/alarm-rules", {"colour": 1})
        refused(422, "filter: at character", "POST", "/alarm-rules",
                {"name": "n", "series": "s", "warning": 1, "filter": "("})
        refused(400, "is neither true nor false", "POST", "/alarm-rules?dryRun=maybe", {})
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/actions/test")):
            refused(404, "no such alarm rule", method, f"/alarm-rules/{self.new_id()}{path}")
        refused(404, "no such alarm", "POST", f"/alarms/{self.new_id()}/actions/acknowledge")
        for i in range(60):
            self.rule(name=f"r{i}")
        refused(507, "there are 64 rules", "POST", "/alarm-rules",
                {"name": "n", "series": "s", "warning": 1})
        self.assertEqual(64, len(self.rest.get("/alarm-rules")))


class AtOnce(AlarmCase):
    """Several changes before the first one is stored, whichever that is."""

    def database(self):
        return sqlite3.connect(self.fleet.state / "muster.db", timeout=60, isolation_level=None)

    def at_once(self, *requests):
        """[(status, reply)] of requests, begun while nothing can be stored; by the time that one is answered
        all must have been (the others are not); None: that took longer than the store waits."""
        with contextlib.closing(self.database()) as db, \
                concurrent.futures.ThreadPoolExecutor(len(requests)) as pool:
            db.execute("BEGIN IMMEDIATE")
            asked = [pool.submit(self.rest.request, *r) for r in requests]
            next(concurrent.futures.as_completed(asked))
            db.execute("ROLLBACK")
            answers = [f.result() for f in asked]
        if any(status >= 500 and status != 507 for status, _, _ in answers):
            return None
        return [(status, reply) for status, _, reply in answers]

    def test_two_changes_of_a_rule(self):
        path = f"/alarm-rules/{self.rule()['id']}"
        changes = {"for": 7}, {"name": "other"}
        answers = wait_until("both", lambda: self.at_once(*(("PATCH", path, c) for c in changes)))
        self.assertEqual([200, 409], sorted(status for status, _ in answers), answers)
        self.assertIn("another change of it is being stored; hint: ask again in a moment", str(answers))
        refused = changes[[status for status, _ in answers].index(409)]
        self.assertEqual(200, self.rest.request("PATCH", path, refused)[0])
        self.assertEqual((7, "other"), tuple(self.rest.get(path)[k] for k in ("for", "name")))

    def test_a_rule_that_is_deleted_stays_so(self):
        def both():
            path = f"/alarm-rules/{self.rule()['id']}"
            answers = self.at_once(("DELETE", path), ("PATCH", path, {"for": 7}))
            return answers and (path, [status for status, _ in answers])
        path, (deleted, changed) = wait_until("both", both)
        self.assertIn((deleted, changed), ((204, 409), (409, 200)))
        self.assertEqual(404 if deleted == 204 else 200, self.rest.request("GET", path)[0])

    def test_two_deletions_of_a_target(self):
        def both():
            body = {"name": "n", "type": "webhook", "url": "http://127.0.0.1:1/"}
            path = f"/alarm-targets/{self.rest.request('POST', '/alarm-targets', body)[2]['id']}"
            return self.at_once(("DELETE", path), ("DELETE", path))
        answers = wait_until("both", both)
        self.assertEqual([204, 409], sorted(status for status, _ in answers), answers)

    def beyond_the_limit(self, path, table, n, body):
        """There is room for one of two: the other one is refused, not stored and forgotten."""
        def both():
            for one in self.rest.get(path):
                self.rest.request("DELETE", f"{path}/{one['id']}")
            for _ in range(n - len(self.rest.get(path)) - 1):
                self.assertEqual(201, self.rest.request("POST", path, body)[0])
            return self.at_once(("POST", path, body), ("POST", path, body))
        answers = wait_until("both", both)
        self.assertEqual([201, 507], sorted(status for status, _ in answers), answers)
        ids = {one["id"] for one in self.rest.get(path)}
        with contextlib.closing(self.database()) as db:
            stored = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        self.assertEqual(len(ids) - sum(one.get("builtin", False) for one in self.rest.get(path)), stored)
        for one in ids:
            self.rest.request("DELETE", f"{path}/{one}")

    def test_two_rules_and_room_for_one(self):
        self.beyond_the_limit("/alarm-rules", "alarm_rules", 64, {"name": "n", "series": "s", "warning": 1})

    def test_two_targets_and_room_for_one(self):
        self.beyond_the_limit("/alarm-targets", "alarm_targets", 16,
                              {"name": "n", "type": "webhook", "url": "http://127.0.0.1:1/"})


class CommandLine(AlarmCase):
    def run_muster(self, *args, says=None):
        return subprocess.run(
            [BUILD / "aggregator/cli/muster", *args, "--url", self.fleet.url, "--ca",
             self.fleet.state / "ca.crt"], capture_output=True, text=True,
            input=says, env={**os.environ, "MUSTER_TOKEN": self.rest.token})

    def muster(self, *args, code=0, says=None):
        done = self.run_muster(*args, says=says)
        self.assertEqual(code, done.returncode, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def noted(self, *words):
        """What is said beside the table when a rule is tried."""
        done = self.run_muster("alarm-rule", "create", "x", *words, "--dry-run")
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stderr

    def test_rules(self):
        agent, vm = self.agent("xen9"), self.new_id()
        s = agent.live(agent.vm(vm, "typed"))
        words = ("kind=VM", "condition=expression", "expression=name_label:typed",
                 "level=warning")
        tried = self.muster("alarm-rule", "create", "by hand", *words, "--dry-run")
        self.assertRegex(tried, rf"(?m)^warning +VM +typed +- +{vm}$")
        self.assertNotIn("by hand", self.muster("alarm-rule", "list"))
        self.assertIn("of 1 of the 1 objects that it means nothing is known",
                      self.noted("kind=VM", "series=cpu_usgae", "warning=1", "filter=name_label:typed"))
        self.assertIn("it means no object now", self.noted("kind=VM", "series=a", "warning=1", "filter=name_label:tpyed"))
        self.assertEqual("", self.noted(*words))
        self.assertRegex(self.muster("alarm-rule", "create", "by hand", *words),
                         r"(?m)^EXPRESSION +name_label:typed$")
        self.assertRegex(self.muster("alarm-rule", "list"),
                         r"(?m)^by hand +VM +expression .* 0 +yes ")
        self.assertEqual(1, json.loads(self.muster("alarm-rule", "test", "by hand", "-o", "json"))
                         ["alarms"])
        alarm = self.wait_alarms("the alarm", vm, 1, "vms")[0]
        self.assertRegex(self.muster("alarm", "list"), r"(?m)^warning +.* VM typed: by hand ")
        self.muster("alarm", "acknowledge", alarm["id"])
        self.assertEqual("admin", self.alarms(vm, "vms")[0]["acknowledgedBy"])
        self.muster("alarm-rule", "edit", "by hand", "enabled=false")
        self.wait_alarms("it is off", vm, 0, "vms")
        self.assertRegex(self.muster("alarm-rule", "show", "by hand"), r"(?m)^ENABLED +no$")
        self.muster("alarm-rule", "silence", "by hand", "2h")
        until = next(r for r in self.rest.get("/alarm-rules") if r["name"] == "by hand")["silentUntil"]
        self.assertLess(abs(until / 1000 - time.time() - 7200), 300)
        self.muster("alarm-rule", "silence", "by hand", "2031-01-31 12:30")
        self.muster("alarm-rule", "silence", "by hand", "off")
        self.assertIn("SILENT UNTIL", self.muster("alarm-rule", "show", "by hand"))
        self.muster("alarm-rule", "silence", "by hand", "soon", code=2)
        self.assertIn("body.level: must be one of",
                      self.muster("alarm-rule", "edit", "by hand", "level=bad", code=1))
        self.muster("alarm-rule", "delete", "by hand")
        self.assertIn("there is no alarm-rule 'by hand'; hint: muster alarm-rule list",
                      self.muster("alarm-rule", "delete", "by hand", code=3))
        s.close()

    def test_targets(self):
        hook = Hook()
        self.addCleanup(hook.close)
        self.assertRegex(self.muster("alarm-target", "--help"), r"create NAME .*; secrets: --json -")
        secrets = {"url": f"http://127.0.0.1:{hook.port}/", "secret": "s3cret"}
        self.muster("alarm-target", "create", "ops", "type=webhook", "level=critical", "--json", "-",
                    says=json.dumps(secrets))
        self.assertRegex(self.muster("alarm-target", "list"),
                         r"(?m)^ops +webhook +critical +http://127.0.0.1:\d+ ")
        self.muster("alarm-target", "test", "ops")
        self.assertEqual(["test"], [e["event"] for e in hook.events()])
        self.assertIn("X-Muster-Signature", hook.posts[0][0])
        self.muster("alarm-target", "delete", "ops")
        self.muster("alarm-target", "create", "all", "--json", "-",
                    says=json.dumps({**secrets, "type": "webhook"}))
        self.muster("alarm-target", "delete", "all")
        self.assertEqual("", self.muster("alarm-target", "list", "--no-header"))


class Notices(AlarmCase):
    def setUp(self):
        super().setUp()
        for target in self.rest.get("/alarm-targets"):
            self.rest.request("DELETE", f"/alarm-targets/{target['id']}")

    def context(self):
        """With a certificate of the aggregator's own CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.fleet.state / "server.crt", self.fleet.state / "server.key")
        return context

    def target(self, **members):
        status, _, target = self.rest.request("POST", "/alarm-targets", members)
        self.assertEqual(201, status, target)
        return target

    def test_targets_that_are_not_there(self):
        """Not of a target that is not there, nor of one where nobody listens."""
        status, _, reply = self.rest.request("POST", f"/alarm-targets/{self.new_id()}/actions/test")
        self.assertEqual(404, status, reply)
        target = self.target(name="nobody", type="webhook", url="http://127.0.0.1:1/k3y?k3y")
        status, _, reply = self.rest.request("POST", f"/alarm-targets/{target['id']}/actions/test")
        self.assertEqual(503, status, reply)
        self.assertIn("cannot connect to http://127.0.0.1:1: ", json.dumps(reply))
        self.assertNotIn("k3y", json.dumps(reply))
        status, _, reply = self.rest.request("POST", "/alarm-targets", {"name": "n", "url": "https://u:p4ss@h/"})
        self.assertEqual(422, status)
        self.assertIn("body.url: a URL with a user in it", json.dumps(reply))
        status, _, reply = self.rest.request("POST", "/alarm-targets", {"name": "n", "url": "x"})
        self.assertEqual(422, status)
        self.assertIn("body.url: a webhook needs one that begins with https://", json.dumps(reply))
        status, _, _ = self.rest.request("DELETE", f"/alarm-targets/{self.new_id()}")
        self.assertEqual(404, status)

    def expression(self, name="named so", word="noticed", **members):
        status, _, rule = self.rest.request("POST", "/alarm-rules", {
            "name": name, "kind": "VM", "condition": "expression", "level": "warning",
            "expression": f"name_label:{word}", **members})
        self.assertEqual(201, status, rule)
        return rule

    def test_a_webhook(self):
        """Told once when it begins and once when it is over, over TLS, signed; tried again where the
        server says later; not told by a rule that is silent."""
        state = self.fleet.state
        hook = Hook(self.context())
        self.addCleanup(hook.close)
        target = self.target(name="hook", type="webhook", secret="s3cret",
                             url=f"https://localhost:{hook.port}/here",
                             ca=(state / "ca.crt").read_text())
        self.assertTrue(target["hasSecret"])
        self.assertNotIn("s3cret", json.dumps(self.rest.get("/alarm-targets")))
        status, _, _ = self.rest.request("POST", f"/alarm-targets/{target['id']}/actions/test")
        self.assertEqual((204, ["test"]), (status, [e["event"] for e in hook.events()]))
        hook.answers = [503, 429]
        agent, vm = self.agent(), self.new_id()
        s = agent.live(agent.vm(vm, "noticed"))
        self.expression()
        self.expression("silent", notify=False)
        self.wait_alarms("both", vm, 2, "vms")
        wait_until("it is told", lambda: len(hook.posts) == 4)
        agent.delta(s, agent.vm(vm, "other"))
        wait_until("that it is over is told", lambda: len(hook.posts) == 5)
        self.assertEqual(["test", "raised", "raised", "raised", "cleared"],
                         [e["event"] for e in hook.events()])
        self.assertEqual(1, len({h["X-Muster-Delivery"] for h, _ in hook.posts[1:4]}))
        self.assertEqual(5 - 2, len({e["delivery"] for e in hook.events()}))
        for headers, body in hook.posts:
            digest = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
            self.assertEqual("sha256=" + digest, headers["X-Muster-Signature"])
        alarm = hook.events()[1]["alarm"]
        self.assertEqual(("VM noticed: named so", "warning", vm),
                         (alarm["text"], alarm["level"], alarm["object"]["uuid"]))
        s.close()

    def test_silence(self):
        hook = Hook()
        self.addCleanup(hook.close)
        self.target(name="plain", type="webhook", url=f"http://127.0.0.1:{hook.port}/")
        agent, vm = self.agent(), self.new_id()
        s = agent.live(agent.vm(vm, "noticed"))
        rule = self.expression(silentUntil=int(time.time() * 1000) + 3600000)
        self.expression("heard")
        self.wait_alarms("both", vm, 2, "vms")
        wait_until("one is told", lambda: hook.posts)
        status, _, _ = self.rest.request("PATCH", f"/alarm-rules/{rule['id']}", {"silentUntil": 0})
        self.assertEqual(200, status)
        wait_until("the other one", lambda: len(hook.posts) == 2)
        self.assertEqual([("raised", "heard"), ("raised", "named so")],
                         [(e["event"], e["alarm"]["body"]["name"]) for e in hook.events()])
        s.close()

    def test_a_server_that_refuses_for_good(self):
        hook = Hook()
        self.addCleanup(hook.close)
        target = self.target(name="plain", type="webhook", url=f"http://127.0.0.1:{hook.port}/k3y?k3y")
        self.assertEqual(f"http://127.0.0.1:{hook.port}/...", target["url"])
        hook.answers = [404]
        agent, vm = self.agent(), self.new_id()
        s = agent.live(agent.vm(vm, "noticed"))
        self.expression()
        wait_until("it is told", lambda: hook.posts)
        self.expression("second")
        wait_until("the next one", lambda: len(hook.posts) == 2)
        self.assertEqual([("raised", "named so", 0), ("raised", "second", 1)],
                         [(e["event"], e["alarm"]["body"]["name"], e["dropped"])
                          for e in hook.events()])
        self.assertNotIn("X-Muster-Signature", hook.posts[0][0])
        self.assertIn(f'is given up target="plain" err="http://127.0.0.1:{hook.port} answers 404"',
                      self.fleet.aggregator.text())
        self.assertNotIn("k3y", self.fleet.aggregator.text() + json.dumps(self.rest.get("/alarm-targets")))
        s.close()

    def test_what_a_test_says(self):
        """204, or 503 with the reason: that of the target never looks like one of who asks. A status counts, however
        much stands below it."""
        hook, safe = Hook(), Hook(self.context())
        self.addCleanup(hook.close)
        self.addCleanup(safe.close)
        plain = self.target(name="plain", type="webhook", url=f"http://127.0.0.1:{hook.port}/")
        trusted = self.target(name="not trusted", type="webhook", url=f"https://localhost:{safe.port}/")
        hook.says = b"x" * 100000
        for target, answer, want, text in ((plain, 200, 204, ""), (plain, 500, 503, "answers 500"),
                                           (trusted, 204, 503, "is not trusted")):
            hook.answers = [answer]
            status, _, reply = self.rest.request("POST", f"/alarm-targets/{target['id']}/actions/test")
            self.assertEqual(want, status, reply)
            self.assertIn(text, str(reply))

    def test_too_many_tests(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        target = self.target(name="hangs", type="webhook", url=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        path = f"/alarm-targets/{target['id']}/actions/test"

        def one_too_many():
            with concurrent.futures.ThreadPoolExecutor(5) as pool:
                asked = [pool.submit(self.rest.request, "POST", path) for _ in range(5)]
                first = next(concurrent.futures.as_completed(asked)).result()
                refused = "4 targets are being tested" in json.dumps(first[2])
                for _ in range(4 if refused else 0):
                    silent.accept()[0].close()
                self.assertEqual({503}, {f.result()[0] for f in asked}, first)
            return refused
        wait_until("one that is refused", one_too_many)

    def test_mail(self):
        sink = Sink()
        self.addCleanup(sink.close)
        target = self.target(name="mail", type="mail", url=f"smtp://127.0.0.1:{sink.port}",
                             to=["a@example.org", "b@example.org"], **{"from": "m@example.org"})
        sink.refuse = "550 no such user"
        status, _, reply = self.rest.request("POST", f"/alarm-targets/{target['id']}/actions/test")
        self.assertEqual(503, status)
        self.assertIn("refused the mail", json.dumps(reply))
        sink.refuse = None
        status, _, _ = self.rest.request("POST", f"/alarm-targets/{target['id']}/actions/test")
        self.assertEqual((204, 1), (status, len(sink.mails)))
        agent, vm = self.agent(), self.new_id()
        s = agent.live(agent.vm(vm, "noticed \u00fc\u00e4\u20ac " + "x" * 40))
        self.expression()
        wait_until("the mail", lambda: len(sink.mails) == 2)
        to, text = sink.mails[1]
        mail = email.message_from_bytes(text, policy=email.policy.default)
        self.assertEqual(["a@example.org", "b@example.org"], to)
        self.assertEqual("a@example.org, b@example.org", mail["To"])
        self.assertEqual("[muster] warning raised: VM noticed \u00fc\u00e4\u20ac " + "x" * 40 + ": named so",
                         mail["Subject"])
        self.assertLess(abs(mail["Date"].datetime.timestamp() - time.time()), 3600)
        self.assertIn("VM noticed \u00fc\u00e4\u20ac", mail.get_content())
        s.close()

    def test_mail_of_which_one_address_is_refused(self):
        sink = Sink()
        self.addCleanup(sink.close)
        target = self.target(name="mail", type="mail", url=f"smtp://127.0.0.1:{sink.port}",
                             to=["gone@example.org", "b@example.org"], **{"from": "m@example.org"})
        sink.refuse, sink.refuse_only = "550 no such user", "gone@"
        status, _, reply = self.rest.request("POST", f"/alarm-targets/{target['id']}/actions/test")
        self.assertEqual((204, 1), (status, len(sink.mails)), reply)

    def test_mail_that_is_put_off_while_signing_in(self):
        """A server that cannot check a password now is asked again; nothing is given up."""
        sink = Sink(self.context())
        self.addCleanup(sink.close)
        sink.later = ["454 4.7.0 temporary authentication failure", "421 4.3.2 closing"]
        self.target(name="mail", type="mail", url=f"smtps://localhost:{sink.port}", to=["a@example.org"],
                    user="user", secret="s3cret", ca=(self.fleet.state / "ca.crt").read_text(),
                    **{"from": "m@example.org"})
        agent, vm = self.agent(), self.new_id()
        s = agent.live(agent.vm(vm, "noticed"))
        self.expression()
        wait_until("the mail", lambda: sink.mails)
        self.assertEqual([[b"user", b"s3cret"]] * 3, sink.signed_in)
        s.close()

    def test_mail_over_tls_and_signed_in(self):
        sink = Sink(self.context())
        self.addCleanup(sink.close)
        mail = {"type": "mail", "url": f"smtps://localhost:{sink.port}", "to": ["a@example.org"],
                "from": "m@example.org", "user": "user"}
        ca = (self.fleet.state / "ca.crt").read_text()
        for name, members, status in (("well", {"secret": "s3cret", "ca": ca}, 204),
                                      ("wrong", {"secret": "wrong", "ca": ca}, 503),
                                      ("not trusted", {"secret": "s3cret"}, 503)):
            target = self.target(name=name, **mail, **members)
            got, _, reply = self.rest.request("POST", f"/alarm-targets/{target['id']}/actions/test")
            self.assertEqual(status, got, (name, reply))
        self.assertEqual(1, len(sink.mails))
        self.assertEqual([[b"user", b"s3cret"], [b"user", b"wrong"]], sink.signed_in)

    def test_mail_that_becomes_encrypted(self):
        """STARTTLS: before it nobody signs in or says what the mail is; by whom it is not offered nothing is sent
        where it is wanted, nor by whom it is offered and who is not trusted."""
        sink = Sink(self.context(), starttls=True)
        self.addCleanup(sink.close)
        mail = {"type": "mail", "url": f"smtp://localhost:{sink.port}", "to": ["a@example.org"],
                "from": "m@example.org"}
        ca = (self.fleet.state / "ca.crt").read_text()
        signed = {"user": "user", "secret": "s3cret"}
        for name, offers, members, status, n_mails in (
                ("well", True, {**signed, "ca": ca}, 204, 1), ("nobody signs in", True, {"ca": ca}, 204, 1),
                ("wrong", True, {**signed, "secret": "wrong", "ca": ca}, 503, 0),
                ("not trusted", True, {}, 503, 0),
                ("not offered, a password", False, {**signed, "ca": ca}, 503, 0),
                ("not offered, an authority", False, {"ca": ca}, 503, 0), ("plain", False, {}, 204, 1)):
            sink.offers, sink.said, sink.mails = offers, [], []
            target = self.target(name=name, **mail, **members)
            got, _, reply = self.rest.request("POST", f"/alarm-targets/{target['id']}/actions/test")
            self.assertEqual((status, n_mails), (got, len(sink.mails)), (name, reply))
            secret = {(word, safe) for word, safe in sink.said if word in ("AUTH", "MAIL", "RCPT", "DATA")}
            self.assertFalse([w for w, safe in secret if not safe and name != "plain"], (name, sink.said))
        self.assertEqual([[b"user", b"s3cret"], [b"user", b"wrong"]], sink.signed_in)

    def wait_stored(self, n):
        """Until the database has so many notices of ours that wait."""
        database = self.fleet.state / "muster.db"

        def stored():
            with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
                return db.execute("SELECT count(*) FROM alarm_notices WHERE name IN ('told', 'waits', 'third')").fetchone()[0] == n
        wait_until(f"{n} notices are kept", stored)

    def end_and_begin(self, how):
        if how == "kill":
            self.fleet.aggregator.kill()
        else:
            self.fleet.aggregator.stop()
        self.fleet.restart_aggregator()

    def waits_over(self, how):
        """What was told before is not told again; what waited is, once, and by its delivery."""
        hook = Hook()
        self.addCleanup(hook.close)
        self.target(name="hook", type="webhook", url=f"http://127.0.0.1:{hook.port}/")
        agent, vm = self.agent(), self.new_id()
        s = agent.live(agent.vm(vm, "noticed"))
        self.expression("told")
        wait_until("it is told", lambda: hook.has_taken("told"))
        self.wait_stored(0)
        hook.answers = [503] * 1000
        self.expression("waits")
        wait_until("it is tried", lambda: hook.has_heard("waits"))
        self.wait_stored(1)
        s.close()
        self.end_and_begin(how)
        hook.answers = []
        agent.connect()
        wait_until("it is told", lambda: hook.has_taken("waits"))
        self.wait_stored(0)
        self.expression("third")
        wait_until("the next one", lambda: hook.has_taken("third"))
        names = [e["alarm"]["body"]["name"] for e in hook.taken()]
        self.assertEqual(["told", "waits", "third"], [name for name in names if name != "Host lost"])
        waited = [e for e in hook.events() if e["alarm"]["body"]["name"] == "waits"]
        self.assertEqual({("raised", waited[0]["delivery"])}, {(e["event"], e["delivery"]) for e in waited})

    def test_what_waits_outlives_a_stop(self):
        self.waits_over("stop")

    def test_what_waits_outlives_kill(self):
        self.waits_over("kill")

    def test_one_that_hangs_holds_nobody_up(self):
        """Neither the loop, nor another target, nor the end of the process."""
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        hook = Hook()
        self.addCleanup(hook.close)
        self.target(name="hangs", type="webhook",
                    url=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        self.target(name="well", type="webhook", url=f"http://127.0.0.1:{hook.port}/")
        agent, vm = self.agent(), self.new_id()
        s = agent.live(agent.vm(vm, "noticed"))
        self.expression()
        wait_until("the other one is told", lambda: hook.posts)
        connection, _ = silent.accept()
        self.assertEqual("pong", self.rest.get("/ping")["result"])
        s.close()
        self.fleet.aggregator.stop()
        self.fleet.restart_aggregator()
        connection.close()
        self.assertEqual(2, len(self.rest.get("/alarm-targets")), "they are kept")


if __name__ == "__main__":
    unittest.main()
