# SPDX-License-Identifier: Apache-2.0
"""The audit log: what is in it, how it is searched, and that what was done to it shows.

The chain is computed here anew, from docs/formats/audit.md, over the database's file."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import unittest

from tests.integration.aggregator_case import AggregatorCase
from tests.support.rest import Rest, wait_until

COLUMNS = ("id", "at", "who", "source", "action", "object", "result", "detail", "before", "after")
ZEROS = "0" * 64


def record_hash(previous, row):
    fields = ["1", previous, *(str(row[c]) for c in COLUMNS)]
    return hashlib.sha256(b"".join(
        b"%d:%s," % (len(f), f) for f in (f.encode() for f in fields))).hexdigest()


class AuditCase(AggregatorCase):
    def database(self):
        connection = sqlite3.connect(self.fleet.state / "muster.db", timeout=60)
        connection.row_factory = sqlite3.Row
        return contextlib.closing(connection)

    def verify(self, *args):
        """The program, on the file."""
        return subprocess.run(
            [self.fleet.build / "aggregator/muster-aggregator", "audit", "verify", "--state",
             self.fleet.state, *args], capture_output=True, text=True)

    def muster(self, *args):
        env = {**os.environ, "MUSTER_URL": self.fleet.url, "MUSTER_TOKEN": self.rest.token,
               "MUSTER_CA": str(self.fleet.state / "ca.crt")}
        return subprocess.run([self.fleet.build / "aggregator/cli/muster", *args], env=env,
                              capture_output=True, text=True)

    def records(self, n):
        """Something on record: tokens made and withdrawn."""
        def one(i):
            token = self.rest.post("/join-tokens", {"name": f"t{i}"})
            self.rest.delete(f"/join-tokens/{token['id']}")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(one, range(n)))


class Audit(AuditCase):
    def test_the_chain_is_as_documented(self):
        self.records(3)
        head = self.rest.get("/audit/head")
        with self.database() as db:
            rows = db.execute("SELECT * FROM audit ORDER BY id").fetchall()
        previous = ZEROS
        for row in rows:
            self.assertEqual(record_hash(previous, row), row["hash"], dict(row))
            previous = row["hash"]
            if row["id"] == head["id"]:
                self.assertEqual(head["hash"], previous)
        self.assertIn("audit log id=", self.fleet.aggregator.text())

    def test_right_beside_a_running_one_and_stopped(self):
        self.records(2)
        head = self.rest.get("/audit/head")
        kept = f"{head['id']}:{head['hash']}"
        found = self.rest.get(f"/audit/verify?head={kept}")
        self.assertTrue(found["valid"], found)
        self.assertEqual(1, found["first"])
        self.assertGreaterEqual(found["last"]["id"], head["id"])
        ran = self.verify("--head", kept)
        self.assertEqual(0, ran.returncode, ran.stderr)
        self.assertRegex(ran.stdout, r"\d+ records, 1 to \d+, are as they were written\n"
                                     r"head \d+:[0-9a-f]{64}\n")
        self.fleet.aggregator.stop()
        self.assertEqual(0, self.verify("--head", kept).returncode)
        self.fleet.restart_aggregator()
        self.assertTrue(self.rest.get(f"/audit/verify?head={kept}")["valid"])

    def test_wrong_heads(self):
        for head in ("", "1", "x:y", "0:" + ZEROS, "1:" + ZEROS[1:]):
            status, _, reply = self.rest.request("GET", f"/audit/verify?head={head}")
            self.assertEqual(422, status, reply)
            self.assertIn("ID:HASH", reply["error"])
        ran = self.verify("--head", "1")
        self.assertEqual(2, ran.returncode)
        self.assertIn("ID:HASH", ran.stderr)
        ran = self.verify("--head", "1:" + ZEROS)
        self.assertEqual(1, ran.returncode)
        self.assertIn("record 1:", ran.stderr)

    def test_lists(self):
        self.records(4)
        every = self.rest.get("/audit?limit=1000")
        self.assertEqual(sorted((r["id"] for r in every), reverse=True), [r["id"] for r in every])
        deleted = self.rest.get("/audit?filter=action:join-token.delete")
        self.assertEqual([r for r in every if "join-token.delete" in r["action"]], deleted)
        self.assertGreaterEqual(len(deleted), 4)
        narrow = self.rest.get("/audit?filter=result:success&fields=id,action&limit=2")
        self.assertEqual([{"id", "action"}] * 2, [set(r) for r in narrow])
        pages, path = [], "/audit?cursor&limit=3&fields=id"  # empty: from the beginning
        while path:
            status, headers, page = self.rest.request("GET", path)
            self.assertEqual(200, status)
            pages += page
            link = re.match(r'</rest/v0([^>]+)>; rel="next"', headers.get("Link", ""))
            path = link and link[1]
        self.assertEqual([r["id"] for r in every], [r["id"] for r in pages][-len(every):])
        one = self.rest.get(f"/audit/{every[-1]['id']}")
        self.assertEqual(every[-1], one)
        for bad, status in (("filter=(", 400), ("sort=id", 422), ("limit=0", 422),
                            ("cursor=x", 422)):
            self.assertEqual(status, self.rest.request("GET", f"/audit?{bad}")[0], bad)
        for missing in ("0", "x", "999999", "9223372036854775807"):
            self.assertEqual(404, self.rest.request("GET", f"/audit/{missing}")[0], missing)

    def test_more_than_a_page_of_the_search(self):
        """The filter looks at everything, the page of the search is no limit of the list."""
        self.rest.post("/join-tokens", {"name": "needle"})
        self.records(110)
        found = self.rest.get("/audit?filter=detail:needle")
        self.assertEqual(["needle"], [r["detail"] for r in found])
        self.assertEqual(210, len(self.rest.get("/audit?limit=210")))

    def test_as_the_plugin_of_xen_orchestra_shows_it(self):
        self.records(2)
        ours = self.rest.get("/audit?limit=5")
        hrefs = self.rest.get("/plugins/audit/records?limit=4")
        self.assertEqual([f"/rest/v0/plugins/audit/records/$5$${r['hash']}" for r in ours[:4]], hrefs)
        theirs = self.rest.get("/plugins/audit/records?limit=4&fields=*")
        for row, mine, before in zip(theirs, ours, ours[1:]):
            self.assertEqual("$5$$" + before["hash"], row["previousId"])
            self.assertEqual((mine["action"], mine["user"], mine["from"], mine["time"]),
                             (row["event"], row["subject"]["userName"], row["subject"]["userIp"],
                              row["time"]))
        one = self.rest.get(f"/plugins/audit/records/{theirs[2]['id']}")
        self.assertEqual({k: v for k, v in theirs[2].items() if k != "href"}, one)
        self.assertEqual(404, self.rest.request("GET", "/plugins/audit/records/$5$$00")[0])

    def test_before_and_after(self):
        rule = self.rest.post("/alarm-rules", {
            "name": "hot", "kind": "host", "series": "load", "warning": 3})
        self.rest.patch(f"/alarm-rules/{rule['id']}", {"warning": 5})
        self.rest.delete(f"/alarm-rules/{rule['id']}")
        gone, changed, made = self.rest.get(f"/audit?filter=object:{rule['id']}")
        self.assertEqual((None, 3), (made.get("before"), made["after"]["warning"]))
        self.assertEqual((3, 5), (changed["before"]["warning"], changed["after"]["warning"]))
        self.assertEqual((5, None), (gone["before"]["warning"], gone.get("after")))
        target = self.rest.post("/alarm-targets", {
            "name": "hook", "type": "webhook", "url": "https://127.0.0.1:1/", "secret": "s3cr3t-key"})
        record = self.rest.get(f"/audit?filter=object:{target['id']}")[0]
        self.assertEqual("https://127.0.0.1:1", record["after"]["url"])
        self.assertNotIn("s3cr3t-key", str(record))

    def test_by_words(self):
        self.records(3)
        done = self.muster("audit", "list", "--filter", "action:join-token.create", "-n", "2")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertRegex(done.stdout, r"ID +TIME +USER +FROM +ACTION +RESULT +OBJECT +DETAIL")
        self.assertEqual(3, len(done.stdout.splitlines()))
        everything = self.muster("audit", "list", "-n", "2500", "-o", "json")
        self.assertEqual(self.rest.get("/audit?limit=1000")[-5:], json.loads(everything.stdout)[-5:])
        shown = self.muster("audit", "show", "1", "2", "-o", "yaml")
        self.assertEqual(0, shown.returncode, shown.stderr)
        self.assertIn("hash:", shown.stdout)
        self.assertEqual(3, self.muster("audit", "show", "999999").returncode)
        self.assertEqual(2, self.muster("audit", "show", "x").returncode)
        head = self.muster("audit", "head").stdout.strip()
        self.assertRegex(head, r"^\d+:[0-9a-f]{64}$")
        done = self.muster("audit", "verify", head)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertRegex(done.stdout, r"^\d+ records are as they were written\nhead \d+:")
        done = self.muster("audit", "verify", "1:" + ZEROS)
        self.assertEqual(1, done.returncode)
        self.assertIn("record 1:", done.stderr)

    def on_record(self, query):
        return wait_until("it is on record", lambda: self.rest.get(f"/audit?filter={query}"))[0]

    def test_refusals(self):
        vm = self.new_id()
        self.assertEqual(404, self.rest.request("POST", f"/vms/{vm}/actions/start")[0])
        row = self.on_record(f"object:{vm}")
        self.assertEqual(("admin", "127.0.0.1", "http.post", "refused"),
                         (row["user"], row["from"], row["action"], row["result"]))
        self.assertIn(f"/rest/v0/vms/{vm}/actions/start: 404 no such", row["detail"])
        self.assertEqual(401, self.fleet.anonymous.request("GET", "/audit")[0])
        row = self.on_record("user:nobody")
        self.assertEqual(("127.0.0.1", "http.get", "refused"),
                         (row["from"], row["action"], row["result"]))
        self.assertIn("/rest/v0/audit: 401", row["detail"])
        # Looking for what is not there is nobody's business.
        other = self.new_id()
        self.assertEqual(404, self.rest.request("GET", f"/vms/{other}")[0])
        self.assertEqual(422, self.rest.request("POST", "/join-tokens", {"bad": other})[0])
        self.on_record("detail:bad")
        self.assertFalse(self.rest.get(f"/audit?filter=object:{other}"))

    def test_strangers_do_not_drive_the_rest_out(self):
        def knock(_):
            return self.fleet.anonymous.request("GET", "/vms")[0]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertEqual({401}, set(pool.map(knock, range(160))))
        self.on_record("user:nobody")
        self.assertLess(len(self.rest.get("/audit?filter=user:nobody&limit=1000")), 130)


class Forged(AuditCase):
    def setUp(self):
        """A database of its own for each: what is forged stays so."""
        self.setUpClass()
        self.records(3)
        head = self.rest.get("/audit/head")
        self.kept = f"{head['id']}:{head['hash']}"

    def forge(self, sql):
        """In a stopped aggregator's file."""
        self.fleet.aggregator.stop()
        with self.database() as db:
            db.executescript(sql)
        self.fleet.restart_aggregator()

    def found(self, record, *words, head=None):
        query = f"?head={head}" if head else ""
        reply = self.rest.get(f"/audit/verify{query}")
        self.assertFalse(reply["valid"], reply)
        self.assertEqual(record, reply["record"], reply)
        ran = self.verify(*(("--head", head) if head else ()))
        self.assertEqual(1, ran.returncode, ran.stdout)
        for word in (f"record {record}:", *words):
            self.assertIn(word, reply["error"])
            self.assertIn(word, ran.stderr)

    def test_a_change(self):
        self.forge("UPDATE audit SET who = 'somebody' WHERE id = 4")
        self.found(4, "changed")

    def test_a_removal(self):
        self.forge("DELETE FROM audit WHERE id = 3")
        self.found(4, "record 2")

    def test_a_forged_chain(self):
        """All that follows computed anew, as who reads the documentation can."""
        self.fleet.aggregator.stop()
        with self.database() as db:
            db.execute("UPDATE audit SET who = 'somebody' WHERE id = 2")
            previous = ZEROS
            for row in db.execute("SELECT * FROM audit ORDER BY id").fetchall():
                previous = record_hash(previous, row)
                db.execute("UPDATE audit SET hash = ? WHERE id = ?", (previous, row["id"]))
            db.commit()
        self.fleet.restart_aggregator()
        self.assertTrue(self.rest.get("/audit/verify")["valid"])
        self.found(int(self.kept.split(":")[0]), "kept", head=self.kept)


if __name__ == "__main__":
    unittest.main()
