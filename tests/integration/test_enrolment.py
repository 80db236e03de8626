# SPDX-License-Identifier: Apache-2.0
"""Join tokens, enrolment over HTTPS, API tokens, the command line's token verbs."""

import concurrent.futures
import signal
import ssl
import subprocess
import unittest
import urllib.request

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fake_agent import new_key, new_request, openssl
from tests.support.rest import Rest, wait_until


class Enrolment(AggregatorCase):
    def refused(self, agent, token, status, *words, **changed):
        got, _, reply = agent.enrol_request(token, **changed)
        self.assertEqual(status, got, reply)
        for word in words:
            self.assertIn(word, reply["error"])

    def sql(self, text):
        """In the database that the aggregator has open: whoever writes just now is waited for."""
        subprocess.run(["sqlite3", "-cmd", ".timeout 60000", self.fleet.state / "muster.db", text],
                       check=True)

    def test_the_token_proves_the_ca(self):
        token = self.fleet.join_token()
        self.assertRegex(token, r"^mj1\.[0-9a-f]{32}\.[0-9a-f]{64}$")
        # As an agent does: without trust, then compare.
        with urllib.request.urlopen(self.fleet.url + "/rest/v0/ca",
                                    context=ssl._create_unverified_context()) as reply:
            pem = reply.read().decode()
        fingerprint = openssl("x509", "-noout", "-fingerprint", "-sha256", data=pem)
        self.assertEqual(token.split(".")[2],
                         fingerprint.split("=")[1].strip().replace(":", "").lower())

    def test_certificate_is_for_the_host_whatever_the_request_says(self):
        agent = self.agent()
        text = openssl("x509", "-noout", "-subject", "-ext", "extendedKeyUsage", "-enddate",
                       data=agent.cert)
        self.assertIn(f"CN = {agent.id}", text)
        self.assertIn("TLS Web Client Authentication", text)
        self.assertNotIn("Server", text)
        host = self.rest.get(f"/hosts/{agent.id}")
        self.assertEqual("fake", host["name_label"])
        self.assertFalse(host["connected"])

    def test_a_token_works_once(self):
        token = self.fleet.join_token()
        self.agent(enrolled=False).enrol(token)
        self.refused(self.agent(enrolled=False), token, 401, "used already", "new one")

    def test_one_token_and_many_at_once(self):
        token = self.fleet.join_token()
        agents = [self.agent(enrolled=False) for _ in range(8)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda a: a.enrol_request(token)[0], agents))
        self.assertEqual([201] + [401] * 7, sorted(statuses))

    def test_stale_tokens(self):
        agent = self.agent(enrolled=False)
        created = self.rest.post("/join-tokens", {"expiresIn": 60000, "name": "short"})
        self.assertEqual(60000, created["expiration"] - created["created_at"])
        self.sql("UPDATE join_tokens SET expires_at = 1000000 WHERE name = 'short'")
        # What is over goes when the aggregator starts; until then the text says why.
        self.crash()
        self.refused(agent, created["token"], 401, "not known")
        created = self.rest.post("/join-tokens", {})
        self.rest.delete(f"/join-tokens/{created['id']}")
        self.refused(agent, created["token"], 401, "not known")

    def test_expired_token(self):
        created = self.rest.post("/join-tokens", {"name": "over"})
        self.sql("UPDATE join_tokens SET expires_at = created_at - 1 WHERE name = 'over'")
        self.crash()
        self.refused(self.agent(enrolled=False), created["token"], 401, "expired", "new one")

    def test_malformed_requests_name_the_field(self):
        agent = self.agent(enrolled=False)
        token = self.fleet.join_token()
        self.refused(agent, "mj1.short", 422, "token")
        self.refused(agent, token[:-64] + "0" * 64, 401, "another aggregator")
        self.refused(agent, "mj1." + "0" * 32 + token[36:], 401, "not known")
        self.refused(agent, token, 422, "hostId", hostId="me")
        self.refused(agent, token, 422, "csr", csr="rubbish")
        self.refused(agent, token, 422, "body.csr", csr=5)
        self.refused(agent, token, 422, "body.colour", colour="red")
        status, _, reply = self.fleet.anonymous.request("POST", "/enrol", b"{")
        self.assertEqual(400, status, reply)
        status, _, reply = self.fleet.anonymous.request("POST", "/enrol", b"[]")
        self.assertEqual(422, status, reply)
        agent.enrol(token)  # none of that used the token up

    def test_request_with_a_wrong_signature(self):
        agent = self.agent(enrolled=False)
        good, other = new_request(new_key(), "a"), new_request(new_key(), "a")
        lines, tail = good.strip().split("\n"), other.strip().split("\n")
        lines[-2] = tail[-2]  # the end of another one's signature
        self.refused(agent, self.fleet.join_token(), 422, "csr", csr="\n".join(lines) + "\n")

    def test_enrolled_host_needs_a_token_that_replaces_it(self):
        agent = self.agent()
        s = agent.live()
        old_key, old_cert = agent.key, agent.cert
        self.refused(agent, self.fleet.join_token(), 409, "enrolled already", "replace", agent.id)
        other = self.agent(enrolled=False)
        replacing = self.rest.post("/join-tokens", {"replace": agent.id})["token"]
        self.refused(other, replacing, 403, "replace another host")
        agent.enrol(replacing)
        code, details = s.ended()
        self.assertIn("replaced", details)
        agent.key, old_key, agent.cert, old_cert = old_key, agent.key, old_cert, agent.cert
        s = agent.stream()
        s.send(hello=agent.hello())
        self.assertIn("revoked", s.ended()[1])
        agent.key, agent.cert = old_key, old_cert
        _, welcome = agent.connect()
        self.assertTrue(welcome.resume)

    def test_enrolment_survives_a_crash(self):
        token = self.fleet.join_token()
        agent = self.agent(enrolled=False).enrol(token)
        self.crash()
        agent.connect()
        self.refused(self.agent(enrolled=False), token, 401, "used already")

    def test_fleet_address_is_where_the_agents_port_is(self):
        agent = self.agent(enrolled=False)
        _, _, reply = agent.enrol_request(self.fleet.join_token())
        self.assertEqual(f"127.0.0.1:{self.fleet.fleet_port}", reply["fleetAddress"])


