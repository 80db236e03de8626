# SPDX-License-Identifier: Apache-2.0
"""What the checks share: the tree's files, C text without comments and strings, the verdict.

A check is a function that takes a root folder and returns a list of complaints; so each one can
be run on a bad sample as well (test_checks.py).
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def files(root, *suffixes):
    """Files of the tree, new ones included, ignored ones not; all files when root is no git tree."""
    root = pathlib.Path(root)
    if (root / ".git").exists():
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, stdout=subprocess.PIPE).stdout.decode()
        paths = [root / name for name in listed.split("\0") if name]
    else:
        paths = [p for p in root.rglob("*") if p.is_file()]
    return sorted(p for p in paths if p.is_file() and (not suffixes or p.suffix in suffixes))


def name(root, path):
    return str(pathlib.Path(path).relative_to(root))


_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'""", re.DOTALL)


def code_only(text):
    """C with comments blanked and strings emptied; line numbers and columns stay."""

    def blank(match):
        token = match.group(0)
        inner = re.sub(r"[^\n]", " ", token[1:-1])
        if token[0] in "\"'":
            return token[0] + inner + token[0]
        return re.sub(r"[^\n]", " ", token)

    return _TOKEN.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def main(check):
    """Run a check on this tree (or on the folder named) and end the process with the verdict."""
    root = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    complaints = check(root)
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)
