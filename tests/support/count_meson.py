#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Count single tests in meson's testlog.json: "passed failed skipped" on the last line.

    count_meson.py TESTLOG

A program that speaks TAP counts as many tests as it reports; any other counts as one. A program
that failed without reporting a failed test (a crash, a leak at exit, a timeout) is one failure.
"""

import json
import re
import sys

TAP = re.compile(r"^(not )?ok\b(.*)$", re.MULTILINE)
FINE = {"OK", "EXPECTEDFAIL"}


def count(record):
    """(passed, [failed names], [skipped names with reasons])"""
    name = record["name"].split(" / ")[-1]
    passed, failed, skipped = 0, [], []
    for bad, rest in TAP.findall(record.get("stdout") or ""):
        title = re.sub(r"^[\s\d-]+", "", rest)
        if re.search(r"#\s*skip", rest, re.IGNORECASE):
            skipped.append(f"{name}: {title}")
        elif bad:
            failed.append(f"{name}: {title}")
        else:
            passed += 1
    if record["result"] == "SKIP" and not skipped:
        skipped.append(f"{name}: the program asked to be skipped")
    elif record["result"] not in FINE | {"SKIP"} and not failed:
        failed.append(f"{name}: {record['result'].lower()}, exit status "
                      f"{record.get('returncode', '?')}")
    elif record["result"] in FINE and not passed and not skipped:
        passed = 1
    return passed, failed, skipped


def main():
    passed, failed, skipped = 0, [], []
    with open(sys.argv[1], encoding="utf-8") as log:
        for line in log:
            more = count(json.loads(line))
            passed += more[0]
            failed += more[1]
            skipped += more[2]
    for name in failed:
        print(f"FAILED  {name}")
    for name in skipped:
        print(f"skipped {name}")
    print(passed, len(failed), len(skipped))


if __name__ == "__main__":
    main()
