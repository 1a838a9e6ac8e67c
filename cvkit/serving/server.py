"""Runs the application until it is interrupted."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address

import uvicorn
from starlette.applications import Starlette

from ..errors import RunError

_LOCAL = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server at this address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def hosts_for(host: str) -> tuple[str, ...]:
    """Return the host names that requests may address: those of this machine, or any for a server in a network."""
    if not is_loopback(host):
        return ("*",)
    return tuple(dict.fromkeys((*_LOCAL, f"[{host}]" if ":" in host else host)))


def bind(host: str, port: int) -> socket.socket:
    """Return a socket at an address, so that an address in use is known before anything is said.

    Raises:
        RunError: The address is not one of this machine, is in use, or may not be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen()  # requests wait from here on, so the address can be announced
    except (OSError, OverflowError) as error:
        found.close()
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RunError(f"cannot serve at {host}, port {port}: {reason}; choose another --port or --host") from error
    return found


def run(application: Starlette, listener: socket.socket, ready: Callable[[str], None]) -> None:
    """Answer requests until the process is interrupted.

    Args:
        application: The application.
        listener: The socket of `bind`.
        ready: Is called once with the address of the page.
    """
    host, port = listener.getsockname()[:2]
    config = uvicorn.Config(application, log_level="warning", access_log=False, server_header=False, lifespan="off")
    ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/")
    with suppress(KeyboardInterrupt):  # uvicorn answers what it has begun, and repeats the signal at its end
        uvicorn.Server(config).run(sockets=[listener])
