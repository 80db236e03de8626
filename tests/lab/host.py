# SPDX-License-Identifier: Apache-2.0
"""LabHost: a real Xen host for a test, from Python.

    sys.path.insert(0, ".../tests/lab")
    from host import LabHost

    with LabHost.up("ha-1") as h:
        h.guest("web", agent=False)
        print(h.xl_list())
        h.run("xl shutdown -w web", timeout=300)

Errors: LabError (a command failed, a wait was in vain), EmulatorFailed (a LabError: the emulated machine died, so the
test has no verdict; runners end with EXIT_EMULATOR). With MUSTER_LAB_KEEP=1 in the environment a host that is up is
taken as it is and left up, which makes work on a test quick.
"""

import atexit
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid as uuids

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lablib.base import EXIT_EMULATOR, EmulatorFailed, LabError, Progress, wait_for  # noqa: E402,F401
from lablib.instance import Instance  # noqa: E402
from lablib.lan import Lan  # noqa: E402,F401

TOP = pathlib.Path(__file__).resolve().parents[2]
GUEST_MEMORY_MIB = 96  # 88 is the least that boots
PATIENCE_S = 300  # for anything that takes seconds on an idle machine


class CommandFailed(LabError):
    """A command in dom0 ended with another exit code than 0; `done` is its CompletedProcess."""

    def __init__(self, command, done):
        super().__init__(f"in dom0, exit code {done.returncode}: {command}\n{done.stdout}{done.stderr}".rstrip())
        self.done = done


