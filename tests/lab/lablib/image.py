# SPDX-License-Identifier: Apache-2.0
"""The image: built once per recipe, kept in the cache. A cached image is a folder:

    xen vmlinuz initrd.img   what the emulator loads
    disk.qcow2 data.qcow2    dom0's root disk, never booted; an empty second disk for storage tests
    booted-N/                the machine with N CPUs, booted:
        disk.qcow2 data.qcow2    what the boot has changed of the disks (never written to: hosts have overlays)
        state state.json         the machine, as `migrate` wrote it, and the emulator's version it belongs to
        serial.log               its console
    key key.pub              ssh key of the lab
    build.log                how it came to be
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from . import emulator
from .base import (EmulatorFailed, LabError, RECIPE, cache_root, locked, machine, recipe_hash, run,
                   wait_for)
from .remote import Remote

STATE = "state"
DISKS = ("disk", "data")
SUITE = "bookworm"
TOOLS = {  # program: the Debian package that has it
    "mmdebstrap": "mmdebstrap",
    emulator.QEMU: "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mke2fs": "e2fsprogs",
    "ssh": "openssh-client",
    "cpio": "cpio",
}
BOOT_DEADLINE_S = 900


def path():
    return cache_root() / recipe_hash()


def booted(where, cpus):
    """Where the booted machine with so many CPUs is kept."""
    return where / f"booted-{cpus}"


def has_state(where, cpus):
    """Whether a booted machine is saved there that this emulator can read."""
    try:
        saved = json.loads((booted(where, cpus) / "state.json").read_text())
    except (OSError, ValueError):
        return False
    return saved["emulator"] == emulator.version()


def ensure(progress):
    """The image of this recipe with its saved states, made first if one is missing."""
    if not (path() / "disk.qcow2").exists() or not all(has_state(path(), cpus) for cpus in machine()["cpus"]):
        progress("there is no image of this recipe yet: building it")
        build(progress)
    return path()


def overlay(backing, disk):
    """A disk that begins as `backing` (a path as seen from it) and keeps what is written."""
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", backing, disk])


def build(progress, install=True, force=False):
    """Image and saved states; does nothing if all are there."""
    where = path()
    waiting = lambda: progress("another build is under way: waiting for it")
    with locked(cache_root() / "build.lock", waiting):
        _remove_leftovers()
        if force or not (where / "disk.qcow2").exists():
            install_tools(install, progress)
            _build_image(where, progress)
        for cpus in machine()["cpus"]:
            if not has_state(where, cpus):
                _save_state(where, cpus, progress)
    progress(f"image ready: {where}")


def _remove_leftovers():
    """What a build that was killed left behind; nobody else builds while we have the lock."""
    for work in [*cache_root().glob("building-*"), *cache_root().glob("*/booting-*")]:
        if (work / "pid").exists():
            emulator.stop(int((work / "pid").read_text()), work)
        run(_as_root() + ["rm", "-rf", work])


def _as_root():
    """Prefix of a command that may own other users' files."""
    return [] if os.getuid() == 0 else ["unshare", "--map-root-user", "--map-auto", "--"]


def install_tools(install, progress):
    search = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [package for program, package in TOOLS.items() if not shutil.which(program, path=search)]
    if not missing:
        return
    if not install:
        raise LabError(f"missing Debian packages: {' '.join(missing)}")
    progress(f"installing {' '.join(missing)}")
    sudo = [] if os.getuid() == 0 else ["sudo", "-n"]
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    install_command = sudo + ["apt-get", "install", "-y", "--no-install-recommends"] + missing
    try:
        run(install_command, env=environment)
    except LabError:  # old package lists, usually
        run(sudo + ["apt-get", "update"], env=environment)
        run(install_command, env=environment)


def apt_sources():
    """This machine's own Debian mirrors, as lines of a sources.list; empty if it has none for the suite."""
    keyring = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    trust = f"[signed-by={keyring}] " if keyring.exists() else ""
    listed = run(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)",
                  "Created-By: Packages"])
    lines = set()
    for line in listed.splitlines():
        origin, uri, release, component = line.split("|")
        if origin == "Debian" and release in (SUITE, f"{SUITE}-updates", f"{SUITE}-security"):
            lines.add(f"deb {trust}{uri} {release} {component}")
    return sorted(lines) if any(f" {SUITE} " in line for line in lines) else []


def apt_options():
    """This machine's proxies and checks for fetching packages."""
    dump = run(["apt-config", "dump"])
    wanted = re.compile(r'^Acquire::(http|https)::.*[^:] ".+";$|^Acquire::Check-Valid-Until ')
    return [f"--aptopt={line}" for line in dump.splitlines() if wanted.match(line)]


def _mmdebstrap(target, log):
    packages = (RECIPE / "packages").read_text().split()
    sources = apt_sources()
    argv = ["mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}", *apt_options(),
            f"--essential-hook=sh {RECIPE}/early \"$1\""]
    argv += [f"--dpkgopt=path-exclude=/usr/share/{what}/*" for what in ("man", "locale", "doc", "info")]
    argv += [SUITE, str(target)] + (["-"] if sources else [])
    done = subprocess.run(argv, input="\n".join(sources) + "\n", text=True, stdout=log, stderr=subprocess.STDOUT)
    return done.returncode


