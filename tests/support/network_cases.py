# SPDX-License-Identifier: Apache-2.0
"""What agent/network must do in a network namespace of its own, wherever that is.

A subclass gives sh(command), which runs a shell command in the namespace and returns its output, and
probe(), which starts network_probe there. `kinds` are the link types that its kernel has.
"""

import ipaddress
import json

GUESTS = "ip tuntap add dev tap0 mode tap"


class NetworkCases:
    kinds = ()

    def links(self):
        return {link["ifname"]: link for link in json.loads(self.sh("ip -j -d link") or "[]")}

    def addresses(self):
        return {link["ifname"]: link["addr_info"] for link in json.loads(self.sh("ip -j addr"))}

    def need(self, *kinds):
        missing = [kind for kind in kinds if kind not in self.kinds]
        if missing:
            self.skipTest(f"this kernel has no {', '.join(missing)} links; tests/lab/test_network.py runs this case")

    def agrees_with_ip(self, probe):
        """Every bridge, VLAN, bond and dummy is told as `ip` has it, and nothing else is."""
        links = self.links()
        kinds = {name: link.get("linkinfo", {}).get("info_kind") for name, link in links.items()}
        addresses = self.addresses()
        told = {o["bridge"] if o["kind"] == "network" else o["device"]: o for o in probe.objects.values()}
        want = {name for name, kind in kinds.items() if kind in ("bridge", "vlan", "bond", "dummy")}
        if set(told) != want:
            return f"told: {sorted(told)}, ip: {sorted(want)}"
        for name, o in told.items():
            link = links[name]
            if o["mtu"] != link["mtu"]:
                return f"{name}: mtu {o['mtu']}, ip: {link['mtu']}"
            if o["kind"] == "network":
                continue
            master = link.get("master", "")
            in_bridge = kinds.get(master) == "bridge"
            v4 = [a for a in addresses[master if in_bridge else name] if a["family"] == "inet"]
            net = ipaddress.ip_interface(f"{v4[0]['local']}/{v4[0]['prefixlen']}") if v4 else None
            data = link["linkinfo"].get("info_data", {})
            want_fields = {
                "mac": link["address"], "attached": "UP" in link["flags"], "carrier": "LOWER_UP" in link["flags"],
                "bridge": master if in_bridge else "", "bond": master if master and not in_bridge else "",
                "bondMaster": kinds[name] == "bond", "vlan": data.get("id", -1), "physical": False,
                "on": link.get("link", "") if kinds[name] == "vlan" else "",
                "ip": str(net.ip) if net else "", "netmask": str(net.netmask) if net else ""}
            got = {field: o[field] for field in want_fields}
            # "LOWER_UP" of a link that is down is not shown by every version of ip
            if not want_fields["attached"]:
                del got["carrier"], want_fields["carrier"]
            if got != want_fields:
                return f"{name}: {got}, ip: {want_fields}"
        return None

    def must_agree(self, probe):
        """Waits until what was told is what ip says; events follow changes at once, but not before them."""
        probe.wait(lambda: self.agrees_with_ip(probe) is None)

    # What there is

    def test_bridges_are_networks_and_nothing_else_is(self):
        self.sh("ip link add br0 type bridge; ip link add br1 mtu 1400 type bridge; ip link set br0 up;"
                "ip addr add 192.0.2.1/24 dev br0; ip link add v0 type veth peer name v1; ip link set v0 master br0;"
                + GUESTS)
        probe = self.probe()
        self.assertIsNone(self.agrees_with_ip(probe))
        self.assertEqual({o["kind"] for o in probe.objects.values()}, {"network"})
        self.assertEqual(probe.network("br1")["mtu"], 1400)
        self.assertFalse(probe.network("br0")["managed"])
        self.assertEqual(probe.close(), 0)

    def test_cards_vlans_bonds_and_addresses(self):
        self.need("dummy", "vlan", "bond")
        self.sh("for i in 0 1 2; do ip link add d$i type dummy; done; ip link add bond0 type bond mode active-backup;"
                "ip link set d1 master bond0; ip link set d2 master bond0; ip link set bond0 up;"
                "ip link add link bond0 name bond0.7 type vlan id 7; ip link add br0 type bridge;"
                "ip link set bond0.7 master br0; ip link set bond0.7 up; ip link set br0 up; ip link set d0 up;"
                "ip addr add 192.0.2.1/24 dev br0; ip addr add 198.51.100.1/28 dev d0 valid_lft 3600 preferred_lft 3600;"
                "ip addr add 2001:db8::1/64 dev d0 nodad; ip route add default via 192.0.2.254")
        probe = self.probe()
        self.must_agree(probe)
        self.assertEqual(probe.pif("bond0.7")["mode"], "Static")
        self.assertTrue(probe.pif("bond0.7")["management"], "it is in the bridge that has the default route")
        self.assertEqual(probe.pif("bond0.7")["gateway"], "192.0.2.254")
        self.assertEqual(probe.pif("d0")["mode"], "DHCP", "an address with a lifetime")
        self.assertEqual(probe.pif("d0")["ipv6"], "2001:db8::1")
        self.assertEqual(probe.pif("d1")["bond"], "bond0")
        probe.send("management 198.51.100.1")
        probe.wait(lambda: probe.pif("d0")["management"] and not probe.pif("bond0.7")["management"])
        self.assertEqual(probe.close(), 0)

    # Changes

    def test_every_change_is_told(self):
        probe = self.probe()
        for command in ("ip link add br0 type bridge", "ip link set br0 mtu 1300", "ip link set br0 name br9",
                        "ip link add br1 type bridge", "ip link del br9"):
            self.sh(command)
            self.must_agree(probe)
        self.assertEqual(probe.close(), 0)

    def test_every_change_of_a_card_is_told(self):
        self.need("dummy", "vlan", "bond")
        probe = self.probe()
        for command in ("ip link add d0 type dummy", "ip link set d0 up", "ip addr add 192.0.2.1/24 dev d0",
                        "ip link add link d0 name d0.5 type vlan id 5", "ip link add br0 type bridge",
                        "ip link set d0.5 master br0", "ip link set d0.5 up", "ip addr del 192.0.2.1/24 dev d0",
                        "ip link set d0.5 nomaster", "ip link del br0", "ip link add bond0 type bond",
                        "ip link add d1 type dummy", "ip link set d1 master bond0", "ip link del d0"):
            self.sh(command)
            self.must_agree(probe)
        self.assertEqual(probe.close(), 0)

    def test_a_burst_is_not_lost(self):
        probe = self.probe()
        self.sh("for i in $(seq 200); do echo link add b$i type bridge; done | ip -batch -")
        probe.wait(lambda: len(probe.objects) == 200)
        self.must_agree(probe)
        self.sh("for i in $(seq 200); do echo link del b$i; done | ip -batch -")
        probe.wait(lambda: not probe.objects)
        self.assertEqual(probe.close(), 0)

    # Making and deleting, where no configuration system is

    def ok(self, done):
        self.assertEqual((done["code"], done["text"]), ("NONE", ""))
        return done

    def refused(self, done, code, text):
        self.assertEqual(done["code"], code, done)
        self.assertIn(text, done["text"])

    def test_a_network_of_this_host_alone(self):
        probe = self.probe()
        done = self.ok(probe.create(name="Lab", description="for tests", bridge="lab", mtu=1400))
        self.assertEqual((done["bridge"], done["name"], done["system"]), ("lab", "Lab", "none"))
        network = probe.network("lab")
        self.assertEqual((network["id"], network["name"], network["description"], network["managed"]),
                         (done["id"], "Lab", "for tests", True))
        link = self.links()["lab"]
        self.assertEqual((link["mtu"], "UP" in link["flags"]), (1400, True))
        self.assertEqual(self.sh("cat /proc/sys/net/ipv6/conf/lab/disable_ipv6"), "1")
        self.refused(probe.create(name="Lab", bridge="lab2"), "EXISTS", 'network "Lab" exists')
        self.refused(probe.create(name="Other", bridge="lab"), "EXISTS", "lab")
        self.assertEqual(probe.close(), 0)
        probe = self.probe()  # as after a restart of the agent
        self.assertTrue(probe.network("lab")["managed"])
        self.ok(probe.delete("lab"))
        self.assertIsNone(probe.network("lab"))
        self.assertNotIn("lab", self.links())
        self.assertEqual(self.records(), [])
        self.assertEqual(probe.close(), 0)

    def test_a_vlan_and_an_untagged_network(self):
        self.need("dummy", "vlan")
        self.sh("ip link add d0 type dummy; ip link add d1 type dummy; ip link add d2 type dummy;"
                "ip link set d2 up; ip addr add 192.0.2.1/24 dev d2")
        probe = self.probe()
        self.ok(probe.create(name="tagged", pif="d0", vlan=100, mtu=1400))
        links = self.links()
        self.assertEqual((links["tagged"]["mtu"], links["d0"]["mtu"]), (1400, 1500))
        self.assertEqual((links["d0.100"]["master"], links["d0.100"]["linkinfo"]["info_data"]["id"],
                          links["d0.100"]["link"]), ("tagged", 100, "d0"))
        for name in ("d0", "d0.100", "tagged"):
            self.assertIn("UP", links[name]["flags"])
        self.refused(probe.create(name="twice", pif="d0", vlan=100), "EXISTS", "d0.100 already")
        self.ok(probe.create(name="plain", pif=probe.pif("d1")["id"]))
        self.assertEqual(self.links()["d1"]["master"], "plain")
        self.refused(probe.create(name="again", pif="d1"), "STATE", "is in plain already")
        self.refused(probe.create(name="mine", pif="d2"), "STATE", "the host itself talks over d2")
        self.ok(probe.create(name="beside", pif="d2", vlan=5))
        for bridge in ("tagged", "plain", "beside"):
            self.ok(probe.delete(bridge))
        self.assertEqual(set(self.links()) - {"lo"}, {"d0", "d1", "d2"})
        self.assertEqual(self.addresses()["d2"][0]["local"], "192.0.2.1")
        self.assertEqual(self.records(), [])
        self.assertEqual(probe.close(), 0)

    def test_what_is_not_ours_or_in_use_is_not_deleted(self):
        self.sh("ip link add br0 type bridge; " + GUESTS)
        probe = self.probe()
        self.refused(probe.delete("br0"), "DENIED", "not made by Muster")
        self.refused(probe.delete("br7"), "NOT_FOUND", "br7")
        self.ok(probe.create(name="lab"))
        self.refused(probe.delete("lab", ["br0", "lab"]), "STATE", "in use by a running VM")
        self.sh("ip link set tap0 master lab")
        self.refused(probe.delete("lab"), "STATE", "has the port tap0")
        self.sh("ip link set tap0 nomaster")
        self.ok(probe.delete("lab"))
        self.assertIn("br0", self.links())
        self.assertEqual(probe.close(), 0)

    def test_what_is_half_made_when_it_fails_is_undone(self):
        self.need("dummy")
        self.sh("ip link add d0 type dummy; ip link add link d0 name mv0 type macvlan")  # so no bridge can have d0
        probe = self.probe()
        self.refused(probe.create(name="lab", pif="d0"), "UNAVAILABLE", "d0 into lab: netlink: Device or resource busy")
        self.assertNotIn("lab", self.links(), "the bridge had been made by then")
        self.assertEqual(self.records(), [])
        self.assertEqual(probe.close(), 0)

    def test_cancelled_before_it_began(self):
        probe = self.probe()
        probe.send('create {"name":"lab"}\ncancel')
        self.refused(probe.result(), "CANCELLED", "cancelled")
        self.assertNotIn("lab", self.links())
        self.assertEqual(self.records(), [])
        self.assertEqual(probe.close(), 0)

    def test_stopping_cancels_what_waits(self):
        probe = self.probe()
        for i in range(5):
            probe.send(f'create {{"name":"lab{i}"}}')
        self.assertEqual(probe.close(), 0)
        made = {name[:-len(".json")] for name in self.records()}
        self.assertEqual({name for name in self.links() if name.startswith("lab")}, made, "all or nothing, each")

    # Crashes

    def test_killed_at_any_moment(self):
        """What was answered is there; of the rest, each is whole or gone."""
        for moment in range(8):
            probe = self.probe()
            before = {o["bridge"] for o in probe.objects.values()}
            for i in range(4):
                probe.send(f'create {{"name":"m{moment}n{i}"}}')
            for bridge in sorted(before)[:2]:
                probe.send(f'delete {{"bridge":"{bridge}"}}')
            seen = len(probe.events)
            probe.wait(lambda: len(probe.events) >= seen + moment)
            answered = [e["bridge"] for e in probe.events if e["event"] == "done" and e["bridge"]]
            probe.kill()
            probe = self.probe()
            # A refused operation waits for the sweep of what was half made.
            self.refused(probe.create(name=""), "INVALID", "name")
            probe.wait(lambda: all(o["managed"] for o in probe.objects.values()))
            self.must_agree(probe)
            bridges = {o["bridge"] for o in probe.objects.values()}
            self.assertLessEqual(set(answered), bridges | before)
            self.assertEqual({f"{name}.json" for name in bridges}, set(self.records()))
            self.assertEqual(probe.close(), 0)

    def test_a_network_that_only_lived_until_the_reboot_is_forgotten(self):
        probe = self.probe()
        self.ok(probe.create(name="lab"))
        self.assertEqual(probe.close(), 0)
        self.sh("ip link del lab")
        probe = self.probe()
        self.refused(probe.create(name=""), "INVALID", "name")  # waits for what is swept
        self.assertEqual(self.records(), [])
        self.assertEqual(probe.close(), 0)

    def test_a_damaged_record_is_set_aside(self):
        self.write_record("lab.json", '{"version": 1, "bridge": "../../etc"}')
        probe = self.probe()
        self.assertEqual(self.records(), ["lab.json.damaged-1"])
        self.ok(probe.create(name="lab"))
        self.assertEqual(probe.close(), 0)
