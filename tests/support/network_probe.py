# SPDX-License-Identifier: Apache-2.0
"""A running network_probe (tests/integration/network_probe.c), here or in a lab host."""

import json
import queue
import threading

PATIENCE_S = 60


class Probe:
    """`objects` is what it has told so far, by id; `events` every line of it."""

    def __init__(self, popen):
        self.popen = popen
        self.objects = {}
        self.events = []
        self.lines = queue.Queue()
        self.done = []
        threading.Thread(target=self._read, daemon=True).start()
        self.wait(lambda: self.ready)

    ready = False

    def _read(self):
        for line in self.popen.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def _take(self, line):
        event = json.loads(line)
        self.events.append(event)
        if event["event"] == "changed":
            self.objects[event["id"]] = event
        elif event["event"] == "removed":
            del self.objects[event["id"]]  # an id that it never told is a bug
        elif event["event"] == "done":
            self.done.append(event)
        else:
            self.ready = True

    def wait(self, probe, patience_s=PATIENCE_S):
        """Until probe() is true, looking after each line."""
        while not (found := probe()):
            line = self.lines.get(timeout=patience_s)
            if line is None:
                raise AssertionError(f"network_probe has ended: {self.events[-5:]}")
            self._take(line)
        return found

    def send(self, line):
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def result(self):
        """The next operation's end."""
        self.wait(lambda: self.done)
        return self.done.pop(0)

    def create(self, **request):
        self.send("create " + json.dumps(request))
        return self.result()

    def delete(self, bridge, in_use=()):
        self.send("delete " + json.dumps({"bridge": bridge, "inUse": list(in_use)}))
        return self.result()

    def network(self, bridge):
        return next((o for o in self.objects.values() if o["kind"] == "network" and o["bridge"] == bridge), None)

    def pif(self, device):
        return next((o for o in self.objects.values() if o["kind"] == "pif" and o["device"] == device), None)

    def close(self):
        """Ends it in an orderly way, unless it has ended; its exit code."""
        self.popen.stdin.close()
        code = self.popen.wait(PATIENCE_S)
        self.popen.stdout.close()
        return code

    def kill(self):
        self.popen.kill()
        return self.close()
