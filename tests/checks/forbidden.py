#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Calls and words that do not belong here.

A line of a test or script that must wait for something it cannot be told about says so with a
comment "polls: why" on that line.
"""

import re

import tree

CALLS = {
    "system": "use common/loop/process.h", "popen": "use common/loop/process.h",
    "strcpy": "use snprintf or mu_str", "strcat": "use mu_str", "strncpy": "use snprintf",
    "strncat": "use mu_str", "sprintf": "use snprintf or mu_str", "vsprintf": "use vsnprintf",
    "gets": "use mu_file_read", "strtok": "use strchr or strtok_r", "alloca": "use mu_arena",
    "atoi": "use mu_parse_i64", "atol": "use mu_parse_i64", "tmpnam": "use mkstemp",
    "mktemp": "use mkstemp", "setjmp": "return an error", "longjmp": "return an error",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(CALLS) + r")\s*\(")
SLEEP_C = re.compile(r"\b(sleep|usleep|nanosleep|uv_sleep|clock_nanosleep)\s*\(")
SLEEP_SCRIPT = re.compile(r"\btime\.sleep\s*\(|^\s*sleep\s|[;&|]\s*sleep\s|\bdo\s+sleep\s")
# The emulator's side of the lab has nobody to tell it; what runs inside its guests neither.
SLEEPERS = ("tests/lab/lablib/", "tests/lab/recipe/")
# In pieces, so that this file does not find itself.
WORDS = re.compile(r"\b(" + "|".join(["TO" "DO", "FIX" "ME", "X" "XX", "HA" "CK", "W" "IP"]) + r")\b")
PLACES = re.compile(r"(?<![\w.])/(?:wo" r"rk|ho" r"me/\w+|Us" r"ers)/")
TEXT = {".c", ".h", ".py", ".sh", ".md", ".proto", ".build", ".yaml", ".json", ".service", ".conf",
        ".sql", ".ts", ".css", ".html", ""}
ENUM = re.compile(r"\benum\s+(\w+)\s*\{([^}]*)\}")
SWITCH = re.compile(r"\bswitch\s*\(")


def enumerators(sources):
    """Enumerators of the named enums."""
    found = set()
    for text in sources:
        for match in ENUM.finditer(text):
            found.update(re.findall(r"(?:^|,)\s*([A-Z_]\w*)", match.group(2)))
    return found


def switches(code):
    """(offset, body) of each switch statement."""
    for match in SWITCH.finditer(code):
        begin = code.find("{", match.end())
        depth, at = 0, begin
        while 0 <= at < len(code):
            depth += {"{": 1, "}": -1}.get(code[at], 0)
            at += 1
            if depth == 0:
                break
        yield match.start(), code[begin:at]


def without_inner(body):
    """A switch body with the switches inside it blanked."""
    for offset, inner in list(switches(body[1:])):
        start = body.find(inner, offset)
        body = body[:start] + " " * len(inner) + body[start + len(inner):]
    return body


def default_complaints(where, code, ours):
    for offset, body in switches(code):
        body = without_inner(body)
        labels = re.findall(r"\bcase\s+(\w+)\s*:", body)
        if re.search(r"\bdefault\s*:", body) and any(label in ours for label in labels):
            yield (f"{where}:{tree.line_of(code, offset)}: default: in a switch over an enum of "
                   "ours; name every value, the compiler then finds the forgotten one")


def c_complaints(where, code, ours):
    for match in CALL.finditer(code):
        yield (f"{where}:{tree.line_of(code, match.start())}: {match.group(1)}() is forbidden: "
               f"{CALLS[match.group(1)]}")
    yield from default_complaints(where, code, ours)


def sleep_complaints(where, text, code, pattern):
    lines = text.split("\n")
    for number, line in enumerate(code.split("\n"), 1):
        if pattern.search(line) and "polls: " not in lines[number - 1]:
            yield f"{where}:{number}: sleeps; wait for the event (or say 'polls: why' on the line)"


def text_complaints(where, text):
    for number, line in enumerate(text.split("\n"), 1):
        if WORDS.search(line):
            yield f"{where}:{number}: unfinished: {line.strip()[:80]}"
        if PLACES.search(line):
            yield f"{where}:{number}: path of somebody's machine: {line.strip()[:80]}"


def check(root):
    paths = [p for p in tree.files(root) if p.suffix in TEXT]
    texts = {}
    for path in paths:
        try:
            texts[path] = path.read_text()
        except UnicodeDecodeError:
            continue
    code = {p: tree.code_only(t) for p, t in texts.items() if p.suffix in (".c", ".h")}
    ours = enumerators(code.values())
    complaints = []
    for path, text in texts.items():
        where = tree.name(root, path)
        complaints.extend(text_complaints(where, text))
        if path in code:
            complaints.extend(c_complaints(where, code[path], ours))
            complaints.extend(sleep_complaints(where, text, code[path], SLEEP_C))
        elif where.startswith(SLEEPERS):
            continue
        elif path.suffix in (".py", ".sh") or text.startswith("#!"):
            complaints.extend(sleep_complaints(where, text, text, SLEEP_SCRIPT))
    return complaints


if __name__ == "__main__":
    tree.main(check)
