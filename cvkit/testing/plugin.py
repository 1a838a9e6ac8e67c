"""The pytest plugin: skips checks with their reasons, summarizes each suite, and provides the `cvkit_host` fixture.

pytest loads this module in every session of an environment that contains cvkit. So it imports nothing but pytest and
light parts of cvkit: no torch, no numpy and no plugins.
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
    """Return a host with only cvkit's own plugins, which runs recipes in the test's temporary folder."""
    from .host import Host  # this loads torch, but only for tests that use the fixture

    return Host(tmp_path)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Record the suite of each check. In the summary, every parameter set of a class has its own line."""
    suite = _suite_of(item)
    if suite is not None and item.parent is not None:
        parameters = item.name.removeprefix(_function(item))
        item.user_properties += [(_SUITE, item.parent.nodeid + parameters), (_CHECKS, len(suite.checks()))]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a check if its suite lists it in `skips`; fail if the suite's skips are not valid."""
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
    """Set the attributes of a suite that its class defines as fixtures, after pytest has set these up."""
    contract = sys.modules.get("cvkit.testing.suite")
    if contract and isinstance(suite := getattr(item, "instance", None), contract.Suite):
        suite.take_fixtures(getattr(item, "funcargs", {}))


def _suite_of(item: pytest.Item) -> type[Suite] | None:
    """Return the suite that a test belongs to, or None. The module of the suites is loaded if there is one."""
    contract = sys.modules.get("cvkit.testing.suite")
    kind = getattr(item, "cls", None)
    if not (contract and kind and issubclass(kind, contract.Suite)):
        return None
    suite: type[Suite] = kind
    return suite if _function(item).removeprefix("test_") in suite.checks() else None


def _function(item: pytest.Item) -> str:
    """Return the name of a test's function without the parameters."""
    return getattr(item, "originalname", None) or item.name


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many checks of each suite passed, and which were skipped for what reason."""
    counts: dict[str, Counter[str]] = {}
    checks: dict[str, int] = {}
    skips: dict[str, list[str]] = {}
    for outcome in _OUTCOMES:
        for report in terminalreporter.stats.get(outcome, []):
            properties = dict(getattr(report, "user_properties", ()))  # reports of failed imports have no properties
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
