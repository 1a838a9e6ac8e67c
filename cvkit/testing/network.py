"""A block in which no connection can be made."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

_CALLS = ("connect", "connect_ex", "sendto")


@contextmanager
def without_network() -> Iterator[list[str]]:
    """Refuse every connection and every look-up of a name with `OSError`; yield the list of those that were tried.

    Connections within the machine, between processes by a file's name, are refused too.
    """
    tried: list[str] = []

    def refuse(address: Any) -> NoReturn:
        tried.append(":".join(map(str, address[:2])) if isinstance(address, tuple) else str(address))
        raise OSError("the network is blocked by this check")

    def call(self: socket.socket, *arguments: Any) -> NoReturn:
        refuse(arguments[-1])

    def look_up(host: Any, port: Any, *_: Any, **__: Any) -> NoReturn:
        refuse((host, port))

    before = socket.getaddrinfo
    socket.getaddrinfo = look_up
    for name in _CALLS:  # its base class, in C, has the real ones
        setattr(socket.socket, name, call)
    try:
        yield tried
    finally:
        socket.getaddrinfo = before
        for name in _CALLS:
            delattr(socket.socket, name)
