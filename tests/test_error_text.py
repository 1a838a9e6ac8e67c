"""The error of a component is one line, with the position in its author's code."""

from __future__ import annotations

import re
from types import ModuleType

import pytest
import torch

from cvkit.error_text import cause

CODE = """
import torch

def adds(size):
    return torch.zeros(3) + torch.zeros(size)

def calls(function):
    return function()
"""


@pytest.fixture
def module(tmp_path):
    """A stranger's module, with a file."""
    file = tmp_path / "acme_parts.py"
    file.write_text(CODE)
    made = ModuleType("acme_parts")
    exec(compile(CODE, str(file), "exec"), made.__dict__)
    return made


def fails():
    raise LookupError("no class")


def raised(call, *given) -> BaseException:
    try:
        call(*given)
    except Exception as error:
        return error
    pytest.fail("nothing was raised")


def test_cause_names_the_line_of_the_components_own_package(module, wording):
    """Neither torch's, where the error is raised, nor that of whoever was called back."""
    torchs = raised(module.adds, 4)
    assert cause(torchs).replace(str(torchs), "<torch's words>") == wording(name="raised within torch")
    error = raised(module.calls, fails)
    assert cause(error, "acme_parts") == wording(name="raised by what was called back")
    assert _places(cause(torchs)) == [(module.adds.__code__.co_filename, 5)]
    assert _places(cause(error, "acme_parts")) == [(module.adds.__code__.co_filename, 8)]
    assert _places(cause(error)) == [(__file__, fails.__code__.co_firstlineno + 1)]


def _places(told: str) -> list[tuple[str, int]]:
    """The files of Python that a text names, and the first number after each."""
    return [(file, int(line)) for file, line in re.findall(r"(/[^ ,:()']+\.py)\D+(\d+)", told)]


def test_cause_is_one_line_of_bounded_length():
    """Libraries print whole tensors, over many lines; an error without a message is its type."""
    told = cause(ValueError("row\n  of\nnumbers " + "7 " * 10_000))
    assert told.startswith("ValueError: row of numbers 7 7")
    assert len(told) < 600
    assert cause(RuntimeError()) == "RuntimeError"


def test_number_that_is_too_large_is_said_to_be(wording):
    """Torch says that a value cannot be converted, and not what to do."""
    said = set()
    for call in (lambda: 1e308**2, lambda: torch.zeros(3).add_(torch.ones(3), alpha=1e308)):
        error = raised(call)
        told = cause(error).removeprefix(f"{type(error).__name__}: {error}")
        said.add(re.sub(r"\d+", "<line>", told.replace(__file__, "<file>")))
    assert said == wording
