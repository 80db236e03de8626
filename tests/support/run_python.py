#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Run a folder's test_*.py (plain unittest) and count.

    run_python.py FOLDER --counts FILE [--jobs N] [--verbose] [--file-timeout SECONDS] [NAME...]

Every file gets a process of its own in a session of its own, so that one that hangs or crashes
is one failure and takes nothing else along; N of them run at a time, and what each printed comes
in one piece. FILE gets one line: "passed failed skipped".
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
GRACE_S = 60
children = set()  # of run_file(), to be ended with the run


class Result(unittest.TextTestResult):
    """Counts single tests; a failing subtest makes its test fail once."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.passed = []
        self.started_at = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.started_at = time.monotonic()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed.append(test.id())
        print(f"ok      {test.id()} ({time.monotonic() - self.started_at:.2f} s)")


def run_one(path, counts):
    sys.path[:0] = [str(path.parent), str(ROOT)]
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromName(path.stem)
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Result, verbosity=0).run(suite)
    bad = {test.id() for test, _ in result.failures + result.errors}
    bad |= {f"{test.id()} (unexpected success)" for test in result.unexpectedSuccesses}
    skipped = [(test.id(), reason) for test, reason in result.skipped]
    pathlib.Path(counts).write_text(json.dumps({
        "passed": len(result.passed) + len(result.expectedFailures), "failed": sorted(bad),
        "skipped": skipped}))
    return 1 if bad else 0


def end(child):
    """What it has printed. First it is asked: what it has started beyond its session, an emulator, ends with it."""
    child.send_signal(signal.SIGINT)
    try:
        output, _ = child.communicate(timeout=GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
    return output


def run_file(path, timeout):
    """{"passed": n, "failed": [names], "skipped": [(name, reason)], "output": text, "seconds": n} of one file."""
    begin = time.monotonic()
    with tempfile.NamedTemporaryFile(prefix="muster-counts-", suffix=".json") as counts:
        child = subprocess.Popen(
            [sys.executable, __file__, "--one", str(path), "--counts", counts.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, env=dict(os.environ, PYTHONUNBUFFERED="1"))
        children.add(child)
        try:
            output, _ = child.communicate(timeout=timeout)
            ended = f"ended with {child.returncode}"
        except subprocess.TimeoutExpired:
            output = end(child)
            ended = f"was ended after {timeout} s"
        children.discard(child)
        try:
            result = json.loads(pathlib.Path(counts.name).read_text())
        except ValueError:
            result = {"passed": 0, "failed": [f"{path.name} ({ended})"], "skipped": []}
    return {**result, "output": output.decode(errors="replace"), "seconds": time.monotonic() - begin}


def minutes(path):
    """About how long it takes, if it says so (`MINUTES = 5`); others are the longer the larger they are."""
    said = re.search(r"^MINUTES = (\d+)$", path.read_text(), re.MULTILINE)
    return int(said[1]) if said else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--one")
    parser.add_argument("--counts", required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--file-timeout", type=float, default=900)
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job begins with it ignored
    if args.one:
        return run_one(pathlib.Path(args.one), args.counts)

    # The longest first: the run should not end with one alone.
    paths = sorted((path for path in pathlib.Path(args.folder).resolve().glob("test_*.py")
                    if not args.names or path.stem in args.names),
                   key=lambda path: (-minutes(path), -path.stat().st_size, path.name))
    passed, failed, skipped = 0, [], []
    pool = concurrent.futures.ThreadPoolExecutor(args.jobs)
    running = {pool.submit(run_file, path, args.file_timeout): path for path in paths}
    try:
        for done in concurrent.futures.as_completed(running):
            result = done.result()
            passed += result["passed"]
            failed += result["failed"]
            skipped += result["skipped"]
            if args.verbose or result["failed"]:
                sys.stdout.write(result["output"])
            print(f"{running[done].name}: {result['passed']} passed, {len(result['failed'])} failed, "
                  f"{len(result['skipped'])} skipped in {result['seconds']:.1f} s", flush=True)
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in list(children):
            os.killpg(child.pid, signal.SIGKILL)
        raise
    for name in failed:
        print(f"FAILED  {name}")
    for name, reason in skipped:
        print(f"skipped {name}: {reason}")
    pathlib.Path(args.counts).write_text(f"{passed} {len(failed)} {len(skipped)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
