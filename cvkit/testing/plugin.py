"""The pytest plugin: skips of suites with their reasons, their section in the report, the `cvkit_host` fixture.

pytest loads this in every session of an environment that has cvkit, so it imports nothing beyond pytest itself.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .contract import Suite
    from .host import Host

_SUITE, _SKIP = "cvkit_suite", "cvkit_skip"


@pytest.fixture
def cvkit_host(tmp_path: Path) -> Host:
    """Return a host of cvkit's own plugins alone, for recipes to be run in a folder of the test's own."""
    from .host import Host  # torch loads here, for the tests that ask for it

    return Host(tmp_path)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the check that its suite leaves out; fail where the suite's `skips` are not in order."""
    suite = _suite_of(item)
    check = item.name.removeprefix("test_")
    if suite is None or check not in suite.checks():
        return
    item.user_properties.append((_SUITE, item.nodeid.rpartition("::")[0]))
    if reason := suite.reason_to_skip(check):
        item.user_properties.append((_SKIP, f"{check}: {reason}"))
        pytest.skip(reason)


def _suite_of(item: pytest.Item) -> type[Suite] | None:
    """Return the suite that a test is a check of; whoever has one has loaded its module."""
    contract = sys.modules.get("cvkit.testing.contract")
    kind = getattr(item, "cls", None)
    return kind if contract and kind and issubclass(kind, contract.Suite) else None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many checks each suite passed, and which it leaves out for what reason."""
    counts: dict[str, Counter[str]] = {}
    skips: dict[str, list[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            properties = dict(report.user_properties)
            if suite := properties.get(_SUITE):
                counts.setdefault(suite, Counter())[outcome.replace("error", "failed")] += 1
                if reason := properties.get(_SKIP):
                    skips.setdefault(suite, []).append(reason)
    if counts:
        terminalreporter.section("cvkit contract")
    for suite, count in sorted(counts.items()):
        said = ", ".join(
            f"{count[outcome]} {outcome}" for outcome in ("passed", "failed", "skipped") if count[outcome]
        )
        terminalreporter.line(f"{suite}: {said}")
        for reason in sorted(skips.get(suite, [])):
            terminalreporter.line(f"  skipped {reason}")