def _build_image(where, progress):
    spec = machine()
    cache_root().mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix="building-", dir=cache_root()))
    environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    try:
        progress("installing Debian into a folder (minutes)")
        with open(work / "build.log", "w") as log:
            code = _mmdebstrap(work / "root.tar", log)
        if code != 0:
            tail = "\n".join((work / "build.log").read_text().splitlines()[-20:])
            raise LabError(f"mmdebstrap ended with {code}:\n{tail}")
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", work / "key"])
        progress("configuring it, making the disk")
        make = f"""set -eu; cd "$0"
            mkdir tree
            tar -C tree --exclude='./dev/*' -xpf root.tar
            {RECIPE}/configure tree key.pub .
            mke2fs -q -F -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 -L lab -d tree disk.raw {spec['root_disk_mib']}M
            rm -rf tree"""
        run(_as_root() + ["sh", "-c", make, work], env=environment)
        run(["qemu-img", "convert", "-q", "-O", "qcow2", work / "disk.raw", work / "disk.qcow2"])
        run(["qemu-img", "create", "-q", "-f", "qcow2", work / "data.qcow2", f"{spec['data_disk_mib']}M"])
        for name in ("disk.raw", "root.tar"):
            (work / name).unlink()
        work.chmod(0o755)
        if where.exists():
            shutil.rmtree(where)
        work.rename(where)
    finally:
        if work.exists():
            run(_as_root() + ["rm", "-rf", work])
    progress("the disk is made")


def _save_state(where, cpus, progress):
    """Boots the image once, tries what tests rely on and saves the running machine. The disk's changes since the
    boot belong to the state, so all are in one folder, which is there whole or not at all."""
    for attempt in (1, 2):
        work = pathlib.Path(tempfile.mkdtemp(prefix="booting-", dir=where))
        try:
            _boot_and_save(where, work, cpus, progress)
            work.chmod(0o755)
            if booted(where, cpus).exists():
                shutil.rmtree(booted(where, cpus))
            work.rename(booted(where, cpus))
            return
        except EmulatorFailed as error:
            progress(f"boot {attempt} failed: {error}")
            failure = error
            if (work / "serial.log").exists():
                shutil.copy(work / "serial.log", where / "serial.log")
        finally:
            if work.exists():
                shutil.rmtree(work)
    raise EmulatorFailed(f"{failure}; the console of the last attempt: {where}/serial.log")


def _boot_and_save(where, work, cpus, progress):
    progress(f"booting Xen in the emulator with {cpus} CPU{'s' * (cpus > 1)} (half a minute to five)")
    for disk in DISKS:
        overlay(f"../{disk}.qcow2", work / f"{disk}.qcow2")
    pid = emulator.start(emulator.command_line(where, work, *(work / f"{disk}.qcow2" for disk in DISKS), cpus), work)
    try:
        with emulator.Monitor(work) as monitor:
            port = monitor.forward(22)
        remote = Remote(work, where / "key", port)
        end = time.monotonic() + BOOT_DEADLINE_S
        while not remote.open(60):
            if time.monotonic() > end or not emulator.is_ours(pid, work):
                raise EmulatorFailed("dom0 does not answer on ssh")
            time.sleep(0.5)  # polls: until sshd answers, with a deadline
        progress("ssh answers; trying a guest")
        _must(remote, "the boot's end", "systemctl is-system-running --wait | grep -Eq 'running|degraded'")
        if remote.run("ip link show xenbr0 up && ip link show xenbr1 up", timeout=BOOT_DEADLINE_S).stdout.count("xenbr") < 2:
            raise EmulatorFailed("dom0's bridges did not come up in time")
        _must(remote, "xl info", "xl info")
        _must(remote, "a PV guest", """cat > /tmp/try.cfg <<-END
type="pv"
name="try"
kernel="/srv/guest/vmlinux"
ramdisk="/srv/guest/guest.cpio.gz"
memory=96
extra="console=hvc0 rdinit=/init"
vif=["bridge=xenbr0"]
END
            xl create -q /tmp/try.cfg </dev/null
            n=0
            until grep -q 'guest up' /var/log/xen/console/guest-try.log; do
                n=$((n + 1)); [ $n -lt 300 ] || exit 1; sleep 1
            done
            xl destroy try; rm -f /tmp/try.cfg /var/log/xen/console/guest-try.log""")
        # What the machine has cached of the disk costs nothing to keep, but a smaller state is read faster.
        _must(remote, "sync", "sync; echo 3 > /proc/sys/vm/drop_caches; sync")
        remote.close()
        progress("a guest came up; saving the machine")
        with emulator.Monitor(work) as monitor:
            monitor.save(work / STATE)
            monitor("quit")
        wait_for("the emulator's end", lambda: not emulator.is_ours(pid, work), 60)
    finally:
        emulator.stop(pid, work)
    for name in ("pid", "qmp"):
        (work / name).unlink(missing_ok=True)
    (work / "state.json").write_text(json.dumps({"emulator": emulator.version()}) + "\n")
    progress(f"saved ({(work / STATE).stat().st_size >> 20} MiB)")


def _must(remote, what, script):
    done = remote.run(script, timeout=BOOT_DEADLINE_S)
    if done.returncode == 255:
        raise EmulatorFailed(f"{what}: the connection to dom0 broke")
    if done.returncode != 0:
        raise LabError(f"{what} failed in dom0 ({done.returncode}): {(done.stdout + done.stderr).strip()[-2000:]}")
