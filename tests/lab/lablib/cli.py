# SPDX-License-Identifier: Apache-2.0
"""The command line of the lab."""

import argparse
import shutil
import signal
import subprocess
import sys
import time

from . import image
from .base import EXIT_EMULATOR, EmulatorFailed, LabError, Progress, cache_root, locked, machine
from .instance import Instance, instances

DESCRIPTION = """\
Real Xen hosts in an emulator, for tests. `lab up a` gives a host within seconds (after `lab build`, once, minutes);
`lab ssh a xl list` runs a command in its dom0; `lab down a` ends it.

Exit codes: 0 done; 1 not done; 2 wrong usage; 75 the emulator failed, which says nothing about the code under test;
`ssh` passes on the command's own."""


def cmd_build(options):
    image.build(Progress(), install=not options.no_install, force=options.force)


def cmd_up(options):
    host = Instance(options.name)
    host.up(Progress(options.quiet), fresh=options.fresh, forwards=options.forward, lan=options.lan,
            cpus=options.cpus)
    for guest_port, host_port in sorted(host.record["ports"].items()):
        print(f"127.0.0.1:{host_port} -> {options.name}:{guest_port}")


def cmd_down(options):
    if not Instance(options.name).down():
        print(f"lab: host {options.name} was not up", file=sys.stderr)


def cmd_ssh(options):
    host = Instance(options.name)
    if host.record is not None and not host.is_alive():
        raise EmulatorFailed(f"the emulator of host {options.name} has ended; its console: {host.folder}/serial.log")
    remote = host.connected()
    # One word is a shell command, several are an argument vector... as ssh itself joins them.
    command = " ".join(options.command)
    code = subprocess.call(remote.command(command, tty=sys.stdin.isatty()) if command
                           else remote.command("exec bash -l", tty=True))
    if code == 255 and not host.is_alive():
        raise EmulatorFailed(f"the emulator of host {options.name} has ended; its console: {host.folder}/serial.log")
    return code


def cmd_put(options):
    Instance(options.name).connected().put(options.source, options.target)


def cmd_forward(options):
    print(Instance(options.name).forward(options.guest_port, options.host_port))


def cmd_list(_options):
    rows = [("NAME", "STATE", "PID", "UP", "LAN", "PORTS (outside:dom0)")]
    for host in instances():
        if host.record is None:
            continue
        record = host.record
        age = int(time.time()) - record["started"]
        ports = " ".join(f"{outside}:{inside}" for inside, outside in sorted(record["ports"].items()))
        rows.append((host.name, "up" if host.is_alive() else "dead", str(record["pid"]),
                     f"{age // 60}m{age % 60:02}s", record["lan_address"], ports))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def cmd_clean(options):
    """Removes images of other recipes (with --all: this one too) and the folders of dead hosts."""
    for host in instances():
        if not host.is_alive():
            host.down()
    in_use = {host.record["image"] for host in instances() if host.record}
    if not cache_root().is_dir():
        return
    with locked(cache_root() / "build.lock"):
        for path in cache_root().iterdir():
            if path.is_dir() and str(path) not in in_use and (options.all or path != image.path()):
                print(f"removing {path}")
                shutil.rmtree(path)


def forward(text):
    try:
        outside, inside = (int(port) for port in text.split(":"))
        return outside, inside
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOSTPORT:GUESTPORT") from None


def parser():
    top = argparse.ArgumentParser(prog="lab", description=DESCRIPTION,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="which", metavar="COMMAND", required=True)

    def command(name, function, text):
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(function=function)
        return sub

    sub = command("build", cmd_build, "build the image and boot it once, unless the cache has it")
    sub.add_argument("--no-install", action="store_true", help="fail if Debian packages are missing")
    sub.add_argument("--force", action="store_true", help="build anew")
    sub = command("up", cmd_up, "start a host")
    sub.add_argument("name")
    sub.add_argument("--fresh", action="store_true", help="boot it instead of restoring the booted machine")
    sub.add_argument("--forward", action="append", default=[], type=forward, metavar="HOSTPORT:GUESTPORT",
                     help="a port of 127.0.0.1 that leads to dom0; HOSTPORT 0 picks one")
    sub.add_argument("--cpus", type=int, choices=machine()["cpus"], default=1, help="of the host (default: 1)")
    sub.add_argument("--lan", metavar="SOCKET", help="the Unix socket of a switch that joins several hosts")
    sub.add_argument("--quiet", action="store_true", help="no progress")
    sub = command("down", cmd_down, "end a host and forget it")
    sub.add_argument("name")
    sub = command("ssh", cmd_ssh, "run a command in a host's dom0 (without one: a shell)")
    sub.add_argument("name")
    sub.add_argument("command", nargs=argparse.REMAINDER)
    sub = command("put", cmd_put, "copy a file, or a directory's content, into a host's dom0")
    sub.add_argument("name")
    sub.add_argument("source")
    sub.add_argument("target")
    sub = command("forward", cmd_forward, "forward one more port of a running host, print the port outside")
    sub.add_argument("name")
    sub.add_argument("guest_port", type=int)
    sub.add_argument("host_port", type=int, nargs="?", default=0)
    command("list", cmd_list, "show the hosts")
    sub = command("clean", cmd_clean, "remove images of other recipes and what dead hosts left")
    sub.add_argument("--all", action="store_true", help="this recipe's image too")
    return top


def main():
    # Ended politely, so that what is half built or half up is removed on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = parser().parse_args()
    try:
        return options.function(options) or 0
    except EmulatorFailed as error:
        print(f"lab: the emulator failed: {error}", file=sys.stderr)
        return EXIT_EMULATOR
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
