# SPDX-License-Identifier: Apache-2.0
"""Runs inside dom0: how long after `xl create` and `xl destroy` does GET /vms tell?

    dom0_sightings.py HOST:PORT TOKEN ROUNDS MEMORY_MIB

Everything is timed by dom0's own clock: from the return of xl to the end of the first reply of
the aggregator that shows the guest running (or no longer shows it); 0 when it was faster than xl.
One line of JSON on stdout.
"""

import http.client
import json
import ssl
import subprocess
import sys
import threading
import time

CONFIG = "/srv/sighting.cfg"


class Watcher(threading.Thread):
    """Polls the list over one connection; remembers when the guest was first seen and first gone."""

    def __init__(self, where, token, name):
        super().__init__(daemon=True)
        self.path = ("/rest/v0/vms?fields=name_label,power_state,memory,CPUs,managed"
                     f"&filter=name_label:{name}")
        self.headers = {"Authorization": "Bearer " + token}
        self.where = where
        self.seen = self.gone = self.vm = None
        self.ended = threading.Event()

    def run(self):
        connection = http.client.HTTPSConnection(
            self.where, context=ssl._create_unverified_context(), timeout=60)
        while not self.gone:
            connection.request("GET", self.path, headers=self.headers)
            vms = json.loads(connection.getresponse().read())
            now = time.monotonic()
            if vms and vms[0]["power_state"] == "Running" and not self.seen:
                self.seen, self.vm = now, vms[0]
            elif self.seen and not vms:
                self.gone = now
        self.ended.set()


def sighting(where, token, name, memory):
    with open(CONFIG, "w", encoding="utf-8") as f:
        f.write(f'name="{name}"\ntype="pv"\nmemory={memory}\nvcpus=1\nkernel="/srv/guest/vmlinux"\n'
                'ramdisk="/srv/guest/guest.cpio.gz"\nextra="console=hvc0 rdinit=/init"\n')
    watcher = Watcher(where, token, name)
    watcher.start()
    subprocess.run(["xl", "create", "-q", CONFIG], check=True, stdout=subprocess.DEVNULL)
    created = time.monotonic()
    end = created + 60
    while not watcher.seen and time.monotonic() < end and watcher.is_alive():
        watcher.ended.wait(0.05)
    assert watcher.seen, "never seen"
    subprocess.run(["xl", "destroy", name], check=True)
    destroyed = time.monotonic()
    assert watcher.ended.wait(60), "never seen to be gone"
    return {"appeared": max(0, watcher.seen - created), "vanished": max(0, watcher.gone - destroyed),
            "vm": watcher.vm}


def main():
    where, token, rounds, memory = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    print(json.dumps([sighting(where, token, f"sighting{i}", memory) for i in range(rounds)]))


main()
