"""A block in which no connection can be made."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

_CALLS = ("connect", "connect_ex", "sendto")
_LOOK_UPS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")


@contextmanager
def without_network() -> Iterator[list[str]]:
    """Refuse what `socket` connects, sends and looks up with `OSError`; yield the list of what was tried.

    Names and addresses are looked up neither way. Connections within the machine, between processes by a file's name,
    are refused too. Blocks may be nested, and what others had put in place of a call is there again afterwards.
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
    """Set attributes of a module or class, and put back those it had itself; a class may inherit the others."""
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
