"""Suites under pytest: skips and their reasons, the section in the report, and what loading the plugin costs."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest

pytest_plugins = ["pytester"]

SUITE = """\
import pytest
from torch import nn
from cvkit.testing import LossSuite, ModelSuite

class Sum(nn.CrossEntropyLoss):
    def __init__(self, info):
        super().__init__(reduction="sum")
"""


@pytest.fixture
def report(pytester):
    """Run a test file that goes on from `SUITE` in a session of its own; return its result."""

    def run(source: str) -> pytest.RunResult:
        pytester.makepyfile(SUITE + dedent(source))
        return pytester.runpytest()

    return run


def test_report_lists_skipped_checks_with_their_reasons(report):
    """What a suite leaves out is there for a reader to see, beside what it passed and failed."""
    result = report("""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
            skips = {"batch_mean": "it is a sum, on purpose", "docstring": "short enough"}

            def test_of_its_own(self):
                pass
    """)
    result.assert_outcomes(passed=12, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "*= cvkit contract =*",
            "*::TestSum: 12 passed, 2 skipped",
            "  skipped batch_mean: it is a sum, on purpose",
            "  skipped docstring: short enough",
        ]
    )


def test_report_counts_what_failed(report):
    """A suite with a broken component says so in its line, and each failure says contract and what was seen."""
    result = report("""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
    """)
    result.assert_outcomes(passed=12, failed=1)
    result.stdout.fnmatch_lines(["*::TestSum: 12 passed, 1 failed"])
    result.stdout.fnmatch_lines(["E *contract: the loss of a batch is the mean*", "E *seen: * for the whole, and*"])


@pytest.mark.parametrize("reason", ["", "  "])
def test_skip_without_a_reason_fails_the_class(report, reason):
    """Leaving a check out silently is not possible."""
    result = report(f"""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
            skips = {{"batch_mean": "{reason}"}}
    """)
    result.assert_outcomes(errors=13)
    result.stdout.fnmatch_lines(["E *contract: every skip names a check*", "E *seen: no reason to skip 'batch_mean'"])


def test_skip_of_an_unknown_check_fails_the_class(report):
    """A misspelt skip would otherwise leave nothing out, and nobody would know."""
    result = report("""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
            skips = {"batch_meen": "it is a sum"}
    """)
    result.assert_outcomes(errors=13)
    result.stdout.fnmatch_lines(["E *seen: skips names 'batch_meen'", "E *Did you mean 'batch_mean'?"])


def test_section_is_there_only_where_a_suite_ran(report):
    """Sessions that have nothing to do with cvkit look as they always did."""
    result = report("def test_something(): pass")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*cvkit contract*")


def test_plugin_loads_no_more_than_pytest_does():
    """pytest loads the plugin in every session of the environment, so it must cost nothing."""
    script = "import pytest, sys, cvkit.testing.plugin, cvkit.testing; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "cvkit.testing.plugin" in loaded
    assert not {"torch", "numpy", "pydantic", "yaml", "torchvision", "matplotlib"}.intersection(loaded)
