"""Addresses of the server: which ones other machines can reach, and those that cannot be used."""

from __future__ import annotations

import pytest

from cvkit import RunError
from cvkit.serving.server import bind, hosts_for, is_loopback


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.0.0.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_addresses_of_this_machine_are_known(host, local):
    """Others are served to everybody, which the command says."""
    assert is_loopback(host) is local
    assert ("*" in hosts_for(host)) is not local
    assert not local or (f"[{host}]" if ":" in host else host) in hosts_for(host)


def test_address_in_use_is_an_error_before_the_model_is_loaded():
    """With the option that chooses another."""
    with bind("127.0.0.1", 0) as taken, pytest.raises(RunError, match="--port"):
        bind("127.0.0.1", taken.getsockname()[1])


def test_address_of_another_machine_is_an_error():
    """As a typing mistake gives it."""
    with pytest.raises(RunError, match="--host"):
        bind("192.0.2.1", 8000)
