# SPDX-License-Identifier: Apache-2.0
"""agent/network in a real dom0: its kernel has all kinds of links, and ifupdown, networkd and NetworkManager are the
real ones."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from host import TOP, LabHost  # noqa: E402

sys.path.insert(0, str(TOP / "tests/support"))

from network_cases import NetworkCases  # noqa: E402
from network_probe import Probe  # noqa: E402

MINUTES = 7
PROGRAM = pathlib.Path(os.environ.get("MUSTER_BUILD") or TOP / "build") / "tests/integration/network_probe"
RECORDS = "/srv/networks"
HIDE = ("for d in /etc/network /etc/systemd/network /run/systemd; do mount -t tmpfs none $d || exit 1; done; "
        f"exec network_probe --watch {RECORDS}")


def setUpModule():
    host = LabHost.start("network")
    unittest.addModuleCleanup(host.stop)
    host.put(PROGRAM, "/usr/bin/network_probe")
    host.run("chmod 755 /usr/bin/network_probe; modprobe -a dummy 8021q bonding tun macvlan")
    globals()["HOST"] = host


class InDom0(unittest.TestCase):
    def setUp(self):
        self.probes = []
        HOST.run(f"rm -rf {RECORDS}")
        self.addCleanup(self.end_probes)

    def end_probes(self):
        for probe in self.probes:
            probe.close()

    def start(self, command):
        self.probes.append(Probe(HOST.spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)))
        return self.probes[-1]

    def records(self):
        return HOST.out(f"ls {RECORDS}").split()

    def write_record(self, name, text):
        HOST.write(f"{RECORDS}/{name}", text)


class NetworkInNamespace(NetworkCases, InDom0):
    kinds = ("dummy", "vlan", "bond")
    test_killed_at_any_moment = None  # killing ssh kills nothing in dom0; tests/integration has it

    def setUp(self):
        super().setUp()
        HOST.run("ip netns add t")
        self.addCleanup(HOST.run, "ip netns del t")

    def sh(self, command):
        return HOST.out(["ip", "netns", "exec", "t", "sh", "-ec", command])

    def probe(self):
        return self.start(["ip", "netns", "exec", "t", "sh", "-c", HIDE])


class NetworkOfDom0(InDom0):
    """Its own network. The lab's way in is xenbr0 on eth0: what cuts it off fails the test by itself."""

    def setUp(self):
        super().setUp()
        self.before = self.state()
        self.addCleanup(self.nothing_is_left)

    def state(self):
        links = HOST.out("ip -br link | cut -d' ' -f1 | sort")
        return links, HOST.out("find /etc/network /etc/systemd/network | sort; cat /etc/network/interfaces")

    def nothing_is_left(self):
        self.assertEqual(self.state(), self.before)
        self.assertEqual(self.records(), [])

    def probe(self):
        return self.start(f"network_probe --watch {RECORDS}")

    def link(self, name):
        return json.loads(HOST.out(f"ip -j -d link show {name}"))[0]

    def ok(self, done, system):
        self.assertEqual((done["code"], done["text"], done["system"]), ("NONE", "", system))

    def interfaces_read_ours(self):
        HOST.run("cp /etc/network/interfaces /srv/interfaces; "
                 "echo 'source /etc/network/interfaces.d/*' >>/etc/network/interfaces")
        self.addCleanup(HOST.run, "cp /srv/interfaces /etc/network/interfaces")