class LabHost:
    """One host that is up."""

    OUTSIDE = "10.0.2.2"  # the address under which dom0 and the guests reach this machine
    BRIDGE = "xenbr0"

    def __init__(self, instance):
        self.instance = instance
        self.name = instance.name
        self.remote = instance.connected()

    @classmethod
    @contextlib.contextmanager
    def up(cls, name, fresh=False, lan=None, quiet=True, cpus=1):
        """A host for the time of a with statement."""
        host = cls.start(name, fresh, lan, quiet, cpus)
        try:
            yield host
        finally:
            host.stop()

    @classmethod
    def start(cls, name, fresh=False, lan=None, quiet=True, cpus=1):
        """The same without a with statement (setUpClass); end it with stop()."""
        instance = Instance(name)
        if not (os.environ.get("MUSTER_LAB_KEEP") and instance.is_alive()):
            if instance.is_alive():
                instance.down()  # a test run that was killed
            instance.up(Progress(quiet), fresh=fresh, lan=lan, cpus=cpus)
        if not os.environ.get("MUSTER_LAB_KEEP"):
            atexit.register(instance.down)  # unittest leaves at once when it is interrupted
        return cls(instance)

    def stop(self):
        if not os.environ.get("MUSTER_LAB_KEEP"):
            atexit.unregister(self.instance.down)
            self.instance.down()

    # Commands and files

    def run(self, command, check=True, timeout=PATIENCE_S, input=None):
        """Runs a shell command (string) or argument vector (list) in dom0; a CompletedProcess with text."""
        try:
            done = self.remote.run(command, timeout=timeout, input=input)
        except subprocess.TimeoutExpired as error:
            self._must_be_alive()
            raise LabError(f"in dom0, not done after {timeout} s: {command}\n{error.stdout or ''}") from error
        if done.returncode == 255:
            self._must_be_alive()
            if not self.remote.is_open():
                raise EmulatorFailed(f"host {self.name}: the connection broke while it ran: {command}")
        if check and done.returncode != 0:
            raise CommandFailed(command, done)
        return done

    def out(self, command, **options):
        """What a command printed, without the last newline."""
        return self.run(command, **options).stdout.rstrip("\n")

    def spawn(self, command, **options):
        """Starts a command and returns its Popen, for what runs beside the test (pipes by `options`)."""
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(self.remote.command(command), **options)

    def put(self, source, target):
        """Copies a file to that path (or into that directory, with a slash at the end), or a directory's content."""
        self.remote.put(str(source), target)

    def write(self, path, text, mode="644"):
        self.run(f"mkdir -p $(dirname {path}) && cat > {path} && chmod {mode} {path}", input=text)

    def read(self, path):
        return self.run(["cat", path]).stdout

    def forward(self, port):
        """A port of 127.0.0.1 outside that leads to that port of dom0."""
        return self.instance.forward(port)

    def guests_that_the_emulator_broke(self):
        """How often a PVH or HVM guest died since this host's boot because the emulator gave its CPU the hypervisor's
        registers: a triple fault, with Xen's own code segment and an address in Xen as the guest's."""
        return len(re.findall(r"Triple fault.*\n(?:.*\n){,4}?.*RIP: +e008:\[<ffff82", self.out("xl dmesg")))

    def wait(self, what, probe, deadline_s=PATIENCE_S, pause_s=0.5):
        """Polls probe() until it is true and returns what it gave."""
        def check():
            self._must_be_alive()
            return probe()
        return wait_for(what, check, deadline_s, pause_s)

    def wait_run(self, what, command, deadline_s=PATIENCE_S):
        """Polls a shell command inside dom0 (no connection per try) until it succeeds."""
        tries = deadline_s * 4
        wait = "n=$((n+1)); [ $n -lt %d ] || exit 99; sleep 0.25" % tries  # polls: inside dom0, with a deadline
        script = f"n=0; until {{ {command}\n}} >/dev/null 2>&1; do {wait}; done"
        done = self.run(script, check=False, timeout=deadline_s * 4 + 60)
        if done.returncode != 0:
            raise LabError(f"host {self.name}: waited in vain for {what}")

    # The machine

    def alive(self):
        """False once the emulated machine has reset or switched itself off (the watchdog, `reboot -f`)."""
        return self.instance.is_alive()

    def _must_be_alive(self):
        if not self.alive():
            raise EmulatorFailed(f"host {self.name}: the emulator has ended; console: {self.console_log()}")

    def console_log(self):
        """Path outside of what Xen and dom0 wrote to the serial line."""
        return self.instance.folder / "serial.log"

    def freeze(self):
        """Stops every CPU of the host, as a hang would; its clocks stand too. thaw() goes on."""
        with self.instance.monitor() as monitor:
            monitor("stop")

    def thaw(self):
        with self.instance.monitor() as monitor:
            monitor("cont")

    def power_off(self):
        """Pulls the plug: nothing in the host gets a chance to do anything. The host is gone, unless it is booted again."""
        self.instance.power_off()

    def boot_again(self):
        """Power again after power_off(): what reached the disks by then is there, what dom0 had not written is not."""
        self.instance.boot_again(Progress(True))
        self.remote = self.instance.connected()

    def plug_disk(self, name, nbd):
        """Gives dom0 the disk /dev/disk/by-id/virtio-NAME, which an NBD server outside serves on that Unix socket."""
        with self.instance.monitor() as monitor:
            monitor.plug_disk(name, nbd)
        self.wait_run(f"disk {name}", f"test -b /dev/disk/by-id/virtio-{name}")

    def unplug(self, card="n0", plugged=False):
        """Takes the network cable out of a card (n0: outside and this connection; n1: other hosts), or back in."""
        with self.instance.monitor() as monitor:
            monitor("set_link", name=card, up=plugged)

    def dom0_now(self):
        """dom0's clock, in seconds since 1970. It may run slower than ours while this machine is busy."""
        return float(self.out("date +%s.%N"))

    # Xen

    def xl_list(self):
        """Every domain: name, domid, uuid, memory_mib, vcpus, state (xl's letters without the dashes)."""
        rows = []
        for line in self.out("xl list -v").splitlines()[1:]:
            match = re.match(r"(\S+)\s+(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+([\d.]+)\s+(\S+)", line)
            if match:
                name, domid, memory, vcpus, state, seconds, uuid = match.groups()
                rows.append({"name": name, "domid": int(domid), "memory_mib": int(memory), "vcpus": int(vcpus),
                             "state": state.replace("-", ""), "cpu_s": float(seconds), "uuid": uuid})
        return rows

    def domain(self, name):
        """That domain's row of xl_list(), or None."""
        return next((row for row in self.xl_list() if row["name"] == name), None)

    def xenstore(self, path):
        """A value, or None if there is no such path."""
        done = self.run(["xenstore-read", path], check=False)
        return done.stdout.rstrip("\n") if done.returncode == 0 else None

    def guest_log(self, name):
        """What a guest has written to its console so far."""
        return self.run(f"cat /var/log/xen/console/guest-{name}.log 2>/dev/null", check=False).stdout

    def guest_config(self, name, uuid=None, memory=GUEST_MEMORY_MIB, vcpus=1, type="pv", agent=True, deaf=False, slow_s=0,
                     busy=False, io=False, ip=None, disks=(), vifs=("bridge=xenbr0",), extra="", lines=()):
        """The xl configuration of a lab guest. deaf: ignores shutdown and reboot; slow_s: obeys after that time;
        busy: burns a vCPU; io: reads its first disk again and again; lines: more lines of the configuration."""
        words = ["console=hvc0", "rdinit=/init", "quiet", "mitigations=off", f"muster.name={name}"]  # boots sooner
        words += ["muster.noagent"] * (not agent) + ["muster.deaf"] * deaf + [f"muster.slow={slow_s}"] * bool(slow_s)
        words += ["muster.busy"] * busy + ["muster.io"] * io + [f"muster.ip={ip}"] * bool(ip) + [extra] * bool(extra)
        kernel = "/srv/guest/vmlinux" if type == "pv" else "/srv/guest/vmlinuz"
        config = [f"type={json.dumps(type)}", f"name={json.dumps(name)}", f"uuid=\"{uuid or uuids.uuid4()}\"",
                  f"kernel={json.dumps(kernel)}", 'ramdisk="/srv/guest/guest.cpio.gz"', f"memory={memory}",
                  f"vcpus={vcpus}", f"extra={json.dumps(' '.join(words))}", f"disk={json.dumps(list(disks))}",
                  f"vif={json.dumps(list(vifs))}", *lines]
        return "\n".join(config) + "\n"

    def guest(self, name, wait=True, **config):
        """Creates a lab guest (see guest_config) and, with `wait`, returns when it has booted. Its domid."""
        path = f"/etc/xen/{name}.cfg"
        self.write(path, self.guest_config(name, **config))
        self.run(f"rm -f /var/log/xen/console/guest-{name}.log; xl create -q {path} </dev/null >/dev/null 2>/tmp/create-{name} "
                 f"|| {{ cat /tmp/create-{name} >&2; exit 1; }}")
        if wait:
            self.wait_guest(name)
        return int(self.out(["xl", "domid", name]))

    def wait_guest(self, name, deadline_s=PATIENCE_S):
        """Until the guest has printed "guest up"."""
        self.wait_run(f"guest {name} to boot", f"grep -q 'guest up' /var/log/xen/console/guest-{name}.log", deadline_s)

    def destroy_guests(self):
        self.run("xl list | awk 'NR > 2 { print $2 }' | while read -r id; do xl destroy \"$id\" </dev/null; done; true")

    # Muster

    def install_agent(self, build_dir):
        """Puts the agent, the command line and the unit into dom0, from a build directory."""
        build = pathlib.Path(build_dir)
        for program, folder in (("agent/muster-agent", "/usr/sbin"), ("aggregator/cli/muster", "/usr/bin")):
            if not (build / program).is_file():
                raise LabError(f"there is no {program} in {build}")
            self.put(build / program, f"{folder}/{pathlib.Path(program).name}")
        missing = self.out("ldd /usr/sbin/muster-agent /usr/bin/muster | awk '/not found/'")
        if missing:
            raise LabError(f"dom0 lacks libraries (add them to tests/lab/recipe/packages):\n{missing}")
        for unit in sorted((TOP / "deploy" / "systemd").glob("muster-*.service")):
            self.put(unit, f"/etc/systemd/system/{unit.name}")
        self.run("mkdir -p /etc/muster && muster-agent example-config > /etc/muster/agent.conf && systemctl daemon-reload")
