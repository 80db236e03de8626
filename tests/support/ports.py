# SPDX-License-Identifier: Apache-2.0
"""Ports of loopback for servers that begin later, or end and begin again: nobody takes them meanwhile.

A port that the kernel picked is free until the next connection of anybody takes it for its own end.
These lie outside the range for that, and as long as a process lives that has asked for one, no other
test gets it: it holds a name among the abstract Unix sockets.
"""

import pathlib
import random
import socket

RANGE = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST, END = 10000, 65536
held = {}  # port: the socket that has its name


def outside():
    """Ports that the kernel gives to nobody by itself."""
    low, high = map(int, RANGE.read_text().split())
    return [port for port in range(FIRST, END) if not low <= port <= high]


def take(port, address):
    """Is it ours from now on?"""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0muster-test-port-{port}")
        socket.create_server((address, port)).close()
    except OSError:
        name.close()
        return False
    held[port] = name
    return True


def free_ports(n, address="127.0.0.1"):
    """The first of `n` in a row."""
    candidates = outside()
    for first in random.sample(candidates, len(candidates)):
        taken = []
        while len(taken) < n and first + len(taken) < END and take(first + len(taken), address):
            taken.append(first + len(taken))
        if len(taken) == n:
            return first
        for port in taken:
            held.pop(port).close()
    raise AssertionError(f"no {n} free ports on {address}; hint: {RANGE} leaves too few")


def free_port(address="127.0.0.1"):
    return free_ports(1, address)
