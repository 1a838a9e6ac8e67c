"""A context manager that blocks the network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

_CALLS = ("connect", "connect_ex", "sendto")
_LOOK_UPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")


@contextmanager
def without_network() -> Iterator[list[str]]:
    """Make every connection, transmission and look-up by `socket` raise `OSError`; yield the list of attempts.

    Look-ups of names and addresses are blocked, and so are local connections between processes through a socket file.
    Blocks may be nested, and earlier replacements of these functions are restored afterwards.
    """
    tried: list[str] = []

    def refuse(address: Any) -> NoReturn:
        tried.append(":".join(map(str, address[:2])) if isinstance(address, tuple) else str(address))
        raise OSError("the network is blocked by this check")

    def call(self: socket.socket, *arguments: Any) -> NoReturn:
        refuse(arguments[-1])

    def look_up(*arguments: Any, **named: Any) -> NoReturn:
        first, *others = (*arguments, *named.values())
        refuse(first if isinstance(first, tuple) else (first, *others))

    with _replaced(socket, _LOOK_UPS, look_up), _replaced(socket.socket, _CALLS, call):
        yield tried


@contextmanager
def _replaced(owner: object, names: tuple[str, ...], value: Any) -> Iterator[None]:
    """Set attributes of a module or class, and restore its own attributes afterwards; others may be inherited."""
    own = {name: vars(owner)[name] for name in names if name in vars(owner)}
    for name in names:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name in names:
            if name in own:
                setattr(owner, name, own[name])
            else:
                delattr(owner, name)
