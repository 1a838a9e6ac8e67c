"""The pytest plugin: skips of suites with their reasons, their section in the report, the `cvkit_host` fixture.

pytest loads this in every session of an environment that has cvkit, so it brings nothing beyond pytest but the
declarations of the `cvkit` package: no torch, no numpy, no plugin.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .host import Host
    from .suite import Suite

_SUITE, _CHECKS, _SKIP = "cvkit_suite", "cvkit_checks", "cvkit_skip"
_OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")


@pytest.fixture
def cvkit_host(tmp_path: Path) -> Host:
    """Return a host of cvkit's own plugins alone, for recipes to be run in a folder of the test's own."""
    from .host import Host  # torch loads here, for the tests that ask for it

    return Host(tmp_path)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Note of which suite a test is a check, a line of the report for each set of a class's parameters."""
    suite = _suite_of(item)
    if suite is not None and item.parent is not None:
        parameters = item.name.removeprefix(_function(item))
        item.user_properties += [(_SUITE, item.parent.nodeid + parameters), (_CHECKS, len(suite.checks()))]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the check that its suite leaves out; fail where what the suite leaves out is not in order."""
    suite = _suite_of(item)
    if suite is None:
        return
    suite.require_whole()
    check = _function(item).removeprefix("test_")
    if reason := suite.reason_to_skip(check):
        item.user_properties.append((_SKIP, f"{check}: {reason}"))
        pytest.skip(reason)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Give a suite the attributes that its class defines as fixtures, once they are set up."""
    contract = sys.modules.get("cvkit.testing.suite")
    if contract and isinstance(suite := getattr(item, "instance", None), contract.Suite):
        suite.take_fixtures(getattr(item, "funcargs", {}))


def _suite_of(item: pytest.Item) -> type[Suite] | None:
    """Return the suite that a test is a check of; whoever has one has loaded its module."""
    contract = sys.modules.get("cvkit.testing.suite")
    kind = getattr(item, "cls", None)
    if not (contract and kind and issubclass(kind, contract.Suite)):
        return None
    suite: type[Suite] = kind
    return suite if _function(item).removeprefix("test_") in suite.checks() else None


def _function(item: pytest.Item) -> str:
    """Return the name of a test's function, without the parameters."""
    return getattr(item, "originalname", None) or item.name


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many checks each suite passed, and which it leaves out for what reason."""
    counts: dict[str, Counter[str]] = {}
    checks: dict[str, int] = {}
    skips: dict[str, list[str]] = {}
    for outcome in _OUTCOMES:
        for report in terminalreporter.stats.get(outcome, []):
            properties = dict(getattr(report, "user_properties", ()))  # a file that does not import has none
            if suite := properties.get(_SUITE):
                checks[suite] = properties[_CHECKS]
                counts.setdefault(suite, Counter())[outcome.replace("error", "failed")] += 1
                if reason := properties.get(_SKIP):
                    skips.setdefault(suite, []).append(reason)
    if counts:
        terminalreporter.section("cvkit contract")
    for suite, count in sorted(counts.items()):
        others = [f"{count[outcome]} {outcome}" for outcome in _OUTCOMES[1:] if count[outcome]]
        terminalreporter.line(", ".join([f"{suite}: {count['passed']} of {checks[suite]} passed", *others]))
        for reason in sorted(skips.get(suite, [])):
            terminalreporter.line(f"  skipped {reason}")
