"""Suites under pytest: skips and their reasons, the section in the report, and what loading the plugin costs."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

import pytest
from masked import without_numbers

from cvkit.testing import losses

pytest_plugins = ["pytester"]

CHECKS = sum(name.startswith("test_") for name in dir(losses.LossSuite))
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

    def run(source: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(SUITE + dedent(source))
        return pytester.runpytest(*arguments)

    return run


def section(result) -> list[str]:
    """Return cvkit's part of the report: its heading, without the line, and what stands below it."""
    lines = result.stdout.lines
    (start,) = [number for number, line in enumerate(lines) if line.startswith("=") and "cvkit" in line]
    (*_, end) = [number for number, line in enumerate(lines) if line.startswith("=")]
    end = next(number for number in range(start + 1, end + 1) if lines[number].startswith("="))
    return [lines[start].strip("= "), *filter(None, lines[start + 1 : end])]


def failures(result) -> list[str]:
    """Return what pytest shows of the errors but their type, each line once."""
    shown = [line[1:].strip().rpartition("ContractBroken: ")[2] for line in result.stdout.lines if line[:2] == "E "]
    return [without_numbers(line) for line in dict.fromkeys(shown)]


def test_report_lists_skipped_checks_with_their_reasons(report, wording):
    """What a suite leaves out is there for a reader to see, beside what it passed and failed."""
    result = report("""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
            skips = {"batch_mean": "it is a sum, on purpose", "docstring": "short enough"}

            def test_of_its_own(self):
                pass
    """)
    result.assert_outcomes(passed=CHECKS - 1, skipped=2)
    assert section(result) == wording


def test_report_counts_what_failed(report, wording):
    """A suite with a broken component says so in its line, and each failure says contract and what was seen."""
    result = report("""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
    """)
    result.assert_outcomes(passed=CHECKS - 1, failed=1)
    assert section(result) == wording(name="section")
    assert failures(result) == wording(name="failure")


@pytest.mark.parametrize("reason", ["", "  "], ids=["empty", "blank"])
def test_skip_without_a_reason_fails_the_class(report, reason, wording):
    """Leaving a check out silently is not possible."""
    result = report(f"""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
            skips = {{"batch_mean": "{reason}"}}
    """)
    result.assert_outcomes(errors=CHECKS)
    assert failures(result) == wording


def test_skip_of_an_unknown_check_fails_the_class(report, wording):
    """A misspelt skip would otherwise leave nothing out, and nobody would know."""
    result = report("""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
            skips = {"batch_meen": "it is a sum"}
    """)
    result.assert_outcomes(errors=CHECKS)
    assert any("'batch_meen'" in line for line in failures(result))
    assert failures(result) == wording


@pytest.mark.parametrize(
    "body",
    ["test_order = None", "def test_order(self): pass", "test_order = LossSuite.test_finite"],
    ids=["nothing", "another", "an easier one"],
)
def test_check_that_is_put_out_of_action_fails_the_class(report, body, wording):
    """Nor is leaving a check out by overriding it, be it with nothing; `skips` asks for the reason."""
    result = report(f"""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
            {body}
    """)
    result.assert_outcomes(errors=CHECKS - 1 if body.endswith("None") else CHECKS)
    assert any("TestSum.test_order" in line for line in failures(result))
    assert section(result) == wording


def test_check_that_a_mixin_hides_fails_the_class(report, wording):
    """Wherever in the class's bases the other method comes from."""
    result = report("""
        class Quick:
            def test_order(self):
                pass

        class TestSum(Quick, LossSuite):
            factory = staticmethod(Sum)
    """)
    result.assert_outcomes(errors=CHECKS)
    assert any("Quick.test_order" in line for line in failures(result))
    assert failures(result) == wording


def test_parameters_of_a_class_keep_skips_and_have_a_line_each(report, wording):
    """A test's name then ends in the parameter, which is no part of the check's."""
    result = report("""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
            skips = {"batch_mean": "it is a sum, on purpose"}

            @pytest.fixture(params=["a::b", "c"], autouse=True)
            def some(self, request):
                pass
    """)
    result.assert_outcomes(passed=2 * (CHECKS - 1), skipped=2)
    assert section(result) == wording


@pytest.mark.parametrize(
    ("mark", "arguments", "outcomes"),
    [
        ("xfail", [], {"xfailed": 1, "xpassed": CHECKS - 1}),
        ("skip", [], {"skipped": CHECKS}),
        ("usefixtures", ["-k", "order"], {"passed": 1, "deselected": CHECKS - 1}),
    ],
    ids=["xfail", "skip", "-k"],
)
def test_report_counts_what_did_not_run(report, mark, arguments, outcomes, wording):
    """However checks are left out, the line says of how many."""
    source = f"""
        @pytest.mark.{mark}
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
    """
    result = report(source, *arguments)
    result.assert_outcomes(**outcomes)
    assert section(result) == wording


def test_section_is_there_only_where_a_suite_ran(report):
    """Sessions that have nothing to do with cvkit look as they always did."""
    result = report("def test_something(): pass")
    result.assert_outcomes(passed=1)
    assert not [line for line in result.stdout.lines if line.startswith("=") and "cvkit" in line]


def test_plugin_loads_no_more_than_pytest_does():
    """pytest loads the plugin in every session of the environment, so it must cost nothing."""
    script = "import pytest, sys, cvkit.testing.plugin, cvkit.testing; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "cvkit.testing.plugin" in loaded
    assert not {"torch", "numpy", "pydantic", "yaml", "torchvision", "matplotlib"}.intersection(loaded)


def test_file_that_does_not_import_is_reported_as_pytest_does(pytester):
    """Sessions that have nothing to do with cvkit load the plugin too."""
    pytester.makepyfile("import nothing_of_that_name")
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    assert "INTERNALERROR" not in result.stdout.str()
    assert "Traceback (most recent call last)" not in result.stderr.str()


def test_factory_may_be_a_plain_function(report):
    """Who forgets the ``staticmethod`` is not told about a self they never wrote."""
    report("""
        def total(info):
            "Return a loss."
            return nn.CrossEntropyLoss()

        class TestTotal(LossSuite):
            factory = total
    """).assert_outcomes(passed=CHECKS)
