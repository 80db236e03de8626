#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Man pages: a page of prose, with the lists that the programs print themselves in it.

    make.py PAGE.in PROGRAM OUTPUT

A line "@help ARGUMENTS@" in the page becomes the entries of `PROGRAM ARGUMENTS --help`: every line of
it that begins with blanks and has its text behind two or more. So pages and programs cannot differ.
"""

import pathlib
import re
import subprocess
import sys

ENTRY = re.compile(r"^ +(\S.*?)(?:  +(\S.*))?$")


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in ".'" else text


def entries(program, arguments):
    shown = subprocess.run([program, *arguments, "--help"], check=True, stdout=subprocess.PIPE,
                           text=True).stdout
    for line in shown.split("\n"):
        match = ENTRY.match(line)
        if match and match.group(2):
            yield f".TP\n.B {escape(match.group(1))}\n{escape(match.group(2))}"


def main():
    page, program, output = sys.argv[1:]
    lines = []
    for line in pathlib.Path(page).read_text().split("\n"):
        match = re.fullmatch(r"@help ?(.*)@", line)
        lines += entries(program, match.group(1).split()) if match else [line]
    pathlib.Path(output).write_text("\n".join(lines))


if __name__ == "__main__":
    main()
