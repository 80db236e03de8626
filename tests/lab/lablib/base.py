# SPDX-License-Identifier: Apache-2.0
"""What every part of the lab uses: errors, places, waiting, locks, progress."""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

RECIPE = pathlib.Path(__file__).resolve().parent.parent / "recipe"
EXIT_EMULATOR = 75  # EX_TEMPFAIL: nothing is known about the code under test


class LabError(Exception):
    """The lab cannot do what was asked."""


class EmulatorFailed(LabError):
    """The emulated machine died or never came up: no verdict about the code under test."""


def machine():
    return json.loads((RECIPE / "machine.json").read_text())


def recipe_hash():
    digest = hashlib.sha256()
    for path in sorted(RECIPE.iterdir()):
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def cache_root():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "muster" / "lab"


def run_root():
    base = os.environ.get("XDG_RUNTIME_DIR") or "/tmp"
    return pathlib.Path(base) / f"muster-lab-{os.getuid()}"


def check_name(name):
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", name):
        raise LabError(f"{name!r} is no host name for the lab: lower case, digits, hyphens, 32 at most")
    return name


def wait_for(what, probe, deadline_s, pause_s=0.2):
    """Calls probe() until it returns something true, which is returned; LabError when the time is over."""
    end = time.monotonic() + deadline_s
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() >= end:
            raise LabError(f"waited {deadline_s} s in vain for {what}")
        time.sleep(pause_s)  # polls: until the deadline above


@contextlib.contextmanager
def locked(path, on_wait=None):
    """Holds an exclusive lock on that file; on_wait() is called once if another has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait:
                on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(argv, **kwargs):
    """A command of this machine that has to succeed; its output is in the error if it does not."""
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **kwargs)
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-30:])
        raise LabError(f"{argv[0]} ended with {done.returncode}:\n{tail}")
    return done.stdout


class Progress:
    """Lines with the time since the start, on standard error."""

    def __init__(self, quiet=False):
        self.start = time.monotonic()
        self.quiet = quiet

    def elapsed(self):
        return time.monotonic() - self.start

    def __call__(self, text):
        if not self.quiet:
            print(f"lab: {self.elapsed():6.1f} s  {text}", file=sys.stderr, flush=True)
