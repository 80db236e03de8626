#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""clang-format 14 on every C file. Later versions format differently, so the number matters."""

import concurrent.futures
import os
import shutil
import subprocess

import tree

CHUNK = 16


def check(root):
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not tool:
        return ["clang-format is missing; hint: ./tests/run installs it"]
    paths = [str(p) for p in tree.files(root, ".c", ".h")]
    chunks = [paths[i:i + CHUNK] for i in range(0, len(paths), CHUNK)]

    def run(chunk):
        done = subprocess.run([tool, "--dry-run", "-Werror", "--style=file", *chunk], cwd=root,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        return [line for line in done.stdout.split("\n") if "error:" in line] or (
            [done.stdout.strip()] if done.returncode else [])

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = [line for lines in pool.map(run, chunks) for line in lines]
    return [line.replace(f"{root}/", "") for line in found]


if __name__ == "__main__":
    tree.main(check)
