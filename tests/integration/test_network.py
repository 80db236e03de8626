# SPDX-License-Identifier: Apache-2.0
"""agent/network in network namespaces of this machine, whose own interfaces and configuration are not touched:
the namespaces are new ones, and the configuration systems' folders are hidden behind empty ones."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/support"))

from network_cases import NetworkCases  # noqa: E402
from network_probe import Probe  # noqa: E402

PROGRAM = pathlib.Path(os.environ.get("MUSTER_BUILD") or TOP / "build") / "tests/integration/network_probe"
# `ip netns exec` gives a mount namespace as well.
HIDE = """for d in /etc/network /etc/systemd/network /etc/NetworkManager /run/systemd /run/NetworkManager; do
    [ ! -d $d ] || mount -t tmpfs none $d || exit 1
done
exec "$@" """
KINDS = {"dummy": "x type dummy", "bond": "x type bond", "vlan": "link lo name x type vlan id 2"}


def make_namespace(name):
    done = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else None


class NetworkHere(NetworkCases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.name = f"muster-test-{os.getpid()}"
        if os.geteuid() != 0:
            raise unittest.SkipTest("network namespaces need root")
        why = make_namespace(cls.name)
        if why:
            raise unittest.SkipTest(f"no network namespaces here: {why}")
        cls.kinds = tuple(kind for kind, words in KINDS.items() if cls.try_link(words))
        subprocess.run(["ip", "netns", "del", cls.name], check=True)

    @classmethod
    def try_link(cls, words):
        inside = ["ip", "netns", "exec", cls.name, "ip", "link"]
        made = subprocess.run([*inside, "add", *words.split()], capture_output=True).returncode == 0
        subprocess.run([*inside, "del", "x"], capture_output=True)
        return made

    def setUp(self):
        self.assertIsNone(make_namespace(self.name))
        self.addCleanup(subprocess.run, ["ip", "netns", "del", self.name], check=True)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name) / "networks"
        self.probes = []
        self.addCleanup(self.end_probes)

    def end_probes(self):
        for probe in self.probes:
            probe.kill()

    def sh(self, command):
        done = subprocess.run(["ip", "netns", "exec", self.name, "sh", "-ec", command], check=True, text=True,
                              capture_output=True)
        return done.stdout.strip()

    def probe(self):
        popen = subprocess.Popen(["ip", "netns", "exec", self.name, "sh", "-c", HIDE, "sh", PROGRAM, "--watch", self.folder],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.probes.append(Probe(popen))
        return self.probes[-1]

    def records(self):
        return sorted(os.listdir(self.folder))

    def write_record(self, name, text):
        self.folder.mkdir()
        (self.folder / name).write_text(text)


if __name__ == "__main__":
    unittest.main()
