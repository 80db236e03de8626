# SPDX-License-Identifier: Apache-2.0
"""A REST client for the tests: over TLS or a Unix socket, with nothing but the standard library.

Failures carry status and body, so that a test can check both. wait_until() is how tests wait: for
a condition, with a generous deadline, never for a fixed time.
"""

import http.client
import json
import socket
import ssl
import threading
import time

DEADLINE = 120


def wait_until(what, condition, deadline=DEADLINE, step=0.05):
    """Poll condition() until it is true; return its value. Fails with `what` and the last value."""
    end = time.monotonic() + deadline
    last = None
    pause = threading.Event()
    while time.monotonic() < end:
        last = condition()
        if last:
            return last
        pause.wait(step)
    raise AssertionError(f"{what}: not within {deadline} s (last: {last!r})")


class RestError(Exception):
    def __init__(self, status, body, headers):
        super().__init__(f"HTTP {status}: {body}")
        self.status = status
        self.body = body
        self.headers = headers


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Rest:
    """`where`: "https://host:port" (with `ca`, a path, and `token`) or "unix:PATH"."""

    def __init__(self, where, token=None, ca=None, timeout=DEADLINE):
        self.where, self.token, self.timeout = where, token, timeout
        self._context = ssl.create_default_context(cafile=ca) if ca else None

    def connection(self):
        if self.where.startswith("unix:"):
            return _UnixConnection(self.where[len("unix:"):], self.timeout)
        return http.client.HTTPSConnection(self.where.split("://")[1], timeout=self.timeout,
                                           context=self._context)

    def request(self, method, path, body=None, headers=None):
        """(status, headers, parsed body); path without /rest/v0. No exception for 4xx and 5xx; an
        OSError for an answer that breaks off, wherever it does."""
        headers = dict(headers or {})
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        connection = self.connection()
        try:
            connection.request(method, "/rest/v0" + path, body, headers)
            reply = connection.getresponse()
            data = reply.read()
        except http.client.IncompleteRead as error:
            raise ConnectionError(f"{method} {path}: the answer broke off") from error
        finally:
            connection.close()
        if data and "json" in reply.headers.get("Content-Type", ""):
            data = ([json.loads(line) for line in data.splitlines()]
                    if "ndjson" in reply.headers["Content-Type"] else json.loads(data))
        return reply.status, reply.headers, data

    def _expect(self, method, path, body=None):
        status, headers, data = self.request(method, path, body)
        if status >= 300:
            raise RestError(status, data, headers)
        return data

    def get(self, path):
        return self._expect("GET", path)

    def post(self, path, body=None):
        return self._expect("POST", path, body)

    def patch(self, path, body):
        return self._expect("PATCH", path, body)

    def delete(self, path):
        return self._expect("DELETE", path)

    def alive(self):
        """Does it serve?"""
        try:
            return self.request("GET", "/ping")[0] == 200
        except OSError:
            return False

    def vms(self, fields="*"):
        """All VMs by id."""
        return {vm["id"]: vm for vm in self.get(f"/vms?fields={fields}")}

    def vm(self, vm_id):
        return self.get(f"/vms/{vm_id}")

    def power(self, vm_id):
        return self.vm(vm_id)["power_state"]

    def action(self, vm_id, verb, sync=True):
        """Synchronous: returns when done or raises RestError. Else: the task's id."""
        data = self.post(f"/vms/{vm_id}/actions/{verb}" + ("?sync=true" if sync else ""))
        return None if sync else data["taskId"]

    def task(self, task_id, deadline=DEADLINE):
        """The task, once it is no longer pending."""
        return wait_until(
            f"task {task_id} ends",
            lambda: (lambda t: t if t["status"] != "pending" else None)(
                self.get(f"/tasks/{task_id}")), deadline, 0.2)


class Proxy:
    """A TCP proxy between agent and aggregator that can be cut, as a pulled cable would."""

    def __init__(self, target, listen="127.0.0.1"):
        self._target = target
        self._sockets = set()
        self._lock = threading.Lock()
        self._open = True
        self._server = socket.create_server((listen, 0), backlog=64)
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if not self._open:
                client.close()
                continue
            try:
                upstream = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets |= {client, upstream}
            for pair in ((client, upstream), (upstream, client)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            self._drop(s)

    def _drop(self, s):
        with self._lock:
            self._sockets.discard(s)
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        s.close()

    def cut(self):
        self._open = False
        for s in list(self._sockets):
            self._drop(s)

    def mend(self):
        self._open = True

    def close(self):
        self.cut()
        self._server.close()
