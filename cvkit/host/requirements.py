"""Checks requirements, such as ``"timm>=1.0"``, against the installed distributions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

from .entry_points import canonical

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


def missing_requirements(requirements: Iterable[str], distribution: str = "") -> list[str]:
    """Return a sentence for each unmet requirement, with the installed version and the command to install it.

    If an extra of `distribution` includes the missing package, the command installs that extra. A requirement whose
    environment marker does not apply is met. Raises `ValueError` for text that is not a requirement (PEP 508).
    """
    return [sentence for text in requirements if (sentence := _unmet(text, distribution))]


def distribution_of(requirement: str) -> str:
    """Return the name at the beginning of a requirement, or the whole text if there is none."""
    found = _NAME.match(requirement.strip())
    return found.group() if found else requirement


def installed(requirements: Iterable[str]) -> dict[str, str]:
    """Return the installed versions of the required distributions, by name, without missing ones."""
    names = [distribution_of(text) for text in requirements]
    return {name: found for name in names if (found := _version(name))}


def _unmet(text: str, distribution: str) -> str:
    plain = _NAME.fullmatch(text.strip())
    wanted = None if plain else _parse(text)
    name = wanted.name if wanted else text.strip()
    if wanted and wanted.marker and not wanted.marker.evaluate({"extra": ""}):
        return ""
    if name == "python":
        raise ValueError(f"'{text}': a recipe or plugin cannot require Python, which is not a distribution")
    found = _version(name)
    if found and (wanted is None or wanted.specifier.contains(found, prereleases=True)):
        return ""
    shown = f"{wanted.name}{wanted.specifier}" if wanted else name
    extra = "" if found else _extra_with(name, distribution)
    command = f"pip install '{distribution}[{extra}]'" if extra else f"pip install '{shown}'"
    return f"{shown} is needed, and {f'{found} is' if found else 'it is not'} installed: {command}"


def _parse(text: str) -> Requirement:
    from packaging.requirements import InvalidRequirement, Requirement  # 25 ms, which a bare name does not need

    try:
        return Requirement(text)
    except InvalidRequirement:
        raise ValueError(f"'{text}' is not a requirement; write, for example, 'timm>=1.0'") from None


def _version(name: str) -> str:
    try:
        return version(name)
    except (PackageNotFoundError, ValueError):
        return ""


def _extra_with(name: str, distribution: str) -> str:
    """Return the smallest extra of `distribution` that includes the package `name`, or an empty string."""
    try:
        lines = requires(distribution) or ()
    except (PackageNotFoundError, ValueError):
        return ""
    extras: dict[str, list[str]] = {}
    for line in lines:
        if extra := _EXTRA.search(line):
            extras.setdefault(extra.group(1), []).append(canonical(distribution_of(line)))
    fitting = {extra: names for extra, names in extras.items() if canonical(name) in names}
    return min(fitting, key=lambda extra: len(fitting[extra]), default="")
