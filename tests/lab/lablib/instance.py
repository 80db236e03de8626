# SPDX-License-Identifier: Apache-2.0
"""A lab host: up, down, and the record of it in its folder (host.json)."""

import json
import os
import pathlib
import secrets
import shutil
import signal
import time
import zlib

from . import emulator, image
from .base import EmulatorFailed, LabError, check_name, locked, run, run_root, wait_for
from .remote import Remote

RESTORE_DEADLINE_S = 180
BOOT_DEADLINE_S = 900
FRESH_BOOTS = 2

# dom0 wakes up as an exact copy: its clock stands, and every copy would draw the same random numbers (so the same
# UUIDs), report the same boot id and have the same address on the lab's own network. Set it all in one command.
PERSONALISE = """
date -s @{now} >/dev/null
perl -e 'open(F, "+<", "/dev/urandom"); syswrite(F, "{seed}"); ioctl(F, 0x5207, 0)'
hostname {name}; echo {name} > /etc/hostname
echo {machine_id} > /etc/machine-id
umount /proc/sys/kernel/random/boot_id 2>/dev/null
cat /proc/sys/kernel/random/uuid > /run/lab-boot-id
mount --bind /run/lab-boot-id /proc/sys/kernel/random/boot_id
ip link set eth1 address 52:54:00:{mac}; ip link set xenbr1 address 52:54:01:{mac}
ip addr flush dev xenbr1 scope global; ip addr add {lan_address}/24 dev xenbr1
xl list >/dev/null
"""


