# SPDX-License-Identifier: Apache-2.0
"""One emulated machine: its command line, its control socket (QMP), its end.

A booted host is kept as two things: the disks, and the machine's state written by `migrate`. That beats an
internal snapshot (`savevm`) because hosts can then share the disks read-only, each with an overlay of its own:
`-loadvm` only finds snapshots in the very file it runs on, which would have to be copied for each host.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import time

from .base import EmulatorFailed, LabError, free_port, machine, wait_for

QEMU = "qemu-system-x86_64"


def version():
    done = subprocess.run([QEMU, "--version"], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[0]


def command_line(image, folder, disk, data, cpus, lan=None):
    """The flags are those that were found to work (docs/testing-lab.md says why); do not tidy them."""
    spec = machine()
    second = f"stream,id=n1,server=off,addr.type=unix,addr.path={lan}" if lan else "hubport,hubid=1,id=n1"
    return [
        QEMU, "-nodefaults", "-machine", spec["machine"], "-device", spec["iommu"],
        "-accel", f"tcg,thread={'multi' if cpus > 1 else 'single'}", "-cpu", spec["cpu"], "-smp", str(cpus),
        "-m", str(spec["memory_mib"]), "-display", "none", "-no-reboot",
        "-serial", f"file:{folder}/serial.log", "-qmp", f"unix:{folder}/qmp,server=on,wait=off",
        "-kernel", f"{image}/xen", "-append", spec["xen_append"],
        "-initrd", f"{image}/vmlinuz {spec['dom0_append']},{image}/initrd.img",
        "-drive", f"file={disk},if=virtio,format=qcow2,cache=unsafe",
        "-drive", f"file={data},if=virtio,format=qcow2,cache=unsafe",
        "-netdev", "user,id=n0,net=10.0.0.0/16,host=10.0.2.2,dns=10.0.2.3,dhcpstart=10.0.2.50", "-device", "virtio-net-pci,netdev=n0",
        "-netdev", second, "-device", "virtio-net-pci,netdev=n1",
        "-netdev", "user,id=spare,net=10.9.0.0/24,host=10.9.0.2,dns=10.9.0.3,restrict=on",
        *(word for device in spec["devices"] for word in ("-device", device)),
    ]


def start(argv, folder, restore_from=None):
    """Starts the emulator in the background and returns its pid. A restored machine stands still until cont()."""
    argv = argv + ["-daemonize", "-pidfile", f"{folder}/pid"]
    if restore_from:
        argv += ["-incoming", f"exec:cat {shlex.quote(str(restore_from))}"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise EmulatorFailed(f"{QEMU} did not start: {done.stdout.strip()}")
    return int((folder / "pid").read_text())


def is_ours(pid, folder):
    """Whether that process is the emulator that was started for this folder."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            argv = file.read().split(b"\0")
        with open(f"/proc/{pid}/stat") as file:
            state = file.read().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX" and f"{folder}/pid".encode() in argv


def stop(pid, folder):
    """Ends exactly that emulator, if it still is one."""
    for number, patience_s in ((signal.SIGTERM, 20), (signal.SIGKILL, 20)):
        if not is_ours(pid, folder):
            return
        try:
            os.kill(pid, number)
            wait_for("the emulator's end", lambda: not is_ours(pid, folder), patience_s, 0.05)
        except ProcessLookupError:
            return
        except LabError:
            continue
    if is_ours(pid, folder):
        raise LabError(f"process {pid} does not end")


class Monitor:
    """QMP: one connection per use, since the emulator serves one client at a time."""

    def __init__(self, folder):
        self.path = f"{folder}/qmp"

    def __enter__(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(300)
        try:
            self.sock.connect(self.path)
            self.file = self.sock.makefile("rw")
            self._receive()
            self("qmp_capabilities")
        except OSError as error:
            self.sock.close()
            raise EmulatorFailed(f"the emulator's control socket: {error}") from error
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def _receive(self):
        line = self.file.readline()
        if not line:
            raise EmulatorFailed("the emulator has closed its control socket")
        return json.loads(line)

    def __call__(self, command, **arguments):
        try:
            self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            self.file.flush()
            while True:
                reply = self._receive()
                if "return" in reply:
                    return reply["return"]
                if "error" in reply:
                    raise LabError(f"{command}: {reply['error']['desc']}")
        except OSError as error:
            raise EmulatorFailed(f"{command}: {error}") from error

    def human(self, line):
        return self("human-monitor-command", **{"command-line": line})

    def forward(self, guest_port, host_port=0):
        """A port of 127.0.0.1 that leads to that port of dom0; 0 picks a free one."""
        for _ in range(20):
            port = host_port or free_port()
            answer = self.human(f"hostfwd_add n0 tcp:127.0.0.1:{port}-10.0.2.15:{guest_port}").strip()
            if not answer:
                return port
            if host_port:
                break
        raise LabError(f"forwarding port {host_port or 'any'} to {guest_port}: {answer}")

    def plug_disk(self, name, nbd):
        """A further disk of dom0, /dev/disk/by-id/virtio-NAME, served by an NBD server on that Unix socket; only one."""
        self("blockdev-add", driver="nbd", **{"node-name": name, "server": {"type": "unix", "path": nbd}})
        self("device_add", driver="virtio-blk-pci", bus="hot", drive=name, id=name, serial=name, **{"write-cache": "on"})

    def cont_when_restored(self, deadline_s=120):
        """Lets a machine run whose state is still being read."""
        def restored():
            status = self("query-status")["status"]
            if status in ("inmigrate", "postmigrate"):
                return False
            return status
        wait_for("the restored machine", restored, deadline_s, 0.05)
        self("cont")

    def save(self, path, deadline_s=600):
        """Stops the machine for good and writes its state to that file."""
        self("stop")
        self("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
        self("migrate", uri=f"exec:cat > {shlex.quote(str(path))}")
        end = time.monotonic() + deadline_s
        while True:
            status = self("query-migrate").get("status")
            if status == "completed":
                return
            if status in ("failed", "cancelled") or time.monotonic() > end:
                raise EmulatorFailed(f"saving the machine's state: {status}")
            time.sleep(0.1)  # polls: QEMU 7 tells of a migration only when asked
