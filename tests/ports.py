"""Ports of loopback for servers, and for what nobody serves."""

from __future__ import annotations

import random
import socket

PORTS = (11000, 32000)
"""Ports of servers: below those that Linux hands out by itself, which begin at 32768."""


def free_port() -> int:
    """A port of loopback that nobody listens on, and that nobody else gets from here as long as this process lives.

    Not one of those that the system hands to whoever connects or asks for any: between this look and the server's start,
    and while a server is down, it would be given to somebody else, or to the very client that tries to connect to it.
    """
    while True:
        port = random.randrange(*PORTS)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0kernelq-tests-{port}")  # seen by every process of the machine, gone with this one
            with socket.socket() as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
        else:
            _claims.append(claim)
            return port


_claims: list[socket.socket] = []
