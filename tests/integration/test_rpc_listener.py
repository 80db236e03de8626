#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The listener against the network: no descriptors left, and a thousand callers that are no clients."""

import os
import resource
import socket
import ssl
import threading
import unittest

import grpc

from tests.support import rpc_echo
from tests.support.rest import wait_until


def tcp(port):
    return socket.create_connection(("127.0.0.1", port), rpc_echo.DEADLINE)


def close_all(sockets):
    while sockets:
        sockets.pop().close()


class OutOfDescriptors(rpc_echo.RpcTest):
    OPTIONS = ("--probe-interval", "2s")
    SPARE = 25
    FLOOD = 100

    def exhaust(self):
        """Connect until accept() has failed, then hang up again."""
        _, hard = resource.prlimit(self.echo.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.echo.pid, resource.RLIMIT_NOFILE, (self.echo.fds() + self.SPARE, hard))
        idle = []
        try:
            for _ in range(self.FLOOD):
                idle.append(tcp(self.echo.port))
            self.echo.log.wait_for("Failed accept4: Too many open files")
        finally:
            close_all(idle)

    def new_client_gets_through(self):
        chan = rpc_echo.channel(self.echo)
        stream = rpc_echo.Stream(chan, "Echo", timeout=5)
        try:
            return stream.ask(b"hello") == b"hello"
        except grpc.RpcError:
            return False
        finally:
            stream.half_close()
            chan.close()


class Guarded(OutOfDescriptors):
    def test_listener_comes_back(self):
        chan = self.channel()
        stream = rpc_echo.Stream(chan, "Echo", timeout=300)
        stream.ask(b"x")
        before = self.echo.sockets()
        for round_number in range(2):
            mark = len(self.echo.log.seen)
            self.exhaust()
            self.echo.log.wait_for("rpc listener is dead .*does not accept", mark)
            self.echo.log.wait_for("rpc listener made anew", mark)
            wait_until("a new client to get through", self.new_client_gets_through)
            self.echo.log.wait_for("rpc listener answers again", mark)
            self.assertEqual(stream.ask(b"%d" % round_number), b"%d" % round_number,
                             "live streams go on")
        wait_until("sockets to return", lambda: self.echo.sockets() <= before)
        stream.half_close()
        self.assertEqual(stream.status()[0], grpc.StatusCode.OK)

    def test_stop_in_the_middle(self):
        self.exhaust()
        self.echo.log.wait_for("rpc listener is dead")


class Unguarded(OutOfDescriptors):
    """What the guard is for. Should this fail one day, gRPC has been mended and the guard can go."""
    OPTIONS = ("--probe-interval", "0s")

    def test_listener_stays_dead(self):
        wait_until("a client to get through", self.new_client_gets_through)
        before = self.echo.sockets()
        self.exhaust()
        wait_until("sockets to return", lambda: self.echo.sockets() <= before)
        self.assertFalse(self.new_client_gets_through())


class Hostile(rpc_echo.RpcTest):
    """Two hundred each: silent, noise, HTTP/1.1, TLS without and TLS with a stranger's certificate."""
    EACH = 200
    OPTIONS = ("--probe-interval", "5s")

    def setUp(self):
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.sockets = []
        self.addCleanup(close_all, self.sockets)

    def silent(self):
        self.sockets.append(tcp(self.echo.port))

    def noise(self):
        self.silent()
        self.sockets[-1].sendall(os.urandom(512))

    def http(self):
        self.silent()
        self.sockets[-1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    def half_tls(self):
        """A ClientHello that breaks off."""
        self.silent()
        self.sockets[-1].sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")

    def tls(self, with_certificate):
        context = ssl.create_default_context(cafile=self.certificates.path("ca.pem"))
        context.check_hostname = False
        context.set_alpn_protocols(["h2"])
        if with_certificate:
            context.load_cert_chain(self.strangers.path("client.pem"), self.strangers.path("client.key"))
        plain = tcp(self.echo.port)
        try:
            connection = context.wrap_socket(plain)
        except OSError:
            plain.close()
            return
        self.sockets.append(connection)
        try:
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
        except OSError:
            pass

    def test_a_thousand_strangers(self):
        stream = rpc_echo.Stream(self.channel(), "Echo", timeout=300)
        stream.ask(b"x")
        before = self.echo.sockets()
        stop = threading.Event()
        exchanged = []

        def exchange():
            while not stop.is_set():
                message = b"%d" % len(exchanged)
                if stream.ask(message) != message:
                    break
                exchanged.append(message)

        client = threading.Thread(target=exchange)
        client.start()
        try:
            for _ in range(self.EACH):
                for attack in (self.silent, self.noise, self.http, self.half_tls):
                    attack()
                self.tls(with_certificate=len(self.sockets) % 2 == 0)
            n = len(exchanged)
            wait_until("the good client to go on", lambda: len(exchanged) > n)
            # The silent ones still hang on: the server must end them by itself.
            wait_until("sockets to return", lambda: self.echo.sockets() <= before)
        finally:
            stop.set()
            client.join(rpc_echo.DEADLINE)
        self.assertFalse(client.is_alive())
        self.assertEqual(stream.ask(b"last"), b"last")
        self.assertEqual(rpc_echo.Stream(self.channel(), "Echo").ask(b"new"), b"new")
        self.assertFalse([line for line in self.echo.log.seen if "listener is dead" in line])
        # Anybody can make gRPC complain; the log must not grow with it.
        self.assertLess(sum("grpc reports" in line for line in self.echo.log.seen), 100)
        stream.half_close()


if __name__ == "__main__":
    unittest.main()
