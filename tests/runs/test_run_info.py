"""What run.json records of the parts of a run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cvkit import KINDS, Component, ComponentFailure, Origin
from cvkit.host.registry import Entry
from cvkit.runs.run_info import fixed_weights

ENTRY = Entry(KINDS["losses"], Component("taught", "acme:taught"), Origin("acme", "acme-losses", "1.0"))


def parts(**attributes: object) -> SimpleNamespace:
    """Parts of a run with a loss that has these attributes."""
    return SimpleNamespace(
        loss=SimpleNamespace(**attributes), recipe=SimpleNamespace(loss=SimpleNamespace(entry=ENTRY))
    )


def test_fixed_weights_of_a_loss_are_names_and_digests():
    """Most losses have none."""
    assert fixed_weights(parts()) == {}
    assert fixed_weights(parts(fixed_weights={"teacher": "ab"})) == {"teacher": "ab"}


@pytest.mark.parametrize("wrong", ["abc", 5, {"a": 3}, [("a", "b")]])
def test_fixed_weights_of_another_form_are_an_error_of_the_loss(wrong, wording):
    """Found when the run begins, not when its run.json is read again."""
    with pytest.raises(ComponentFailure) as error:
        fixed_weights(parts(fixed_weights=wrong))
    assert str(error.value) == wording