class Ifupdown(NetworkOfDom0):
    def test_what_the_lab_has(self):
        probe = self.probe()
        self.assertEqual({o["bridge"] for o in probe.objects.values() if o["kind"] == "network"}, {"xenbr0", "xenbr1"})
        eth0, eth1 = probe.pif("eth0"), probe.pif("eth1")
        self.assertEqual((eth0["bridge"], eth0["mode"], eth0["ip"], eth0["netmask"], eth0["gateway"], eth0["dns"]),
                         ("xenbr0", "Static", "10.0.2.15", "255.255.0.0", "10.0.2.2", "10.0.2.3"))
        self.assertTrue(eth0["physical"] and eth0["management"] and eth0["attached"] and eth0["carrier"])
        self.assertEqual((eth1["bridge"], eth1["mode"], eth1["physical"], eth1["management"]),
                         ("xenbr1", "None", True, False))
        self.assertEqual(eth0["mac"], HOST.read("/sys/class/net/eth0/address").strip())

    def test_a_guests_interface_is_no_pif_and_holds_its_network(self):
        self.interfaces_read_ours()
        probe = self.probe()
        self.ok(probe.create(name="lab"), "ifupdown")
        HOST.guest("web", vifs=("bridge=lab",))
        self.addCleanup(HOST.destroy_guests)
        domid = HOST.domain("web")["domid"]
        self.assertEqual(self.link(f"vif{domid}.0")["master"], "lab")
        done = probe.delete("lab")
        self.assertEqual(done["code"], "STATE")
        self.assertIn(f"vif{domid}.0", done["text"])
        self.assertEqual({o["device"] for o in probe.objects.values() if o["kind"] == "pif"}, {"eth0", "eth1"})
        HOST.destroy_guests()
        HOST.wait_run("the interface to go", f"! test -e /sys/class/net/vif{domid}.0")
        self.ok(probe.delete("lab"), "ifupdown")

    def test_without_the_source_line(self):
        done = self.probe().create(name="lab", pif="eth1", vlan=9)
        self.assertEqual(done["code"], "UNSUPPORTED")
        self.assertIn('hint: add the line "source /etc/network/interfaces.d/*"', done["text"])

    def test_a_vlan_network_survives_and_goes_without_a_trace(self):
        self.interfaces_read_ours()
        probe = self.probe()
        self.ok(probe.create(name="Lab nine", pif="eth1", vlan=9, bridge="lab9", mtu=1400), "ifupdown")
        vlan, bridge = self.link("eth1.9"), self.link("lab9")
        self.assertEqual((vlan["linkinfo"]["info_data"]["id"], vlan["link"], vlan["master"], vlan["mtu"]),
                         (9, "eth1", "lab9", 1500))
        self.assertEqual((bridge["mtu"], "UP" in bridge["flags"]), (1400, True))
        self.assertEqual(HOST.out("ip -6 addr show lab9"), "", "guests must not reach the host by it")
        self.assertEqual(self.link("eth1")["mtu"], 1500, "the card is others' too")
        self.assertEqual(self.link("eth1")["master"], "xenbr1")
        HOST.run("ifdown lab9")
        probe.wait(lambda: not probe.network("lab9") and not probe.pif("eth1.9"))
        HOST.run("ifup -a")  # what a boot does; the lab's way in is up already
        probe.wait(lambda: (pif := probe.pif("eth1.9")) and pif["bridge"] == "lab9" and pif["attached"])
        self.assertEqual((self.link("eth1.9")["master"], self.link("lab9")["mtu"]), ("lab9", 1400))
        self.ok(probe.delete("lab9"), "ifupdown")
        self.assertIsNone(probe.network("lab9"))

    def test_the_way_out_is_not_moved(self):
        self.interfaces_read_ours()
        probe = self.probe()
        self.assertIn("is in xenbr0 already", probe.create(name="lab", pif="eth0")["text"])
        self.ok(probe.create(name="beside", pif="eth0", vlan=9), "ifupdown")
        self.assertEqual(self.link("eth0")["master"], "xenbr0")
        self.ok(probe.delete("beside"), "ifupdown")

    def test_an_ifup_that_fails_leaves_nothing(self):
        self.interfaces_read_ours()
        HOST.write("/etc/network/if-up.d/refuse", '#!/bin/sh\n[ "$IFACE" != lab ] || { echo "not today" >&2; exit 1; }\n', "755")
        self.addCleanup(HOST.run, "rm /etc/network/if-up.d/refuse")
        before = self.state()
        done = self.probe().create(name="lab", pif="eth1", vlan=9)
        self.assertEqual(done["code"], "IO", done)
        self.assertIn("ifup: exit code 1", done["text"])
        self.assertEqual(self.state(), before)

    def slow_ifup(self):
        """An ifup that has made everything and does not end."""
        HOST.write("/etc/network/if-up.d/slow",
                   '#!/bin/sh\n[ "$IFACE" != lab ] || { touch /srv/is-up; tail -f /dev/null; }\n', "755")
        self.addCleanup(HOST.run, "rm -f /etc/network/if-up.d/slow /srv/is-up")

    def test_cancelled_while_ifup_runs(self):
        self.interfaces_read_ours()
        self.slow_ifup()
        before = self.state()
        probe = self.probe()
        probe.send('create {"name":"lab","pif":"eth1","vlan":9}')
        HOST.wait_run("ifup to be at work", "test -e /srv/is-up")
        self.assertEqual(self.link("eth1.9")["master"], "lab")
        probe.send("cancel")
        self.assertEqual(probe.result()["code"], "CANCELLED")
        self.assertEqual(self.state(), before)
        HOST.run("! pidof tail")  # what ifup had started

    def test_killed_while_ifup_runs(self):
        """The agent dies while ifup runs: the next start undoes it."""
        self.interfaces_read_ours()
        self.slow_ifup()
        before = self.state()
        probe = self.probe()
        probe.send('create {"name":"lab","pif":"eth1","vlan":9}')
        HOST.wait_run("ifup to be at work", "test -e /srv/is-up")
        self.assertNotEqual(self.state(), before)
        HOST.run("kill -9 $(pidof network_probe); kill $(pidof tail)")
        probe.popen.wait(60)
        HOST.run("rm /srv/is-up")
        again = self.probe()
        self.assertEqual(again.create(name="")["code"], "INVALID", "it waits for what is swept")
        again.wait(lambda: not again.network("lab"))
        self.assertEqual(self.records(), [])
        self.assertEqual(HOST.out("ip -br link | cut -d' ' -f1 | sort"), before[0])
        self.assertEqual(HOST.out("ls /etc/network/interfaces.d"), "")


