"""JSON that a stranger may have written is read strictly, and without taking long."""

from __future__ import annotations

import json

import pytest

from cvkit.files.strict_json import read_json


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', "'a' twice"),
        (b'{"a": NaN}', "NaN is no number"),
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff", "utf-8"),
        (b"{", "Expecting property name"),
    ],
)
def test_what_is_no_strict_json_is_refused(content, told):
    """With what is wrong."""
    with pytest.raises(ValueError, match=told):
        read_json(content)


def test_key_that_is_said_twice_among_many_is_found_in_one_pass():
    """A pass for each key would take hours for a file of the largest size that is read."""
    keys = [f"key-{number}" for number in range(200_000)]
    content = json.dumps(dict.fromkeys(keys)).encode()[:-1] + b', "key-199999": 1}'
    with pytest.raises(ValueError, match="'key-199999' twice"):
        read_json(content)
