#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every source file starts with its licence; every header has an include guard of its own."""

import re

import tree

SPDX = "SPDX-License-Identifier: Apache-2.0"
SOURCE = {".c", ".h", ".py", ".sh", ".proto", ".ts"}


def check(root):
    complaints = []
    guards = {}
    for path in tree.files(root):
        where = tree.name(root, path)
        if path.suffix not in SOURCE:
            continue
        text = path.read_text()
        if SPDX not in "\n".join(text.split("\n")[:2]):
            complaints.append(f"{where}:1: no '{SPDX}'")
        if path.suffix != ".h":
            continue
        match = re.search(r"^#ifndef (MUSTER_\w+_H)\n#define \1$", text, re.MULTILINE)
        if not match:
            complaints.append(f"{where}: no include guard MUSTER_..._H")
            continue
        other = guards.setdefault(match.group(1), where)
        if other != where:
            complaints.append(f"{where}: has the same include guard as {other}")
    return complaints


if __name__ == "__main__":
    tree.main(check)
