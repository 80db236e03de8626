# SPDX-License-Identifier: Apache-2.0
"""A real agent that was cut off, and restarted meanwhile, and a real aggregator: nothing is missing
afterwards. Two hours do not pass: what the agent kept of them is written into its files by hand, as
docs/formats/metrics.md has them."""

import pathlib
import struct
import tempfile
import time
import unittest

from tests.integration.test_metrics import crc32c
from tests.support.fleet import Fleet
from tests.support.rest import wait_until

HEADER, STEPS, MINUTES, COLUMNS = 4096, 372, 480, 1024
STEP_BYTES, MINUTE_BYTES = (COLUMNS + 8) * 4, (3 * COLUMNS + 16) * 4
PARTIAL_AT = HEADER + (STEPS + MINUTES) * 4
STEPS_AT = PARTIAL_AT + MINUTES
MINUTES_AT = STEPS_AT + STEPS * STEP_BYTES


def as_old_as_can_be(path):
    """All series of the agent's were there from the beginning."""
    data = bytearray(path.read_bytes())
    at = 32
    while at < len(data):
        owner, length = bytes(data[at:at + 16]), struct.unpack_from("<I", data, at + 20)[0]
        at, end = at + 24, at + 24 + length
        p = at + 5
        while p < end:
            struct.pack_into("<I", data, p + 4, 1)
            p += 11 + data[p + 9] + data[p + 10]
        struct.pack_into("<I", data, at + 1, crc32c(owner + bytes(data[at + 5:end])))
        at = end
    struct.pack_into("<I", data, 28, crc32c(bytes(data[32:])))
    path.write_bytes(data)


def fill(path, steps, minutes):
    """Rows of all columns: {number: value}."""
    with open(path, "r+b") as f:
        for step, v in steps.items():
            at = (step - 1) % STEPS
            f.seek(HEADER + at * 4)
            f.write(struct.pack("<I", step))
            f.seek(STEPS_AT + at * STEP_BYTES)
            f.write(struct.pack("<f", v) * COLUMNS)
        for minute, v in minutes.items():
            at = minute % MINUTES
            f.seek(HEADER + (STEPS + at) * 4)
            f.write(struct.pack("<I", minute))
            f.seek(PARTIAL_AT + at)
            f.write(b"\0")
            f.seek(MINUTES_AT + at * MINUTE_BYTES)
            for d in (0, -1, 1):
                f.write(struct.pack("<f", v + d) * COLUMNS)


class Backfill(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="muster-backfill-")
        self.addCleanup(folder.cleanup)
        self.fleet = Fleet(pathlib.Path(folder.name))
        self.addCleanup(self.fleet.__exit__)
        self.fleet.__enter__()
        self.fleet.start_aggregator()
        self.agent = self.fleet.add_agent("cut", "--sim-foreign", "1")

    @staticmethod
    def rows(rest, host, level, cf="AVERAGE"):
        reply = rest.get(f"/hosts/{host}/stats?granularity={level}&series=loadavg&cf={cf}")
        values = reply["series"].get("loadavg", {"values": []})["values"]
        first = reply["endTimestamp"] - (len(values) - 1) * reply["interval"]
        return {(first + i * reply["interval"]) // reply["interval"]: v
                for i, v in enumerate(values) if v is not None}

    def test_two_hours_without_an_aggregator_and_a_restart(self):
        host = self.agent.host_id
        stats = self.agent.state / "agent.sock.stats"
        wait_until("it has sampled", lambda: self.rows(self.agent.rest, host, "seconds"))
        self.fleet.aggregator.stop()
        self.agent.kill()
        as_old_as_can_be(stats / "objects")
        now = int(time.time())
        minutes = {m: float(m % 1000) for m in range(now // 60 - 112, now // 60 - 12)}
        steps = {s: float(s % 100) for s in range(now // 5 - 110, now // 5 - 10)}
        fill(stats / "rows-0", steps, minutes)
        self.fleet.restart_aggregator()
        self.agent.start()

        def all_there():
            found = self.rows(self.fleet.rest, host, "minutes")
            return found if minutes.keys() <= found.keys() else None
        found = wait_until("the minutes come", all_there)
        self.assertEqual(minutes, {m: found[m] for m in minutes})
        for cf, d in (("MIN", -1), ("MAX", 1)):
            found = self.rows(self.fleet.rest, host, "minutes", cf)
            self.assertEqual({m: v + d for m, v in minutes.items()}, {m: found[m] for m in minutes})
        found = self.rows(self.fleet.rest, host, "seconds")
        want = {s: v for s, v in steps.items() if s in found}
        self.assertGreater(len(want), 20)
        self.assertEqual(want, {s: found[s] for s in want})
        self.assertIn("metrics of before are sent", self.agent.text())
        self.assertEqual(0, self.fleet.rest.get(f"/hosts/{host}/metrics")["rowsRefused"])


if __name__ == "__main__":
    unittest.main()
