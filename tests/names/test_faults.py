"""What a component raised is told in one line, with the place its author looks at first."""

from __future__ import annotations

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


def test_cause_names_the_line_of_the_components_own_package(module):
    """Neither torch's, where the error is raised, nor that of whoever was called back."""
    assert cause(raised(module.adds, 4)).endswith(f"{module.adds.__code__.co_filename}, line 5)")
    error = raised(module.calls, fails)
    assert cause(error, "acme_parts").endswith("acme_parts.py, line 8)")
    assert cause(error).endswith(f"test_faults.py, line {fails.__code__.co_firstlineno + 1})")


def test_cause_is_one_line_of_bounded_length():
    """Libraries print whole tensors, over many lines; an error without a message is its type."""
    told = cause(ValueError("row\n  of\nnumbers " + "7 " * 10_000))
    assert told.startswith("ValueError: row of numbers 7 7")
    assert len(told) < 600
    assert cause(RuntimeError()) == "RuntimeError"


def test_number_that_is_too_large_is_said_to_be():
    """Torch says that a value cannot be converted, and not what to do."""
    assert "too large" in cause(raised(lambda: 1e308**2))
    assert "too large" in cause(raised(lambda: torch.zeros(3).add_(torch.ones(3), alpha=1e308)))
