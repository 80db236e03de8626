# SPDX-License-Identifier: Apache-2.0
"""One request makes a VM of a built-in template out of a cloud image, by pygrub, and it answers over the network: by
the aggregator's REST on real Xen, on LVM. After it nothing is left in dom0."""

import unittest

from disk_case import ADDRESS, OnLvmThin
from fleet_case import OP_DEADLINE


class Templates(OnLvmThin):
    NAME = "templates-lvm"

    def test_a_cloud_image_boots_by_one_request(self):
        image = self.call("vdi.import", self.sr, path="/srv/guest/cloud.img", format="raw", name_label="cloud")["id"]
        network = next(n["id"] for n in self.rest.get("/networks?fields=id,bridge") if n["bridge"] == "xenbr1")
        templates = {t["name_label"]: t["id"] for t in self.rest.get("/vm-templates?fields=id,name_label")}
        for name in ("Other (PV)", "Other (PVH)"):
            with self.subTest(name):
                self.boots(templates[name], image, network)
        self.assertEqual([image], [v["id"] for v in self.rest.get("/vdis?fields=id")])

    def boots(self, template, image, network):
        pool = self.rest.get("/pools?fields=id")[0]["id"]
        vm = self.rest.post(f"/pools/{pool}/actions/create_vm?sync=true", {
            "name_label": "cloudy", "template": template, "memory": 128 << 20, "srId": self.sr,
            "vdis": [{"userdevice": "0", "source": image, "size": 256 << 20}], "vifs": [{"network": network}],
            "network_config": f"version: 2\nethernets:\n  eth0:\n    addresses: [{ADDRESS}/24]\n",
            "cloud_config": "#!/bin/sh\necho seeded > /root/seeded\n", "boot": True})["id"]
        self.host.wait_run("the guest to answer", f"echo exit | busybox nc -w 5 {ADDRESS} 23", OP_DEADLINE)
        self.assertEqual("cloudy\nseeded", self.sh("hostname; cat /root/seeded"))
        self.assertEqual(256 << 20, int(self.sh("cat /sys/block/xvda/size")) * 512)
        seen = self.rest.vm(vm)
        self.assertEqual((template, "Running"), (seen["parent"], seen["power_state"]))
        self.rest.action(vm, "hard_shutdown")
        self.rest.delete(f"/vms/{vm}")


if __name__ == "__main__":
    unittest.main()
