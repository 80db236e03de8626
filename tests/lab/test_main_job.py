# SPDX-License-Identifier: Apache-2.0
"""The main job on real Xen: an agent in a lab host's dom0, an aggregator outside (fleet_case.py)."""

import concurrent.futures
import json
import random
import time
import unittest
import uuid

from fleet_case import GUEST, HERE, OP_DEADLINE, OUTSIDE, FleetCase
from host import GUEST_MEMORY_MIB
from tests.support.rest import RestError, wait_until

MINUTES = 14
SEEN_WITHIN_S = 3  # in the emulator; 1 on hardware


class MainJob(FleetCase):
    NAME = "main-job"

    # -- tests, in the order of the issue

    def test_foreign_guests_are_seen_at_once(self):
        """`xl create` and `xl destroy` show in GET /vms within 3 s (p95 of 20, dom0's clock)."""
        self.host.put(HERE / "dom0_sightings.py", "/srv/dom0_sightings.py")
        out = self.host.run(["python3", "/srv/dom0_sightings.py", f"{OUTSIDE}:{self.fleet.port}",
                             self.rest.token, "20", str(GUEST_MEMORY_MIB)], timeout=1800).stdout
        rounds = json.loads(out.splitlines()[-1])
        self.assertEqual(len(rounds), 20)
        for key in ("appeared", "vanished"):
            delays = sorted(r[key] for r in rounds)
            print(f"foreign guest {key}: p50 {delays[9]:.2f} s, p95 {delays[18]:.2f} s")
            self.assertLessEqual(delays[18], SEEN_WITHIN_S, delays)
        for r in rounds:
            self.assertEqual(r["vm"]["power_state"], "Running")
            self.assertEqual(r["vm"]["CPUs"]["number"], 1)
            self.assertFalse(r["vm"]["managed"])
            self.assertLess(abs(r["vm"]["memory"]["size"] - (GUEST_MEMORY_MIB << 20)), 4 << 20)

    def test_every_action_against_xl_and_xenstore(self):
        vm = self.define("actions", description="lab guest")
        self.assertEqual(self.rest.power(vm), "Halted")
        self.assertIsNone(self.domain(vm))

        self.rest.action(vm, "start")
        d = self.domain(vm)
        self.assertEqual(d["name"], "actions")
        self.assertNotIn("p", d["state"])
        self.assertEqual(self.host.xenstore(f"/local/domain/{d['domid']}/vm"), f"/vm/{vm}")
        self.assertEqual(self.rest.power(vm), "Running")
        self.guest_up(vm)

        self.rest.action(vm, "pause")
        self.assertIn("p", self.domain(vm)["state"])
        self.assertEqual(self.rest.power(vm), "Paused")
        self.rest.action(vm, "unpause")
        self.assertNotIn("p", self.domain(vm)["state"])

        for verb in ("clean_reboot", "hard_reboot"):
            before = self.domain(vm)["domid"]
            self.rest.action(vm, verb)
            self.assertGreater(self.domain(vm)["domid"], before, verb)
            self.assertEqual(self.rest.vm(vm)["domid"], self.domain(vm)["domid"])
            self.guest_up(vm)

        self.rest.action(vm, "suspend")
        self.assertIsNone(self.domain(vm))
        self.assertEqual(self.rest.power(vm), "Suspended")
        self.host.run(["test", "-s", f"/var/lib/muster/save/{vm}.save"])
        self.rest.action(vm, "resume")
        self.assertIsNotNone(self.domain(vm))
        self.assertEqual(self.rest.power(vm), "Running")

        self.rest.action(vm, "clean_shutdown")
        self.assertIsNone(self.domain(vm))
        self.assertEqual(self.rest.power(vm), "Halted")
        self.rest.action(vm, "start")
        self.rest.action(vm, "hard_shutdown")
        self.assertIsNone(self.domain(vm))
        self.assert_views_agree()

    def test_a_guest_that_resets_itself_is_built_anew(self):
        """Without a trace in xenstore: nothing that is shown of it changes."""
        vm = self.started("resets", cmdline=GUEST["cmdline"] + " muster.noagent")
        before = self.domain(vm)["domid"]
        self.host.wait_guest("resets")
        self.host.run(["xl", "sysrq", "resets", "b"])
        wait_until("another domain", lambda: (d := self.domain(vm)) and d["domid"] != before, OP_DEADLINE, 1)
        wait_until("its VM runs", lambda: self.rest.vm(vm)["domid"] == self.domain(vm)["domid"], OP_DEADLINE, 1)

    def test_guest_facts_from_xenstore(self):
        vm = self.started("facts")
        self.guest_up(vm)
        domid = self.domain(vm)["domid"]
        shown = wait_until("facts are shown", lambda: (
            v := self.rest.vm(vm)).get("managementAgentDetected") and v.get("os_version") and v)
        self.assertEqual(shown["os_version"]["name"],
                         self.host.xenstore(f"/local/domain/{domid}/data/os_name"))
        address = self.host.xenstore(f"/local/domain/{domid}/attr/vif/0/ipv4/0")
        self.assertEqual(shown["addresses"].get("0/ipv4/0"), address)
        # It could say so, because the driver has let it: the name is the guest's own.
        self.assertEqual("1", self.host.xenstore(f"/local/domain/{domid}/control/feature-balloon"))
        self.assertTrue(wait_until("its balloon is shown", lambda: self.rest.vm(vm).get("balloonDriverDetected")))
        self.assertIn(f"(n{domid})", self.host.out(["xenstore-ls", "-p", f"/local/domain/{domid}/control"]).split(
            "feature-balloon")[1].splitlines()[0])

    def test_adopt_a_foreign_domain(self):
        vm = str(uuid.uuid4())
        self.host.guest("foreign", uuid=vm)
        wait_until("it is listed", lambda: vm in self.rest.vms("id"))
        self.assertFalse(self.rest.vm(vm)["managed"])
        # `xl` has made it, so its guest cannot write there, and what it has is not known.
        domid = self.domain(vm)["domid"]
        self.assertNotIn("feature-balloon", self.host.out(["xenstore-ls", f"/local/domain/{domid}/control"]))
        self.assertNotIn("balloonDriverDetected", self.rest.vm(vm))
        before = self.domain(vm)["domid"]
        self.rest.action(vm, "adopt")
        self.assertTrue(self.rest.vm(vm)["managed"])
        self.assertEqual(self.domain(vm)["domid"], before, "adopting must not touch the domain")
        self.host.run(["test", "-s", f"/var/lib/muster/vms/{vm}.json"])
        self.rest.action(vm, "hard_shutdown")
        self.rest.action(vm, "start")
        self.assertEqual(self.domain(vm)["name"], "foreign")

    def test_a_definition_that_libxl_refuses(self):
        vm = self.define("broken", kernel="/srv/guest/no-such-kernel")
        with self.assertRaises(RestError) as caught:
            self.rest.action(vm, "start")
        self.assertIn("/srv/guest/no-such-kernel", caught.exception.body["error"])
        self.assertEqual(self.rest.power(vm), "Halted")
        self.assert_views_agree()

    def test_clean_shutdown_of_a_deaf_guest_times_out_and_hard_shutdown_works(self):
        vm = self.started("deaf", cmdline=GUEST["cmdline"] + " muster.deaf")
        self.guest_up(vm)
        status, _, body = self.rest.request("POST", f"/vms/{vm}/actions/clean_shutdown"
                                                    "?sync=true&timeout=5")
        self.assertEqual(status, 504, body)
        self.assertIsNotNone(self.domain(vm))
        self.rest.action(vm, "hard_shutdown")
        self.assertIsNone(self.domain(vm))

    def test_kill_the_agent_in_the_middle_of_each_action(self):
        """kill -9 while it acts: the task ends truthfully, no zombie, the guest lives."""
        rand = random.Random(20261120)
        vm = self.define("survivor")
        bystander = self.started("bystander")
        bystander_domid = self.domain(bystander)["domid"]
        ends = {"start": "Running", "pause": "Paused", "unpause": "Running",
                "clean_reboot": "Running", "hard_reboot": "Running", "suspend": "Suspended",
                "resume": "Running", "clean_shutdown": "Halted", "hard_shutdown": "Halted"}
        last = None
        for verb in ("start", "pause", "unpause", "clean_reboot", "hard_reboot", "suspend",
                     "resume", "clean_shutdown", "start", "hard_shutdown"):
            with self.subTest(verb=verb):
                # A resumed guest is up, and says so to nobody again.
                self.prepare(vm, verb, booted=last == "resume")
                last = verb
                before = self.rest.power(vm)
                task = self.rest.action(vm, verb, sync=False)
                self.host.run(["sh", "-c", f"sleep {rand.uniform(0, 1.5):.2f}; systemctl kill "
                                           "-s KILL --kill-who=main muster-agent"])
                ended = self.rest.task(task, OP_DEADLINE)
                self.fleet.wait_connected(1)
                self.assert_views_agree()
                if verb.endswith("reboot"):  # whatever became of it, the guest lives
                    wait_until("it runs", lambda: self.rest.power(vm) == "Running", OP_DEADLINE, 1)
                power = self.rest.power(vm)
                print(f"{verb}: {ended['status']}, {before} -> {power}: "
                      f"{ended.get('result', {}).get('message', '')}")
                if ended["status"] == "success":
                    self.assertEqual(power, ends[verb])
                else:
                    self.assertIn(ended["status"], ("failure", "interrupted"))
                    self.assertTrue(ended["result"]["message"])
                self.assertEqual(self.domain(bystander)["domid"], bystander_domid)

    def prepare(self, vm, verb, booted):
        """Bring the VM into a state from which the action is legal, its guest booted."""
        wanted = {"start": "Halted", "unpause": "Paused", "resume": "Suspended"}.get(verb, "Running")
        power = self.rest.power(vm)
        if power != wanted:
            if power != "Halted":
                self.rest.action(vm, "hard_shutdown")
            if wanted != "Halted":
                self.rest.action(vm, "start")
                self.guest_up(vm)
            if wanted in ("Paused", "Suspended"):
                self.rest.action(vm, {"Paused": "pause", "Suspended": "suspend"}[wanted])
        elif wanted == "Running" and not booted:
            self.guest_up(vm)

    def test_link_cut_for_a_minute_while_ten_vms_change(self):
        vms = [self.started(f"cut{i}") for i in range(10)]
        self.guest_up(vms[9])
        domid = {vm: self.domain(vm)["domid"] for vm in vms}
        # Commands that are under way when the link goes: their outcome must come later, once.
        tasks = {vms[9]: self.rest.action(vms[9], "clean_reboot", sync=False),
                 vms[8]: self.rest.action(vms[8], "pause", sync=False)}
        wait_until("the host works on them", lambda: self.rest.vm(vms[9])["current_operations"])
        cut_at = time.time()
        self.proxy.cut()
        wait_until("the host is seen to be away", lambda: not self.rest.get(
            f"/hosts/{self.host_id}")["connected"])
        for vm in vms:
            self.assertNotEqual(self.rest.power(vm), "Running", "nobody can know that now")
        local = "curl -sf --unix-socket /run/muster/agent.sock -X POST http://x/rest/v0/vms/"
        for vm, verb in zip(vms, ["pause", "pause", "hard_shutdown", "suspend", "hard_reboot"]):
            self.host.run(["sh", "-c", f"{local}{vm}/actions/{verb}?sync=true"], timeout=300)
        for vm in vms[5:8]:
            self.host.run(["xl", "pause" if vm is vms[5] else "destroy", str(domid[vm])])
        wait_until("a minute has passed", lambda: time.time() - cut_at >= 60, 300, 1)
        self.proxy.mend()
        self.fleet.wait_connected(1)
        mended_at = time.time()
        self.assert_views_agree()
        power = {vm: self.rest.power(vm) for vm in vms}
        self.assertEqual([power[vm] for vm in vms[:9]],
                         ["Paused", "Paused", "Halted", "Suspended", "Running", "Paused", "Halted",
                          "Halted", "Paused"])
        for vm, task in tasks.items():
            self.assertEqual(self.rest.task(task)["status"], "success")
        # Domain ids only count up: each command that makes a domain made exactly one. The two
        # reboots are all that did since the first listing.
        newest = max(d["domid"] for d in self.domains().values())
        self.assertEqual(newest, max(domid.values()) + 2)
        self.assert_no_sample_missing(cut_at, mended_at)

    def series(self, kind, id_, query, name="*"):
        """{name: {end of a step: value}} of what is known."""
        status, _, reply = self.rest.request("GET", f"/{kind}/{id_}/stats?{query}&series={name}")
        if status != 200:
            return {}
        return {series: {reply["endTimestamp"] - 5 * (len(found["values"]) - 1 - i): value
                         for i, value in enumerate(found["values"]) if value is not None}
                for series, found in reply["series"].items()}

    def assert_no_sample_missing(self, since, until):
        """Every 5 s there is one."""

        def covered():
            times = sorted(self.series("hosts", self.host_id, f"start={int(since) - 20}",
                                       "running_domains").get("running_domains", ()))
            return times if times and times[-1] >= until else None

        times = wait_until("the samples of the cut have arrived", covered, step=1)
        self.assertLessEqual(times[0], since)
        gaps = [(a, b) for a, b in zip(times, times[1:]) if b - a != 5]
        self.assertEqual(gaps, [], "samples are missing")

    def latest_metrics(self, vms):
        """VM -> {name: value} of its newest step."""
        found = {}
        for vm in vms:
            series = self.series("vms", vm, "start=-60")
            newest = max((at for values in series.values() for at in values), default=None)
            found[vm] = {name: values[newest] for name, values in series.items()
                         if newest in values}
        return found

    def test_twenty_metrics_of_every_running_guest(self):
        vms = [self.started(f"metric{i}", nics=[{"bridge": "xenbr0"}]) for i in range(2)]

        def known():
            latest = self.latest_metrics(vms)
            return all(len(latest.get(vm, ())) >= 20 for vm in vms) and latest

        latest = wait_until("20 known metrics of each", known, 180, 1)
        by_name = latest[vms[0]]
        print(f"{len(by_name)} metrics: {', '.join(sorted(by_name))}")
        domid = self.domain(vms[0])["domid"]
        target_kib = int(self.host.xenstore(f"/local/domain/{domid}/memory/target"))
        self.assertAlmostEqual(by_name["memory"], target_kib * 1024, delta=2 << 20)

    def test_kill_the_aggregator_at_any_moment(self):
        """What was acknowledged (202, 201) is there after kill -9; it serves again within 2 s."""
        rand = random.Random(7)
        vms = [self.define(f"durable{i}") for i in range(4)]
        promised = []

        def ask():
            if len(promised) > 100:  # the aggregator remembers the last 1,000
                self.rest.get("/ping")
                return
            for vm in vms:
                verb = {"Halted": "start", "Running": "pause", "Paused": "hard_shutdown"}.get(
                    self.rest.power(vm))
                if verb:
                    promised.append(self.rest.action(vm, verb, sync=False))

        def ask_until_killed():
            while True:
                try:
                    ask()
                except (OSError, RestError, ValueError):
                    return

        for round_ in range(5):
            promised.clear()
            with concurrent.futures.ThreadPoolExecutor() as pool:
                asking = pool.submit(ask_until_killed)
                concurrent.futures.wait([asking], rand.uniform(0.3, 4))
                self.fleet.aggregator.kill()
                asking.result()
            start = time.monotonic()
            self.fleet.restart_aggregator()
            serving = time.monotonic() - start
            print(f"round {round_}: serving again after {serving:.2f} s")
            # 0.05 to 0.25 s where it was written; the goal of 2 s is the benchmark's to measure.
            self.assertLess(serving, 20)
            self.fleet.wait_connected(1)
            for task in promised:
                self.assertIn(self.rest.task(task, OP_DEADLINE)["status"], ("success", "failure"))
            self.assertLessEqual(set(vms), set(self.rest.vms("id")))
            self.assert_views_agree()


if __name__ == "__main__":
    unittest.main()