class Instance:
    """One host's folder. `record` is None while no such host is up."""

    def __init__(self, name):
        self.name = check_name(name)
        self.folder = run_root() / name
        self.record = self._read()

    def _read(self):
        try:
            return json.loads((self.folder / "host.json").read_text())
        except (OSError, ValueError):
            return None

    def _write(self):
        temporary = self.folder / "host.json.new"
        temporary.write_text(json.dumps(self.record, indent=2) + "\n")
        os.replace(temporary, self.folder / "host.json")

    def is_alive(self):
        return self.record is not None and emulator.is_ours(self.record["pid"], self.folder)

    def remote(self):
        if self.record is None:
            raise LabError(f"no host {self.name} is up: lab up {self.name}")
        return Remote(self.folder, self.record["key"], self.record["ports"]["22"])

    def connected(self):
        """A Remote with a standing connection."""
        remote = self.remote()
        if not remote.is_open():
            with locked(self.folder / "ssh.lock"):
                if not remote.is_open() and not self._connect(remote, RESTORE_DEADLINE_S):
                    raise EmulatorFailed(f"host {self.name} does not answer; its console: {self.folder}/serial.log")
        return remote

    def _connect(self, remote, deadline_s):
        end = time.monotonic() + deadline_s
        while time.monotonic() < end and self.is_alive():
            if remote.open(min(60, max(1, int(end - time.monotonic())))):
                return True
            time.sleep(0.3)
        return False

    def monitor(self):
        if not self.is_alive():
            raise EmulatorFailed(f"the emulator of host {self.name} is gone")
        return emulator.Monitor(self.folder)

    def forward(self, guest_port, host_port=0):
        with locked(self.folder / "ports.lock"):
            self.record = self._read()
            known = self.record["ports"].get(str(guest_port))
            if known and host_port in (0, known):
                return known
            with self.monitor() as monitor:
                port = monitor.forward(guest_port, host_port)
            self.record["ports"][str(guest_port)] = port
            self._write()
            return port

    def up(self, progress, fresh=False, forwards=(), lan=None, cpus=1):
        """Starts the host: restored from the saved state, or booted if `fresh` or if restoring fails."""
        where = image.ensure(progress)
        run_root().mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(run_root() / f"{self.name}.lock"):
            self.record = self._read()
            if self.is_alive():
                if fresh:
                    raise LabError(f"host {self.name} is up already: lab down {self.name}")
                self.connected()
                for host_port, guest_port in forwards:
                    self.forward(guest_port, host_port)
                progress(f"host {self.name} was up already")
                return
            ways = [False] * (not fresh) + [True] * FRESH_BOOTS
            for attempt, boot in enumerate(ways, 1):
                self._remove()
                try:
                    self._start(where, boot, lan, cpus, progress)
                    break
                except (EmulatorFailed, LabError) as error:
                    self._stop()
                    progress(f"attempt {attempt} failed: {error}")
            else:
                raise EmulatorFailed(f"host {self.name} did not come up in {len(ways)} attempts; "
                                     f"its console: {self.folder}/serial.log")
            for host_port, guest_port in forwards:
                self.forward(guest_port, host_port)
        progress(f"host {self.name} is up")

    def _start(self, where, boot, lan, cpus, progress):
        self.folder.mkdir(mode=0o700)
        for disk in image.DISKS:
            image.overlay((where if boot else image.booted(where, cpus)) / f"{disk}.qcow2", self._disk(disk))
        self._run(where, boot, lan, cpus, progress)

    def _disk(self, name):
        return self.folder / f"{name}.qcow2"

    def _run(self, where, boot, lan, cpus, progress):
        """Starts the emulator on the disks that are there."""
        argv = emulator.command_line(where, self.folder, *(self._disk(disk) for disk in image.DISKS), cpus, lan=lan)
        progress(f"{'booting' if boot else 'restoring'} host {self.name}")
        pid = emulator.start(argv, self.folder, None if boot else image.booted(where, cpus) / image.STATE)
        self.record = {"name": self.name, "pid": pid, "image": str(where), "key": str(where / "key"), "ports": {},
                       "lan_address": self._pick_lan_address(), "started": int(time.time()), "booted": boot,
                       "cpus": cpus}
        self._write()
        with self.monitor() as monitor:
            if not boot:
                monitor.cont_when_restored()
        self.forward(22)
        remote = self.remote()
        if not self._connect(remote, BOOT_DEADLINE_S if boot else RESTORE_DEADLINE_S):
            raise EmulatorFailed("dom0 does not answer on ssh" if self.is_alive() else "the emulator has ended")
        progress("ssh answers")
        wait_for("dom0's xl", lambda: self._personalise(remote), RESTORE_DEADLINE_S, 1)

    def boot_again(self, progress):
        """After power_off(): boots from the disks as they were left. Ports that were forwarded are no longer."""
        where = pathlib.Path(self.record["image"])
        for attempt in range(1, FRESH_BOOTS + 1):
            try:
                self._run(where, True, None, self.record["cpus"], progress)
                return
            except (EmulatorFailed, LabError) as error:
                self._stop()
                progress(f"attempt {attempt} failed: {error}")
        raise EmulatorFailed(f"host {self.name} did not boot again in {FRESH_BOOTS} attempts; "
                             f"its console: {self.folder}/serial.log")

    def _pick_lan_address(self):
        """An address that no other host of ours has; the same again for the same name, if it is free."""
        taken = {host.record["lan_address"] for host in instances() if host.record}
        start = zlib.crc32(self.name.encode())
        candidates = (f"10.77.0.{10 + (start + n) % 240}" for n in range(240))
        return next(address for address in candidates if address not in taken)

    def _personalise(self, remote):
        tail = secrets.token_hex(3)
        script = PERSONALISE.format(
            now=f"{time.time():.3f}", seed=secrets.token_hex(32), name=self.name, machine_id=secrets.token_hex(16),
            mac=":".join(tail[i:i + 2] for i in (0, 2, 4)), lan_address=self.record["lan_address"])
        return remote.run(script, timeout=RESTORE_DEADLINE_S).returncode == 0

    def _stop(self):
        if self.record is not None:
            self.remote().close()
            emulator.stop(self.record["pid"], self.folder)

    def power_off(self):
        """Ends the emulator at once; the folder stays, so that the console and the disks can be looked at."""
        if self.is_alive():
            os.kill(self.record["pid"], signal.SIGKILL)
            wait_for("the emulator's end", lambda: not self.is_alive(), 60, 0.05)
        self.remote().close()

    def _remove(self):
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def down(self):
        """Ends the host and removes what it left; False if there was none."""
        run_root().mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(run_root() / f"{self.name}.lock"):
            self.record = self._read()
            if self.record is None and not self.folder.exists():
                return False
            self._stop()
            self._remove()
            return True


def instances():
    """Every host that has a folder."""
    if not run_root().is_dir():
        return []
    return [Instance(path.name) for path in sorted(run_root().iterdir()) if path.is_dir()]
