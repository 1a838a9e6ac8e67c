"""One thread for small networks, and broken components held to their suites."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cvkit.testing import ContractBroken, Suite


@pytest.fixture(autouse=True)
def on_one_thread(one_thread: None) -> None:
    """Every test of the suites."""


@pytest.fixture
def seen() -> Callable[..., str]:
    """Hold a factory to one check of a suite, and return its failure: the contract, what was seen, what to do."""

    def hold(suite: type[Suite], check: str, factory: Callable[..., Any] | None = None, **attributes: Any) -> str:
        broken = type("Broken", (suite,), {"factory": factory and staticmethod(factory), **attributes})
        with pytest.raises(ContractBroken) as raised:
            getattr(broken(), f"test_{check}")()
        said = str(raised.value)
        assert len(said.splitlines()) in (2, 3)
        return said

    return hold