class Networkd(NetworkOfDom0):
    @classmethod
    def setUpClass(cls):
        HOST.run("ip link add d0 type dummy; ip link add d1 type dummy; "
                 "printf '[Match]\\nName=d0\\n[Network]\\nAddress=192.0.2.1/24\\nLinkLocalAddressing=no\\n'"
                 " >/etc/systemd/network/10-d0.network; systemctl start systemd-networkd")
        HOST.wait_run("d0 to be configured", "ip -br addr show d0 | grep -q 192.0.2.1")
        cls.addClassCleanup(HOST.run, "systemctl stop systemd-networkd.socket systemd-networkd; ip link del d0; ip link del d1; "
                                      "rm /etc/systemd/network/10-d0.network")

    @contextlib.contextmanager
    def the_address_stays(self):
        """d0 does not lose its address, not even for a moment."""
        monitor = HOST.spawn("exec timeout 300 ip monitor address dev d0", stdout=subprocess.PIPE, text=True)
        try:
            HOST.wait_run("the monitor to run", "pidof timeout")
            yield
        finally:
            HOST.run("kill $(pidof timeout)")
            said = monitor.communicate(timeout=60)[0]
        self.assertNotIn("Deleted", said)

    def networkd_has(self, bridge):
        """Waits until networkd has configured it from our file."""
        HOST.wait_run(f"networkd to have {bridge}",
                      f"grep -q NETWORK_FILE=/etc/systemd/network/60-muster-{bridge}.network "
                      f"/run/systemd/netif/links/$(cat /sys/class/net/{bridge}/ifindex)")

    def boot(self, bridge, vlan):
        """What a boot does: there are only the files, and networkd starts."""
        HOST.run(f"systemctl stop systemd-networkd.socket systemd-networkd; ip link del {vlan}; ip link del {bridge}; "
                 "systemctl start systemd-networkd")
        self.networkd_has(bridge)

    def test_a_vlan_beside_an_address(self):
        probe = self.probe()
        self.assertEqual((probe.pif("d0")["ip"], probe.pif("d0")["mode"]), ("192.0.2.1", "Static"))
        self.assertIn("the host itself talks over d0", probe.create(name="lab", pif="d0")["text"])
        with self.the_address_stays():
            self.ok(probe.create(name="lab", pif="d0", vlan=9, mtu=1400), "networkd")
        self.assertEqual((self.link("d0.9")["master"], self.link("d0.9")["linkinfo"]["info_data"]["id"]), ("lab", 9))
        self.assertEqual(self.link("lab")["mtu"], 1400)
        self.assertEqual(HOST.out("ip -6 addr show lab"), "")
        HOST.run("systemctl restart systemd-networkd")
        self.networkd_has("lab")
        HOST.wait_run("networkd to be done with d0", "ip -br addr show d0 | grep -q 192.0.2.1")
        self.assertEqual((self.link("d0.9")["master"], self.link("lab")["mtu"]), ("lab", 1400))
        self.boot("lab", "d0.9")
        HOST.wait_run("networkd to make the VLAN", "ip link show d0.9 up master lab | grep -q d0.9")
        self.assertEqual((self.link("d0.9")["linkinfo"]["info_data"]["id"], self.link("lab")["mtu"]), (9, 1400))
        self.assertEqual(HOST.out("ip -6 addr show lab"), "")
        with self.the_address_stays():
            self.ok(probe.delete("lab"), "networkd")
        self.assertIn("192.0.2.1", HOST.out("ip -br addr show d0"))

    def only_networkd(self):
        """As if ifupdown configured nothing (what is up stays up)."""
        HOST.run("mv /etc/network/interfaces /srv/interfaces")
        self.addCleanup(HOST.run, "mv /srv/interfaces /etc/network/interfaces")

    def test_a_card_without_a_file_of_its_own(self):
        self.only_networkd()
        probe = self.probe()
        self.ok(probe.create(name="one", pif="d1", vlan=1), "networkd")
        self.ok(probe.create(name="two", pif="d1"), "networkd")
        self.ok(probe.create(name="three", pif="d1", vlan=3), "networkd")
        self.assertEqual([self.link(name)["master"] for name in ("d1.1", "d1", "d1.3")], ["one", "two", "three"])
        self.boot("one", "d1.1")
        for port, bridge in (("d1.1", "one"), ("d1", "two"), ("d1.3", "three")):
            HOST.wait_run(f"{port} to be in {bridge}", f"ip link show {port} up master {bridge} | grep -q {port}")
        self.ok(probe.delete("one"), "networkd")
        self.assertEqual([self.link(name)["master"] for name in ("d1", "d1.3")], ["two", "three"])
        self.ok(probe.delete("three"), "networkd")
        self.ok(probe.delete("two"), "networkd")

    def test_the_hosts_way_out_decides_for_a_network_of_this_host_alone(self):
        self.interfaces_read_ours()
        probe = self.probe()
        self.ok(probe.create(name="self"), "ifupdown")
        self.ok(probe.delete("self"), "ifupdown")

    def test_a_network_of_this_host_alone(self):
        self.only_networkd()
        probe = self.probe()
        with self.the_address_stays():
            self.ok(probe.create(name="self"), "networkd")
            self.assertIn("UP", self.link("self")["flags"])
            self.ok(probe.delete("self"), "networkd")