class Tokens(AggregatorCase):
    def test_join_tokens_are_listed_without_their_secret(self):
        created = self.rest.post("/join-tokens", {"name": "rack 7"})
        listed = [t for t in self.rest.get("/join-tokens") if t["id"] == created["id"]]
        self.assertEqual("rack 7", listed[0]["name"])
        self.assertNotIn("token", listed[0])
        secret = created["token"].split(".")[1]
        database = (self.fleet.state / "muster.db").read_bytes()
        database += (self.fleet.state / "muster.db-wal").read_bytes()
        self.assertNotIn(secret.encode(), database)
        self.rest.delete(f"/join-tokens/{created['id']}")
        self.assertEqual(404, self.rest.request("DELETE", f"/join-tokens/{created['id']}")[0])

    def test_api_tokens(self):
        created = self.rest.post("/users/me/authentication_tokens", {"description": "ci"})["token"]
        other = Rest(self.fleet.url, created["id"], self.fleet.state / "ca.crt")
        self.assertEqual([], other.get("/vms"))
        listed = self.rest.get("/users/me/authentication_tokens")
        self.assertIn("ci", [t["description"] for t in listed])
        self.assertNotIn(created["id"], str(listed))
        self.crash()
        self.assertEqual([], other.get("/vms"))
        self.rest.delete(f"/users/me/authentication_tokens/{created['uuid']}")
        self.assertEqual(401, other.request("GET", "/vms")[0])

    def test_bad_values_are_named(self):
        for path in ("/join-tokens", "/users/me/authentication_tokens"):
            status, _, reply = self.rest.request("POST", path, {"expiresIn": 5})
            self.assertEqual(422, status)
            self.assertIn("expiresIn", reply["error"])
        status, _, reply = self.rest.request("POST", "/join-tokens", {"replace": "me"})
        self.assertEqual(422, status)
        self.assertIn("replace", reply["error"])
        for query in ("limit=0", "limit=x", "limit=100000", "before=-1"):
            status, _, reply = self.rest.request("GET", f"/audit?{query}")
            self.assertEqual(422, status, query)
            self.assertIn(query.split("=")[0], reply["error"])

    def test_nothing_but_enrolment_is_open(self):
        for method, path in (("GET", "/join-tokens"), ("POST", "/join-tokens"), ("GET", "/audit"),
                             ("GET", "/users/me/authentication_tokens"), ("GET", "/hosts"),
                             ("DELETE", f"/hosts/{self.new_id()}")):
            self.assertEqual(401, self.fleet.anonymous.request(method, path)[0], (method, path))

    def test_unknown_hosts(self):
        for method, path in (("DELETE", ""), ("POST", "/actions/revoke"), ("GET", "/metrics")):
            status, _, reply = self.rest.request(method, f"/hosts/{self.new_id()}{path}")
            self.assertEqual(404, status, reply)

    def verb(self, *args):
        return subprocess.run(
            [self.fleet.build / "aggregator/muster-aggregator", *args, "--state",
             self.fleet.state], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=60)

    def test_verbs_with_and_without_a_running_aggregator(self):
        for running in (True, False):
            if not running:
                self.assertEqual(0, self.fleet.aggregator.stop())
            join = self.verb("join-token", "create", "--name", f"verb {running}")
            self.assertEqual(0, join.returncode, join.stderr)
            token = self.verb("token", "create")
            self.assertEqual(0, token.returncode, token.stderr)
            if not running:
                self.fleet.restart_aggregator()
            self.agent(enrolled=False).enrol(join.stdout.strip())
            self.assertEqual(200, Rest(self.fleet.url, token.stdout.strip(),
                                       self.fleet.state / "ca.crt").request("GET", "/hosts")[0])

    def test_wrong_verbs_and_options(self):
        self.assertEqual(2, self.verb("dance").returncode)
        self.assertEqual(2, self.verb("run", "--dance").returncode)
        wrong = self.verb("join-token", "create", "--replace", "me")
        self.assertEqual(1, wrong.returncode)
        self.assertIn("--replace", wrong.stderr)
        # The state directory is taken.
        second = self.verb("init", "--print-token")
        self.assertEqual(1, second.returncode)
        self.assertIn("another muster-aggregator runs", second.stderr)

    def test_renewed_certificates_are_served_without_a_restart(self):
        agent = self.agent()
        s = agent.live()
        address = ("127.0.0.1", self.fleet.port)
        before = ssl.get_server_certificate(address)
        for name in ("server.crt", "fleet.crt"):
            (self.fleet.state / name).unlink()
        self.fleet.aggregator.process.send_signal(signal.SIGHUP)
        after = wait_until("another certificate is served", lambda: (
            lambda pem: pem if pem != before else None)(ssl.get_server_certificate(address)))
        self.assertEqual(after.strip(), (self.fleet.state / "server.crt").read_text().strip())
        self.assertEqual(200, self.rest.request("GET", "/hosts")[0])
        agent.delta(s)  # the open stream goes on
        agent.wait_acked(s)
        s.close()
        _, welcome = agent.connect()
        self.assertTrue(welcome.resume)

    def test_server_certificate_covers_its_names(self):
        text = openssl("x509", "-noout", "-ext", "subjectAltName,extendedKeyUsage", data=(
            self.fleet.state / "server.crt").read_text())
        for name in ("DNS:localhost", "IP Address:127.0.0.1", "TLS Web Server Authentication"):
            self.assertIn(name, text)
        before = (self.fleet.state / "server.crt").read_text()
        self.fleet.aggregator.stop()
        self.fleet.aggregator.argv += ["--name", "muster.example,10.1.2.3"]
        self.fleet.restart_aggregator()
        after = (self.fleet.state / "server.crt").read_text()
        self.assertNotEqual(before, after)
        self.assertIn("muster.example", openssl("x509", "-noout", "-ext", "subjectAltName",
                                                data=after))
        self.crash()
        self.assertEqual(after, (self.fleet.state / "server.crt").read_text())


if __name__ == "__main__":
    unittest.main()
