#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sizes of headers, files and functions. Over the hard limits fails; the rest is only printed."""

import re

import tree

HEADER_WARN = 120
FILE_REVIEW = 600
FILE_MAX = 1000
FUNCTION_REVIEW = 60
FUNCTION_MAX = 100


TABLE_START = re.compile(r"^\t+(?:static )?const [^;]*\[\d*\w*\] = \{$|^\t+\} \w+\[\w*\] = \{$")
TABLE_END = re.compile(r"^\t+\};$")


def table_lines(lines):
    """How many of a function's lines are constant tables: data, not code."""
    n, inside = 0, False
    for line in lines:
        inside = inside or bool(TABLE_START.match(line))
        n += inside
        if inside and TABLE_END.match(line):
            inside = False
    return n


def functions(text):
    """(name, first line, lines) of each function; the format check guarantees the brace's place."""
    lines = tree.code_only(text).split("\n")
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start:
            head = " ".join(lines[max(0, start - 6):start - 1])
            called = re.findall(r"(\w+)\s*\(", re.split(r"[;}]", head)[-1])
            length = number - start + 1 - table_lines(lines[start - 1:number])
            yield (called[0] if called else "?", start, length)
            start = None


def survey(root):
    """(failures, remarks)"""
    failures, remarks = [], []
    for path in tree.files(root, ".c", ".h"):
        where = tree.name(root, path)
        text = path.read_text()
        n_lines = text.count("\n")
        if path.suffix == ".h" and n_lines > HEADER_WARN:
            remarks.append(f"{where}: header of {n_lines} lines (a page is {HEADER_WARN})")
        if n_lines > FILE_MAX:
            failures.append(f"{where}: {n_lines} lines, the limit is {FILE_MAX}")
        elif n_lines > FILE_REVIEW:
            remarks.append(f"{where}: {n_lines} lines: look for the seam")
        for function, line, length in functions(text):
            if length > FUNCTION_MAX:
                failures.append(f"{where}:{line}: {function}() has {length} lines, "
                                f"the limit is {FUNCTION_MAX}")
            elif length > FUNCTION_REVIEW:
                remarks.append(f"{where}:{line}: {function}() has {length} lines: review")
    return failures, remarks


def check(root):
    failures, remarks = survey(root)
    for remark in remarks:
        print(f"remark: {remark}")
    return failures


if __name__ == "__main__":
    tree.main(check)