class NetworkManager(NetworkOfDom0):
    """It has the spare card, eth2, and nothing else: what the lab itself uses is ifupdown's."""

    CONF = "/etc/NetworkManager/conf.d/lab.conf"
    PROFILES = "/etc/NetworkManager/system-connections"

    @classmethod
    def setUpClass(cls):
        HOST.write(cls.CONF, "[main]\nno-auto-default=*\n[keyfile]\n"
                             "unmanaged-devices=interface-name:eth0;interface-name:eth1;interface-name:xenbr*\n")
        HOST.run("modprobe e1000; systemctl start NetworkManager")
        cls.addClassCleanup(HOST.run, f"systemctl stop NetworkManager; rmmod e1000; rm {cls.CONF}")
        HOST.wait_run("NetworkManager to have the card", "nmcli -g DEVICE device | grep -qx eth2")

    def setUp(self):
        super().setUp()
        self.addCleanup(HOST.run, "nmcli connection delete muster-lab-card; ip link set eth2 up", check=False)
        HOST.run("nmcli connection add type ethernet ifname eth2 con-name muster-lab-card ipv4.method manual "
                 "ipv4.addresses 192.0.2.1/24 ipv6.method disabled; nmcli --wait 60 connection up muster-lab-card")

    def state(self):
        return *super().state(), HOST.out(f"ls {self.PROFILES} | grep -v muster-lab-card; true")

    def connections(self):
        """What NetworkManager says is up: connection -> device."""
        lines = HOST.out("nmcli -t -f NAME,DEVICE connection show --active").splitlines()
        return dict(line.split(":") for line in lines)

    def boot(self, *links):
        """What a boot does: there are only the files, and NetworkManager starts."""
        HOST.run("systemctl stop NetworkManager; " + "".join(f"ip link del {link}; " for link in links) +
                 "systemctl start NetworkManager")

    def is_in(self, port, bridge):
        HOST.wait_run(f"{port} to be in {bridge}", f"ip link show {port} up master {bridge} | grep -q {port}")

    def test_a_vlan_beside_an_address(self):
        probe = self.probe()
        probe.wait(lambda: probe.pif("eth2") and probe.pif("eth2")["ip"] == "192.0.2.1")
        self.assertIn("the host itself talks over eth2", probe.create(name="lab", pif="eth2")["text"])
        self.ok(probe.create(name="lab", pif="eth2", vlan=9, mtu=1400), "networkmanager")
        self.assertEqual((self.link("eth2.9")["master"], self.link("eth2.9")["linkinfo"]["info_data"]["id"]), ("lab", 9))
        self.assertEqual(self.link("lab")["mtu"], 1400)
        self.assertEqual(HOST.out("ip -6 addr show lab"), "", "guests must not reach the host by it")
        wanted = {"muster-lab-card": "eth2", "muster-lab": "lab", "muster-eth2.9": "eth2.9"}
        self.assertLessEqual(wanted.items(), self.connections().items())
        self.assertEqual(HOST.out(f"stat -c %a {self.PROFILES}/muster-lab.nmconnection"), "600")
        self.assertIn("192.0.2.1", HOST.out("ip -br addr show eth2"))
        HOST.run("systemctl restart NetworkManager")
        self.is_in("eth2.9", "lab")
        self.boot("eth2.9", "lab")
        self.is_in("eth2.9", "lab")
        HOST.wait_run("the card's address", "ip -br addr show eth2 | grep -q 192.0.2.1")
        self.assertEqual((self.link("eth2.9")["linkinfo"]["info_data"]["id"], self.link("lab")["mtu"]), (9, 1400))
        self.assertEqual(HOST.out("ip -6 addr show lab"), "")
        probe.wait(lambda: (pif := probe.pif("eth2.9")) and pif["bridge"] == "lab" and pif["attached"])
        self.ok(probe.delete("lab"), "networkmanager")
        self.assertEqual(self.connections().get("muster-lab-card"), "eth2")
        self.assertIn("192.0.2.1", HOST.out("ip -br addr show eth2"))

    def test_a_card_of_its_own(self):
        HOST.run("nmcli connection delete muster-lab-card; ip link set eth2 up")
        probe = self.probe()
        probe.wait(lambda: probe.pif("eth2") and not probe.pif("eth2")["ip"])
        self.ok(probe.create(name="two", pif="eth2"), "networkmanager")
        self.assertEqual(self.link("eth2")["master"], "two")
        self.ok(probe.create(name="three", pif="eth2", vlan=3), "networkmanager")
        self.assertEqual(self.link("eth2.3")["master"], "three")
        self.boot("eth2.3", "two", "three")
        for port, bridge in (("eth2", "two"), ("eth2.3", "three")):
            self.is_in(port, bridge)
        self.ok(probe.delete("three"), "networkmanager")
        self.assertEqual(self.link("eth2")["master"], "two")
        self.ok(probe.delete("two"), "networkmanager")


if __name__ == "__main__":
    unittest.main()
