# SPDX-License-Identifier: Apache-2.0
"""An aggregator of its own for each test class, fed by agents written in Python."""

import pathlib
import tempfile
import unittest
import uuid

from tests.support.fake_agent import FakeAgent
from tests.support.fleet import Fleet
from tests.support.rest import Rest, wait_until


class AggregatorCase(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="muster-aggregator-")
        cls.addClassCleanup(folder.cleanup)
        cls.fleet = Fleet(pathlib.Path(folder.name))
        cls.addClassCleanup(cls.fleet.__exit__)
        cls.fleet.__enter__()
        cls.fleet.start_aggregator(*cls.options)
        cls.fleet.anonymous = Rest(cls.fleet.url, None, cls.fleet.state / "ca.crt")
        cls.rest = cls.fleet.rest

    def tearDown(self):
        self.assertTrue(self.fleet.aggregator.running(), self.fleet.aggregator.text()[-3000:])
        for line in self.fleet.aggregator.text().splitlines():
            self.assertNotIn("AddressSanitizer", line)
            self.assertNotIn("runtime error", line)

    def agent(self, name="fake", enrolled=True):
        agent = FakeAgent(self.fleet, name)
        self.addCleanup(agent.close)
        return agent.enrol() if enrolled else agent

    def crash(self):
        """kill -9 and start again."""
        self.fleet.aggregator.kill()
        self.fleet.restart_aggregator()

    def wait_vm(self, vm_id, want, what="the VM changes"):
        def look():
            status, _, vm = self.rest.request("GET", f"/vms/{vm_id}")
            return vm if status == 200 and want(vm) else None
        return wait_until(f"{what} ({vm_id})", look)

    def wait_host(self, agent, want, what="the host changes"):
        def look():
            host = self.rest.get(f"/hosts/{agent.id}")
            return host if want(host) else None
        return wait_until(f"{what} ({agent.id})", look)

    @staticmethod
    def new_id():
        return str(uuid.uuid4())
