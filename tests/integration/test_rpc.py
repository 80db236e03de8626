#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""common/rpc against another implementation's client: the wire is gRPC, not a dialect of ours."""

import hashlib
import os
import pathlib
import signal
import ssl
import socket
import subprocess
import sys
import unittest

import grpc

from tests.support import rpc_echo
from tests.support.rest import wait_until

# mu_error codes and the gRPC status each becomes.
CODES = {
    "NONE": grpc.StatusCode.OK, "INVALID": grpc.StatusCode.INVALID_ARGUMENT,
    "UNAUTHENTICATED": grpc.StatusCode.UNAUTHENTICATED, "DENIED": grpc.StatusCode.PERMISSION_DENIED,
    "NOT_FOUND": grpc.StatusCode.NOT_FOUND, "STATE": grpc.StatusCode.FAILED_PRECONDITION,
    "UNAVAILABLE": grpc.StatusCode.UNAVAILABLE, "TOO_LARGE": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "INTERNAL": grpc.StatusCode.INTERNAL,
}


class Streams(rpc_echo.RpcTest):
    def test_echo_of_all_sizes(self):
        stream = rpc_echo.Stream(self.channel(), "Echo")
        for size in (0, 1, 100, 16384, 65536, 200000, 1 << 20):
            message = os.urandom(size)
            self.assertEqual(stream.ask(message), message, size)
        stream.half_close()
        self.assertEqual(stream.status()[0], grpc.StatusCode.OK)
        self.echo.out.wait_for("^end /test/Echo 0 ")

    def test_many_messages_in_flight(self):
        stream = rpc_echo.Stream(self.channel(), "Echo")
        sent = [b"%d " % i * (1 + i % 50) for i in range(2000)]
        for message in sent:
            stream.send(message)
        stream.half_close()
        self.assertEqual(list(stream.call), sent)

    def test_who_the_client_is(self):
        stream = rpc_echo.Stream(self.channel(), "Who")
        name, fingerprint, address = stream.ask(b"?").decode().split()
        der = ssl.PEM_cert_to_DER_cert(self.certificates.read("client.pem").decode())
        self.assertEqual(name, "host-1")
        self.assertEqual(fingerprint, hashlib.sha256(der).hexdigest())
        self.assertRegex(address, r"^ipv4:127\.0\.0\.1:\d+$")

    def test_server_finishes_with_status_and_text(self):
        chan = self.channel()
        for name, code in CODES.items():
            stream = rpc_echo.Stream(chan, "Finish")
            stream.send(f"{name} b\u00fcro: 100 % done; hint: \"none\"".encode())
            self.assertEqual(stream.status(), (code, "b\u00fcro: 100 % done; hint: \"none\""), name)
            stream.half_close()

    def test_unknown_method(self):
        code, text = rpc_echo.Stream(self.channel(), "Nothing").status()
        self.assertEqual((code, text), (grpc.StatusCode.UNIMPLEMENTED, "there is no method /test/Nothing here"))

    def test_oversized_message(self):
        stream = rpc_echo.Stream(self.channel(), "Echo")
        stream.send(b"x" * ((1 << 20) + 1))
        code, text = stream.status()
        self.assertEqual(code, grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertIn("larger than max (1048577 vs. 1048576)", text)
        self.echo.out.wait_for("^end /test/Echo 1 ")
        stream.half_close()

    def test_compressed_message(self):
        """A megabyte of nothing in a kilobyte is not unpacked for anybody."""
        stream = rpc_echo.Stream(self.channel(), "Echo", compression=grpc.Compression.Gzip)
        stream.send(b"\0" * (1 << 20))
        self.assertEqual(stream.status()[0], grpc.StatusCode.UNIMPLEMENTED)
        stream.half_close()

    def test_cancel(self):
        stream = rpc_echo.Stream(self.channel(), "Echo")
        stream.ask(b"x")
        stream.cancel()
        self.echo.out.wait_for("^end /test/Echo 1 ")

    def test_deadline(self):
        chan = self.channel()
        self.counts(chan)  # it is connected: the time is the stream's alone
        stream = rpc_echo.Stream(chan, "Echo", timeout=2)
        stream.ask(b"x")
        self.assertEqual(stream.status()[0], grpc.StatusCode.DEADLINE_EXCEEDED)
        self.echo.out.wait_for("^end /test/Echo 1 ")
        stream.half_close()

    def test_server_stops(self):
        stream = rpc_echo.Stream(self.channel(), "Echo")
        stream.ask(b"x")
        self.echo.terminate()
        self.assertEqual(stream.status()[0], grpc.StatusCode.UNAVAILABLE)
        self.echo.out.wait_for("^end /test/Echo 14 this server is stopping$")
        stream.half_close()


class Identity(rpc_echo.RpcTest):
    def assert_outside(self, **kwargs):
        before = len(self.echo.out.seen)
        code, _ = rpc_echo.Stream(self.channel(**kwargs), "Echo").status()
        self.assertEqual(code, grpc.StatusCode.UNAVAILABLE)
        self.assertEqual(self.echo.out.seen[before:], [], "no stream may have come through")

    def test_stranger_with_a_certificate_of_another_ca(self):
        self.assert_outside(certificates=self.strangers)
        self.echo.log.wait_for("certificate verify failed")

    def test_client_without_a_certificate(self):
        self.assert_outside(client=None)
        self.echo.log.wait_for("peer did not return a certificate")

    def test_server_certificate_used_as_a_client(self):
        self.assert_outside(client="server")

    def peer_certificate(self):
        context = ssl.create_default_context(cafile=self.certificates.path("ca.pem"))
        context.load_cert_chain(self.certificates.path("client.pem"), self.certificates.path("client.key"))
        context.set_alpn_protocols(["h2"])
        context.check_hostname = False
        with socket.create_connection(("127.0.0.1", self.echo.port), rpc_echo.DEADLINE) as plain:
            with context.wrap_socket(plain) as tls:
                return tls.getpeercert(binary_form=True)

    def test_renewed_certificate(self):
        chan = self.channel()
        stream = rpc_echo.Stream(chan, "Echo")
        stream.ask(b"before")
        before = self.peer_certificate()
        self.assertEqual(self.peer_certificate(), before)
        self.certificates.server()
        self.echo.reload()
        after = self.peer_certificate()
        self.assertNotEqual(after, before)
        self.assertEqual(after, ssl.PEM_cert_to_DER_cert(self.certificates.read("server.pem").decode()))
        self.assertEqual(stream.ask(b"the old stream lives"), b"the old stream lives")
        self.assertEqual(rpc_echo.Stream(self.channel(), "Echo").ask(b"and new ones come"), b"and new ones come")
        stream.half_close()


class AnyAddress(rpc_echo.RpcTest):
    """The wildcard takes what this machine has: IPv4 always, IPv6 where the kernel does."""
    OPTIONS = ("--listen", "[::]:0", "--probe-interval", "1s")

    def test_both_families(self):
        addresses = {"127.0.0.1": r"^ipv4:127\.0\.0\.1:\d+$"}
        known = pathlib.Path("/proc/net/if_inet6")
        if known.exists() and "00000000000000000000000000000001" in known.read_text():
            addresses["[::1]"] = r"^ipv6:\[::1\]:\d+$"
        for host, pattern in addresses.items():
            address = rpc_echo.Stream(self.channel(host=host), "Who").ask(b"?").decode().split()[2]
            self.assertRegex(address, pattern)


class Keepalive(rpc_echo.RpcTest):
    OPTIONS = ("--keepalive", "1s", "--keepalive-timeout", "3s")

    def stopped_client(self):
        """A client in a process of its own, stopped while its stream is open."""
        program = (
            "import sys\n"
            f"sys.path.insert(0, {str(rpc_echo.pathlib.Path(rpc_echo.__file__).resolve().parents[2])!r})\n"
            "from tests.support import rpc_echo\n"
            "class Server: pass\n"
            "server = Server()\n"
            "server.port = int(sys.argv[1])\n"
            "server.certificates = object.__new__(rpc_echo.Certificates)\n"
            "server.certificates.directory = rpc_echo.pathlib.Path(sys.argv[2])\n"
            "stream = rpc_echo.Stream(rpc_echo.channel(server), 'Echo')\n"
            "stream.ask(b'x')\n"
            "print('open', flush=True)\n"
            "sys.stdin.read()\n"
            "import os; os._exit(0)\n")
        client = subprocess.Popen([sys.executable, "-c", program, str(self.echo.port),
                                   str(self.certificates.directory)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(client.stdout.close)
        self.addCleanup(client.stdin.close)
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        self.assertEqual(client.stdout.readline(), "open\n")
        client.send_signal(signal.SIGSTOP)

    def test_stopped_client_is_noticed(self):
        self.stopped_client()
        self.echo.out.wait_for("^end /test/Echo 1 the client cancelled, or its connection was lost$")

    def test_quiet_client_is_kept(self):
        stream = rpc_echo.Stream(self.channel(), "Echo")
        stream.ask(b"x")
        # Proof that several keepalive periods passed: the stopped one beside it was given up.
        self.stopped_client()
        self.echo.out.wait_for("^end /test/Echo 1 ")
        self.assertEqual(stream.ask(b"still here"), b"still here")
        stream.half_close()

    def test_client_that_pings_as_often_as_the_server(self):
        options = [("grpc.keepalive_time_ms", 1000), ("grpc.http2.max_pings_without_data", 0)]
        stream = rpc_echo.Stream(self.channel(options=options), "Echo")
        stream.ask(b"x")
        for _ in range(3):
            self.stopped_client()
            self.echo.out.wait_for("^end /test/Echo 1 ", len(self.echo.out.seen))
        self.assertEqual(stream.ask(b"not thrown out"), b"not thrown out")
        stream.half_close()


class BackPressure(rpc_echo.RpcTest):
    N = 20

    def test_clients_that_do_not_read(self):
        """20 floods nobody reads: what each may queue is 256 KiB here, plus 64 KiB or so on the way."""
        counter = self.channel()
        self.counts(counter)
        before = self.echo.rss_kib()
        streams = [rpc_echo.Stream(self.channel(), "Flood") for _ in range(self.N)]
        for stream in streams:
            stream.send(b"go")
        wait_until("all floods to stall", lambda: self.counts(counter)["full"] >= self.N)
        counts = self.counts(counter)
        self.assertLessEqual(counts["queued"], 262144)
        for _ in range(20):
            self.counts(counter)
        # Connections themselves cost about 0.2 MiB each; ASan multiplies all.
        self.assertLess(self.echo.rss_kib() - before, self.N * 4096)
        for stream in streams:
            for _ in range(100):
                self.assertEqual(len(stream.receive()), 16384)
        wait_until("the floods to go on",
                   lambda: self.counts(counter)["writable"] > counts["writable"])
        for stream in streams:
            stream.cancel()
        wait_until("the streams to end", lambda: self.counts(counter)["streams"] == 1)

    def test_server_that_does_not_read(self):
        counter = self.channel()
        self.counts(counter)
        before = self.echo.rss_kib()
        streams = [rpc_echo.Stream(self.channel(), "Sink") for _ in range(self.N)]
        message = b"x" * 100000
        for stream in streams:
            for _ in range(100):
                stream.send(message)
        wait_until("the sinks to be open", lambda: self.counts(counter)["streams"] == self.N + 1)
        for _ in range(20):
            self.counts(counter)
        self.assertLess(self.echo.rss_kib() - before, self.N * 2048)
        for stream in streams:
            stream.cancel()
        wait_until("the streams to end", lambda: self.counts(counter)["streams"] == 1)


if __name__ == "__main__":
    unittest.main()
