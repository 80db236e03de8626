#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""shellcheck on every shell script."""

import shutil
import subprocess

import tree


def scripts(root):
    for path in tree.files(root):
        with open(path, "rb") as file:
            first = file.readline(80)
        if path.suffix == ".sh" or (first.startswith(b"#!") and b"sh" in first.split(b"/")[-1]):
            yield str(path)


def check(root):
    if not shutil.which("shellcheck"):
        return ["shellcheck is missing; hint: ./tests/run installs it"]
    found = list(scripts(root))
    if not found:
        return []
    done = subprocess.run(["shellcheck", "--format=gcc", "--severity=warning", "--external-sources",
                           "--exclude=SC2187",  # busybox ash, checked as dash
                           *found], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    lines = [line.replace(f"{root}/", "") for line in done.stdout.split("\n") if line]
    return lines or ([f"shellcheck ended with {done.returncode}"] if done.returncode else [])


if __name__ == "__main__":
    tree.main(check)
