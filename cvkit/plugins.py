"""Guarded discovery: installed entry points, and files named on the command line -> a `Catalog`.

pluggy's own ``load_setuptools_entrypoints`` stops at the first plugin that fails, silently skips a second
distribution with the same plugin name, and leaves a plugin half-registered when ``register`` fails; so the
loop is written here, and each plugin succeeds or fails alone and whole.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import Distribution, EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from .catalog import Catalog, PluginStatus
from .component import Origin
from .errors import PluginError, did_you_mean
from .plugin_file import load_file
from .requirements import unmet

GROUP = "cvkit"
CORE = "cvkit-core"
DISABLE = "CVKIT_DISABLE_PLUGINS"
"""The environment variable that names plugins to leave out, separated by commas."""
HEAVY_MODULES = ("numpy", "torch", "torchvision")


def discover(
    disabled: Mapping[str, str] | Collection[str] = (),
    paths: Sequence[Path] = (),
    distributions: Collection[str] | None = None,
) -> Catalog:
    """Return the catalog of every plugin installed under the entry-point group ``cvkit``, and of those in `paths`.

    A plugin in `disabled`, or in the environment variable ``CVKIT_DISABLE_PLUGINS``, is not imported; a mapping
    says who asked for that. With `distributions`, only theirs are looked at. An installed plugin that fails, in
    whatever way, is recorded and left out; a path that fails raises `PluginError`, as it was asked for.
    """
    reasons = dict.fromkeys(disabled_by_environment(), DISABLE)
    reasons.update(disabled if isinstance(disabled, Mapping) else dict.fromkeys(disabled, "the caller"))
    catalog = Catalog()
    for path in paths:
        catalog.statuses.append(_load_path(catalog, path))
    installed = [(_origin(entry_point), entry_point) for entry_point in entry_points(group=GROUP)]
    for origin, entry_point in sorted(installed, key=lambda pair: (pair[0].plugin, pair[0].distribution)):
        if distributions is not None and origin.distribution not in distributions:
            continue
        if origin.plugin in reasons:
            catalog.statuses.append(PluginStatus(origin, 0.0, disabled=reasons[origin.plugin]))
        else:
            catalog.statuses.append(_load_guarded(catalog, origin, entry_point))
    return catalog


def disabled_by_environment() -> list[str]:
    """Return the plugins that the environment variable ``CVKIT_DISABLE_PLUGINS`` leaves out."""
    return [name for text in os.environ.get(DISABLE, "").split(",") if (name := text.strip())]


def unknown_disabled(catalog: Catalog, names: Collection[str]) -> list[str]:
    """Return a sentence for each disabled name that looks like a misspelt plugin.

    A name like no other is of a plugin that is not installed here, and so as disabled as asked.
    """
    known = {status.origin.plugin for status in catalog.statuses}
    return [
        f"no plugin '{name}' is installed, so it cannot be disabled. {meant}"
        for name in names
        if name not in known and (meant := did_you_mean(name, known))
    ]


def _load_path(catalog: Catalog, path: Path) -> PluginStatus:
    start = time.perf_counter()
    origin, module = load_file(path)
    try:
        catalog.admit(origin, module)
    except Exception as error:
        raise PluginError(f"plugin '{origin.plugin}' in '{path}' does not work: {_one_line(error)}") from error
    return PluginStatus(origin, time.perf_counter() - start)


def _load_guarded(catalog: Catalog, origin: Origin, entry_point: EntryPoint) -> PluginStatus:
    before = set(sys.modules)
    start = time.perf_counter()
    failure = remedy = trace = ""
    missing: list[str] = []
    try:
        _require_compatible(entry_point)
        _require_unhidden(entry_point)
        plugin = entry_point.load()
        missing = _missing(plugin, origin)
        if not missing:
            catalog.admit(origin, plugin)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may also call sys.exit; it must not take cvkit down with it
        failure, remedy = _one_line(error), _remedy(error, origin, entry_point)
        trace = traceback.format_exc()
    return PluginStatus(
        origin,
        time.perf_counter() - start,
        failure=failure,
        remedy=remedy,
        heavy=tuple(name for name in HEAVY_MODULES if name in sys.modules and name not in before),
        missing=tuple(missing),
        trace=trace,
    )


class _WrongVersion(PluginError):
    """The plugin was made for another cvkit."""


class _Hidden(PluginError):
    """Another file stands before the plugin's own."""


def _require_compatible(entry_point: EntryPoint) -> None:
    """Raise `_WrongVersion` unless the cvkit that the plugin's distribution asks for is the one here."""
    try:
        needs = entry_point.dist.requires or ()  # type: ignore[union-attr]  # None is caught below
    except (AttributeError, LookupError, TypeError, OSError):
        return
    for line in needs:
        if line.startswith(CORE) and "extra" not in line and (sentences := unmet([line])):
            raise _WrongVersion(sentences[0].partition(": pip")[0])


def _require_unhidden(entry_point: EntryPoint) -> None:
    """Raise `_Hidden` where the module that would be imported is not the one the distribution installed."""
    top = entry_point.module.partition(".")[0]
    spec = find_spec(top)
    if spec is None or spec.origin is None or not isinstance(entry_point.dist, Distribution):
        return
    for own in (f"{top}/__init__.py", f"{top}.py"):
        path = Path(str(entry_point.dist.locate_file(own)))
        if path.exists() and not path.samefile(spec.origin):
            raise _Hidden(f"its module '{top}' is hidden by '{spec.origin}'")


def _missing(plugin: object, origin: Origin) -> list[str]:
    """Return what a plugin waits for: the requirements in its ``cvkit_requires`` that are not installed."""
    requirements = getattr(plugin, "cvkit_requires", ())
    if isinstance(requirements, str) or not all(isinstance(text, str) for text in requirements):
        raise PluginError("cvkit_requires must be a tuple of requirements, such as ('timm>=1.0',)")
    return unmet(requirements, origin.distribution)


def _remedy(error: BaseException, origin: Origin, entry_point: EntryPoint) -> str:
    """Return what to do about a plugin that failed, in one sentence."""
    leave_out = f"leave it out with --no-plugin {origin.plugin}"
    match error:
        case _WrongVersion():
            return f"pip install --upgrade {origin.distribution} {CORE}, or {leave_out}"
        case _Hidden():
            return "rename that file, or start cvkit in another folder"
        case ModuleNotFoundError(name=str(name)) if name == entry_point.module.partition(".")[0]:
            return f"it is only half installed: pip install --force-reinstall {origin.distribution}"
        case ModuleNotFoundError(name=str(name)):
            top = name.partition(".")[0]
            return f"install what brings the module '{top}', or {leave_out}"
        case PluginError() if "another distribution" in str(error):
            return "uninstall one of the two"
    return f"upgrade it, tell its authors, or {leave_out}"


def _one_line(error: BaseException) -> str:
    text = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def _origin(entry_point: EntryPoint) -> Origin:
    try:
        # Once for both, as each reading parses the file.
        metadata = entry_point.dist.metadata  # type: ignore[union-attr]  # None is caught below
        return Origin(entry_point.name, metadata["Name"] or "unknown", metadata["Version"] or "unknown")
    except (AttributeError, LookupError, TypeError, OSError):  # half uninstalled; what it declares may still work
        return Origin(entry_point.name, "unknown", "unknown")
