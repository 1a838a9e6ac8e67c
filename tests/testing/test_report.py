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

    def run(source: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(SUITE + dedent(source))
        return pytester.runpytest(*arguments)

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
    result.assert_outcomes(passed=14, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "*= cvkit contract =*",
            "*::TestSum: 13 of 15 passed, 2 skipped",
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
    result.assert_outcomes(passed=14, failed=1)
    result.stdout.fnmatch_lines(["*::TestSum: 14 of 15 passed, 1 failed"])
    result.stdout.fnmatch_lines(["E *contract: the loss of a batch is the mean*", "E *seen: * for the whole, and*"])


@pytest.mark.parametrize("reason", ["", "  "])
def test_skip_without_a_reason_fails_the_class(report, reason):
    """Leaving a check out silently is not possible."""
    result = report(f"""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
            skips = {{"batch_mean": "{reason}"}}
    """)
    result.assert_outcomes(errors=15)
    result.stdout.fnmatch_lines(["E *contract: every skip names a check*", "E *seen: no reason to skip 'batch_mean'"])


def test_skip_of_an_unknown_check_fails_the_class(report):
    """A misspelt skip would otherwise leave nothing out, and nobody would know."""
    result = report("""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
            skips = {"batch_meen": "it is a sum"}
    """)
    result.assert_outcomes(errors=15)
    result.stdout.fnmatch_lines(["E *seen: skips names 'batch_meen'", "E *Did you mean 'batch_mean'?"])


@pytest.mark.parametrize(
    "body", ["test_order = None", "def test_order(self): pass", "test_order = LossSuite.test_finite"]
)
def test_check_that_is_put_out_of_action_fails_the_class(report, body):
    """Nor is leaving a check out by overriding it, be it with nothing; `skips` asks for the reason."""
    result = report(f"""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
            {body}
    """)
    result.assert_outcomes(errors=14 if body.endswith("None") else 15)
    result.stdout.fnmatch_lines(["E *contract: a check is left out by `skips`, with its reason, and never replaced"])
    result.stdout.fnmatch_lines(["E *seen: TestSum.test_order stands in for cvkit's"])
    result.stdout.fnmatch_lines(["*::TestSum: 0 of 15 passed, 1? failed"])


def test_check_that_a_mixin_hides_fails_the_class(report):
    """Wherever in the class's bases the other method comes from."""
    result = report("""
        class Quick:
            def test_order(self):
                pass

        class TestSum(Quick, LossSuite):
            factory = staticmethod(Sum)
    """)
    result.assert_outcomes(errors=15)
    result.stdout.fnmatch_lines(["E *seen: Quick.test_order stands in for cvkit's"])


def test_parameters_of_a_class_keep_skips_and_have_a_line_each(report):
    """A test's name then ends in the parameter, which is no part of the check's."""
    result = report("""
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
            skips = {"batch_mean": "it is a sum, on purpose"}

            @pytest.fixture(params=["a::b", "c"], autouse=True)
            def some(self, request):
                pass
    """)
    result.assert_outcomes(passed=28, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "*::TestSum[[]a::b]: 14 of 15 passed, 1 skipped",
            "  skipped batch_mean: it is a sum, on purpose",
            "*::TestSum[[]c]: 14 of 15 passed, 1 skipped",
            "  skipped batch_mean: it is a sum, on purpose",
        ]
    )


@pytest.mark.parametrize(
    ("mark", "arguments", "line"),
    [
        ("xfail", [], "0 of 15 passed, 1 xfailed, 14 xpassed"),
        ("skip", [], "0 of 15 passed, 15 skipped"),
        ("usefixtures", ["-k", "order"], "1 of 15 passed"),
    ],
)
def test_report_counts_what_did_not_run(report, mark, arguments, line):
    """However checks are left out, the line says of how many."""
    source = f"""
        @pytest.mark.{mark}
        class TestSum(LossSuite):
            factory = staticmethod(Sum)
    """
    report(source, *arguments).stdout.fnmatch_lines([f"*::TestSum: {line}"])


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
    """).assert_outcomes(passed=15)
