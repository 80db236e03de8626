# SPDX-License-Identifier: Apache-2.0
"""A file system of its own for a test: an image mounted through a loop device."""

import os
import pathlib
import shutil
import subprocess
import tempfile

DEADLINE = 1200


def run(*command, check=True):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=DEADLINE, check=check)


def mounted(case, kind, size):
    """Makes one of `kind` for `case` and returns a folder that has it as "mnt"; gone when the case is over."""
    if os.geteuid() != 0:
        case.skipTest("mounting needs root")
    if not shutil.which(f"mkfs.{kind}"):
        case.skipTest(f"mkfs.{kind} is not installed")
    top = pathlib.Path(tempfile.mkdtemp(prefix="muster-storage-"))
    case.addCleanup(shutil.rmtree, top)
    (top / "mnt").mkdir()
    with open(top / "image", "wb") as file:
        file.truncate(size)
    run(f"mkfs.{kind}", "-q", top / "image")
    done = run("mount", "-o", "loop", top / "image", top / "mnt", check=False)
    if done.returncode != 0:
        case.skipTest(f"no loop mounts of {kind} here: {done.stderr.strip()}")
    case.addCleanup(run, "umount", top / "mnt")
    return top
