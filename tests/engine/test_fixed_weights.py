"""The weights that a loss uses without training them, which run.json records."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cvkit import KINDS, Component, ComponentFailure, Origin
from cvkit.engine.fixed_weights import fixed_weights
from cvkit.host.registry import Entry

ENTRY = Entry(KINDS["losses"], Component("taught", "acme:taught"), Origin("acme", "acme-losses", "1.0"))


def test_fixed_weights_of_a_loss_are_names_and_digests():
    """Most losses have none."""
    assert fixed_weights(ENTRY, SimpleNamespace()) == {}
    assert fixed_weights(ENTRY, SimpleNamespace(fixed_weights={"teacher": "ab"})) == {"teacher": "ab"}


@pytest.mark.parametrize("wrong", ["abc", 5, {"a": 3}, [("a", "b")]])
def test_fixed_weights_of_another_form_are_an_error_of_the_loss(wrong, wording):
    """Found before the run, not when its run.json is read again."""
    with pytest.raises(ComponentFailure) as error:
        fixed_weights(ENTRY, SimpleNamespace(fixed_weights=wrong))
    assert str(error.value) == wording
