# SPDX-License-Identifier: Apache-2.0
"""deploy/quickstart on a real Xen dom0: it manages the host it runs on."""

import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from host import TOP, LabHost  # noqa: E402

BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD", TOP / "build"))
PROGRAMS = ("agent/muster-agent", "aggregator/muster-aggregator", "aggregator/cli/muster")
QUICKSTART = "cd /srv/muster && MUSTER_BUILD=/srv/muster/build deploy/quickstart --state /srv/quickstart"
ASK = "set -a; . /srv/quickstart/env; set +a; /srv/muster/build/aggregator/cli/muster"


class QuickstartDom0(unittest.TestCase):
    def test_this_host_is_managed(self):
        with LabHost.up("quickstart-dom0") as host:
            for program in PROGRAMS:
                host.run(["mkdir", "-p", f"/srv/muster/build/{os.path.dirname(program)}"])
                host.put(BUILD / program, f"/srv/muster/build/{program}")
            host.run(["mkdir", "-p", "/srv/muster/deploy"])
            host.put(TOP / "deploy", "/srv/muster/deploy")
            host.guest("web")
            said = host.out(f"{QUICKSTART} --detach --no-install </dev/null", timeout=600)
            self.assertIn("Muster is up", said)
            vms = json.loads(host.out(f"{ASK} vm list -o json"))
            self.assertEqual([(vm["name_label"], vm["power_state"]) for vm in vms],
                             [("web", "Running")])
            host.run(f"{ASK} vm pause web")
            self.assertIn("p", host.domain("web")["state"])
            host.run(f"{QUICKSTART} --stop")
            self.assertIsNotNone(host.domain("web"), "guests outlive it")
            self.assertEqual(host.run(["pgrep", "-l", "^muster-"], check=False).stdout, "")


if __name__ == "__main__":
    unittest.main()
