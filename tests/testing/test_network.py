"""Blocking the network: every way to ask a name or an address, and everything as it was afterwards."""

from __future__ import annotations

import socket

import pytest

from cvkit.testing.network import without_network


def connect(address):
    with socket.socket() as asking:
        asking.connect(address)


def send(address):
    with socket.socket(type=socket.SOCK_DGRAM) as asking:
        asking.sendto(b"", address)


def calls():
    """Everything that is replaced, as it is now."""
    names = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")
    return [getattr(socket, name) for name in names] + [getattr(socket.socket, n) for n in ("connect", "sendto")]


@pytest.mark.parametrize(
    ("ask", "asked"),
    [
        (lambda: socket.getaddrinfo("localhost", 80), "localhost:80"),
        (lambda: socket.getaddrinfo(host="localhost", port=80), "localhost:80"),
        (lambda: socket.gethostbyname("localhost"), "localhost"),
        (lambda: socket.gethostbyname_ex("localhost"), "localhost"),
        (lambda: socket.gethostbyaddr("127.0.0.1"), "127.0.0.1"),
        (lambda: socket.getnameinfo(("127.0.0.1", 80), 0), "127.0.0.1:80"),
        (lambda: connect(("127.0.0.1", 9)), "127.0.0.1:9"),
        (lambda: socket.create_connection(("localhost", 9)), "localhost:9"),
        (lambda: send(("127.0.0.1", 9)), "127.0.0.1:9"),
    ],
    ids=[
        "getaddrinfo",
        "getaddrinfo by keywords",
        "gethostbyname",
        "gethostbyname_ex",
        "gethostbyaddr",
        "getnameinfo",
        "connect",
        "create_connection",
        "sendto",
    ],
)
def test_call_is_refused_and_told(ask, asked):
    """Whoever asks gets an `OSError`, as from a machine without a network."""
    with without_network() as tried, pytest.raises(OSError):  # noqa: PT011  # `tried` says that it was refused here
        ask()
    assert tried == [asked]


def test_refusal_says_who_refuses(wording):
    """Nobody looks for a fault of the machine's network."""
    with without_network(), pytest.raises(OSError) as refused:  # noqa: PT011  # the sentence is the snapshot's
        socket.gethostbyname("localhost")
    assert str(refused.value) == wording


def test_blocks_are_nested():
    """The inner one ends, and the outer one still holds; both end, and all is as it was."""
    before = calls()
    with without_network() as outer:
        with without_network() as inner, pytest.raises(OSError):  # noqa: PT011  # `inner` says that it was refused
            socket.gethostbyname("inner")
        with pytest.raises(OSError):  # noqa: PT011  # and `outer`
            connect(("outer", 1))
    assert (outer, inner) == (["outer:1"], ["inner"])
    assert calls() == before
    assert "connect" not in vars(socket.socket)


def test_what_others_replaced_is_there_again(monkeypatch):
    """A test may have put its own call in the class or the module before."""
    answers = {"connect": lambda self, address: "mine", "gethostbyname": lambda name: "mine too"}
    monkeypatch.setattr(socket.socket, "connect", answers["connect"])
    monkeypatch.setattr(socket, "gethostbyname", answers["gethostbyname"])
    with pytest.raises(ZeroDivisionError), without_network():
        raise ZeroDivisionError
    assert (socket.socket.connect, socket.gethostbyname) == tuple(answers.values())
