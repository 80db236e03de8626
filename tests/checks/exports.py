#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Dead exports: functions with external linkage that no other object file uses.

Reads the object files of a build (MUSTER_BUILD, else build/). A test that links the function counts
as a user: what is tested on its own is there on purpose. Names with a dot are the compiler's.
"""

import os
import pathlib
import re
import subprocess

import tree

# Kept on purpose: name -> reason.
KEPT = {
    "main": "the program's entry",
}
GENERATED = re.compile(r"\.pb-c\.c\.o$")


def symbols(objects):
    """{object: (defined functions, used names)}"""
    table = {}
    for start in range(0, len(objects), 200):
        done = subprocess.run(["nm", "--print-file-name", "--portability", *objects[start:start + 200]],
                              check=True, stdout=subprocess.PIPE, text=True)
        for line in done.stdout.split("\n"):
            match = re.match(r"(.+?): (\S+) (\w)", line)
            if not match:
                continue
            where, symbol, kind = match.groups()
            defined, used = table.setdefault(where, (set(), set()))
            if kind in "TW":
                defined.add(symbol)
            elif kind == "U":
                used.add(symbol)
    return table


def dead(build):
    """[(object, function)] of the product's objects in `build`."""
    objects = [str(p) for p in pathlib.Path(build).rglob("*.o")]
    table = symbols(objects)
    used = set()
    for _, names in table.values():
        used |= names
    return sorted((o, f) for o, (defined, _) in table.items()
                  if not GENERATED.search(o) and "/tests/" not in o[len(str(build)):]
                  for f in defined if f not in used and f not in KEPT and "." not in f)


def check(root, build=None):
    build = pathlib.Path(build or os.environ.get("MUSTER_BUILD", root / "build"))
    if not build.is_dir():
        return [f"{build}: no build to look at; hint: ./tests/run --suite checks makes it"]
    return [f"{pathlib.Path(o).name.replace('.c.o', '.c')}: {f}() is exported and nobody uses it; "
            "make it static or remove it" for o, f in dead(build)]


if __name__ == "__main__":
    tree.main(check)
