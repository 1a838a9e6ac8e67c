"""What a wheel of cvkit holds, as the tool that builds it says."""

from __future__ import annotations

from pathlib import Path

import pytest

import cvkit

ROOT = Path(cvkit.__file__).parents[1]


def test_wheel_holds_every_file_of_cvkit():
    """Among them py.typed, without which type checkers take nothing of cvkit's types, and the templates."""
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed; it is in 'test'")
    there = {file.distribution_path for file in wheel.WheelBuilder(str(ROOT)).recurse_included_files()}
    files = [path for path in (ROOT / "cvkit").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {path.relative_to(ROOT).as_posix() for path in files} <= there
    assert "cvkit/py.typed" in there
    assert "cvkit_torch/__init__.py" in there
