# SPDX-License-Identifier: Apache-2.0
"""What hosts have besides VMs, from an agent's messages to REST and events."""

import json
import unittest
import uuid

import grpc

from tests.integration.aggregator_case import AggregatorCase
from tests.support.fake_agent import messages
from tests.support.rest import wait_until

Code = grpc.StatusCode


class Objects(AggregatorCase):
    def object(self, path):
        status, _, body = self.rest.request("GET", path)
        return body if status == 200 else None

    def wait_object(self, path, want=lambda o: True):
        def look():
            o = self.object(path)
            return o if o and want(o) else None
        return wait_until(path, look)

    def wait_gone(self, path):
        wait_until(f"{path} is gone", lambda: not self.object(path))

    def test_snapshot_delta_and_removal(self):
        agent = self.agent()
        sr, vdi, other = self.new_id(), self.new_id(), self.new_id()
        s = agent.live(objects=[agent.sr(sr, "disks", thin=True, tags=["gold"]),
                                agent.vdi(vdi, sr, "root")])
        shown = self.rest.get(f"/srs/{sr}")
        self.assertEqual(
            ("disks", "dir", "user", 1000, 100, 200, False, "thin", agent.id, [vdi], ["gold"]),
            tuple(shown[k] for k in ("name_label", "SR_type", "content_type", "size",
                                     "physical_usage", "usage", "shared", "allocationStrategy",
                                     "$container", "VDIs", "tags")))
        self.assertEqual(sr, self.rest.get(f"/vdis/{vdi}")["$SR"])
        agent.delta(s, removed=[vdi], objects=[agent.sr(sr, "renamed", size_bytes=-1),
                                               agent.vdi(other, sr, "new")])
        agent.wait_acked(s)
        shown = self.rest.get(f"/srs/{sr}")
        self.assertEqual(("renamed", None, [other]),
                         (shown["name_label"], shown["size"], shown["VDIs"]))
        self.assertIsNone(self.object(f"/vdis/{vdi}"))
        # A snapshot says everything: what it leaves out is gone.
        s.close()
        agent.epoch, agent.seq = 2, 5
        s = agent.live(objects=[agent.sr(sr)])
        self.wait_gone(f"/vdis/{other}")
        s.close()

    def test_kept_over_a_crash(self):
        agent = self.agent()
        sr, vdi, gone = self.new_id(), self.new_id(), self.new_id()
        s = agent.live(objects=[agent.sr(sr, "kept"), agent.vdi(vdi, sr), agent.vdi(gone, sr)])
        agent.delta(s, removed=[gone])
        agent.wait_acked(s)
        self.crash()
        shown = self.rest.get(f"/srs/{sr}")
        self.assertEqual(("kept", False, [vdi]),
                         (shown["name_label"], shown["attached"], shown["VDIs"]))
        self.assertIsNone(self.object(f"/vdis/{gone}"))
        # It goes on from there, without a snapshot.
        s, welcome = agent.connect()
        self.assertTrue(welcome.resume)
        self.wait_object(f"/srs/{sr}", lambda o: o["attached"])
        s.close()

    def test_host_away(self):
        agent = self.agent()
        sr, vdi = self.new_id(), self.new_id()
        s = agent.live(objects=[agent.sr(sr), agent.vdi(vdi, sr)])
        pbd, = self.rest.get(f"/srs/{sr}")["$PBDs"]
        self.assertTrue(self.rest.get(f"/pbds/{pbd}")["attached"])
        s.close()
        self.wait_object(f"/pbds/{pbd}", lambda o: not o["attached"])
        self.assertFalse(self.rest.get(f"/srs/{sr}")["attached"])
        self.assertEqual("vdi", self.rest.get(f"/vdis/{vdi}")["name_label"])
        self.rest.delete(f"/hosts/{agent.id}")
        self.wait_gone(f"/srs/{sr}")
        self.assertIsNone(self.object(f"/vdis/{vdi}"))
        self.assertIsNone(self.object(f"/pbds/{pbd}"))


if __name__ == "__main__":
    unittest.main()
