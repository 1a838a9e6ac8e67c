"""JSON that a stranger may have written is read strictly, and without taking long."""

from __future__ import annotations

import json
import math
import os
import re

import pytest

from cvkit.files.strict_json import json_line, read_json


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', "'a'"),
        (b'{"a": NaN}', "NaN"),
        (b"[" * 100_000, r"."),
    ],
    ids=["key that is said twice", "no number", "nested too deeply"],
)
def test_what_is_no_strict_json_is_refused(content, named, wording):
    """With what is wrong."""
    with pytest.raises(ValueError, match=named) as caught:
        read_json(content)
    assert str(caught.value) == wording


@pytest.mark.parametrize("content", [b"\xff", b"{"])
def test_what_is_no_json_at_all_is_refused_in_pythons_words(content):
    """With what is wrong."""
    with pytest.raises(ValueError, match=r".") as python:
        json.loads(content)
    with pytest.raises(ValueError, match=re.escape(str(python.value))):
        read_json(content)


def test_key_that_is_said_twice_among_many_is_found_in_one_pass():
    """A pass for each key would take hours for a file of the largest size that is read."""
    keys = [f"key-{number}" for number in range(200_000)]
    content = json.dumps(dict.fromkeys(keys)).encode()[:-1] + b', "key-199999": 1}'
    with pytest.raises(ValueError, match="'key-199999'"):
        read_json(content)


def test_written_json_is_read_again_by_every_reader():
    """Numbers that JSON does not have are null, and a name that is not Unicode stays the same name."""
    values = {"name": os.fsdecode(b"caf\xe9"), "numbers": (1.5, math.nan, math.inf), "word": "é"}
    content = json_line(values)
    assert content.endswith(b"\n")
    assert read_json(content) == {"name": "caf\udce9", "numbers": [1.5, None, None], "word": "é"}
