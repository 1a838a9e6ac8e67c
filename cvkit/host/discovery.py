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
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from ..errors import NameTaken, PluginError, did_you_mean
from .catalog import Catalog, PluginStatus
from .component import Origin
from .entry_points import CORE, PluginEntryPoint, canonical, plugin_entry_points
from .installed_copy import InstalledCopy, other_copy
from .local import local_plugins
from .requirements import distribution_of, missing_requirements
from .validation import attribute, has_hooks, later_hooks

DISABLE = "CVKIT_DISABLE_PLUGINS"
"""The environment variable that names plugins to leave out, separated by commas."""
HEAVY_MODULES = ("numpy", "torch", "torchvision")


class _WrongVersion(PluginError):
    """The plugin was made for another cvkit."""


class _Unreadable(PluginError):
    """The plugin's files may not be read by this user."""


class _Hidden(PluginError):
    """Python would import another file in place of the plugin's own."""


def discover(
    disabled: Mapping[str, str] | Collection[str] = (),
    paths: Sequence[Path] = (),
    distributions: Collection[str] | None = None,
    environment: bool = True,
) -> Catalog:
    """Return the catalog of every plugin installed under the entry-point group ``cvkit``, and of those in `paths`.

    A plugin in `disabled`, or in the environment variable ``CVKIT_DISABLE_PLUGINS`` unless `environment` is false,
    is not imported; a mapping says who asked for that. With `distributions`, only theirs are looked at. An installed
    plugin that fails, in whatever way, is recorded and left out; a path that fails raises `PluginError`, as it was
    asked for. A path to an installed plugin's own package, or its project, stands in for it.
    """
    reasons = dict.fromkeys(disabled_by_environment() if environment else (), DISABLE)
    reasons.update(disabled if isinstance(disabled, Mapping) else dict.fromkeys(disabled, "the caller"))
    installed = [
        one
        for one in plugin_entry_points()
        if distributions is None or canonical(one.origin.distribution) in map(canonical, distributions)
    ]
    files = list(dict.fromkeys(file for path in paths for file in local_plugins(path)))
    catalog = Catalog()
    for file in files:
        same = [one for one in installed if one.entry_point.name == file.plugin]
        file.require_name_free(same)
        status = _load_into(catalog, file.origin, partial(file.load, before_installed=bool(same)), reasons)
        if status.failure:
            raise PluginError(f"plugin '{file.plugin}' in '{file.path}' does not work: {status.failure}")
        catalog.statuses.append(status)
    for one in installed:
        if not any(file.replaces(one) for file in files):
            copy = other_copy(one)
            origin = replace(one.origin, sources=str(copy.place)) if copy and copy.own else one.origin
            catalog.statuses.append(_load_into(catalog, origin, partial(_load, one, copy), reasons, one))
    return catalog


def disabled_by_environment() -> list[str]:
    """Return the plugins that the environment variable ``CVKIT_DISABLE_PLUGINS`` leaves out."""
    return [name for text in os.environ.get(DISABLE, "").split(",") if (name := text.strip())]


def unknown_disabled(catalog: Catalog, names: Iterable[str]) -> list[str]:
    """Return a sentence for each disabled name that looks like a misspelt plugin.

    A name like no other is of a plugin that is not installed here, and so as disabled as asked.
    """
    known = {status.origin.plugin for status in catalog.statuses}
    return [
        f"no plugin '{name}' is installed, so it cannot be disabled. {meant}"
        for name in names
        if name not in known and (meant := did_you_mean(name, known))
    ]


def _load_into(
    catalog: Catalog,
    origin: Origin,
    load: Callable[[], object],
    reasons: Mapping[str, str],
    installation: PluginEntryPoint | None = None,
) -> PluginStatus:
    """Load a plugin into the catalog, unless it is disabled or waits for a package, and say how that went."""
    if origin.plugin in reasons:
        return PluginStatus(origin, 0.0, disabled=reasons[origin.plugin])
    before = set(sys.modules)
    start = time.process_time()  # not the clock's, which a busy machine makes every plugin look slow by
    failure = remedy = trace = ""
    missing: list[str] = []
    plugin = None
    try:
        with redirect_stdout(sys.stderr):  # what a declaration prints must not get into a table, or into JSON
            plugin = load()
            missing = _missing(plugin, origin)
            if not missing:
                catalog.admit(origin, plugin)
    except KeyboardInterrupt:
        print(f"while loading plugin '{origin.plugin}' ({origin})", file=sys.stderr)  # noqa: T201  # it may be why
        raise
    except BaseException as error:  # a plugin may also call sys.exit; it must not take cvkit down with it
        text = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
        failure, remedy = " ".join(text.split()), _remedy(error, origin, installation)
        trace = traceback.format_exc()
    return PluginStatus(
        origin,
        time.process_time() - start,
        failure=failure,
        remedy=remedy,
        heavy=tuple(name for name in HEAVY_MODULES if name in sys.modules and name not in before),
        missing=tuple(missing),
        idle=not (failure or missing or has_hooks(plugin)),
        later=() if failure or missing else later_hooks(plugin),
        trace=trace,
    )


def _load(installation: PluginEntryPoint, copy: InstalledCopy | None) -> object:
    """Import an installed plugin, or the copy of it that comes first, after what can be told without importing."""
    module = installation.package
    for line in installation.requirements():
        if canonical(distribution_of(line)) == CORE and (complaint := _core_is_not(line)):
            raise _WrongVersion(complaint)
    if copy is not None and not copy.own:
        raise _Hidden(f"its module '{module}' is hidden by '{copy.place}', which is not the plugin's own")
    if closed := installation.closed_folder():
        raise _Unreadable(f"'{closed}' cannot be read by this user")
    return installation.entry_point.load()


@cache
def _core_is_not(requirement: str) -> str:
    """Return why this cvkit does not meet a requirement, or an empty string; most plugins ask for the same one."""
    return next((sentence.partition(": pip")[0] for sentence in missing_requirements([requirement])), "")


def _missing(plugin: object, origin: Origin) -> list[str]:
    """Return what a plugin waits for: the requirements in its ``cvkit_requires`` that are not installed."""
    requirements = attribute(plugin, "cvkit_requires", ())
    if isinstance(requirements, str) or not all(isinstance(text, str) for text in requirements):
        raise PluginError("cvkit_requires must be a tuple of requirements, such as ('timm>=1.0',)")
    return missing_requirements(requirements, origin.distribution)


def _remedy(error: BaseException, origin: Origin, installation: PluginEntryPoint | None) -> str:
    """Return what to do about a plugin that failed, in one sentence."""
    leave_out = f"leave it out with --no-plugin {origin.plugin}"
    match error:
        case _WrongVersion():
            return f"pip install --upgrade {origin.distribution} {CORE}, or {leave_out}"
        case _Hidden():
            return "rename that file, or start cvkit in another folder"
        case _Unreadable() | PermissionError():
            return f"ask whoever installed it to let others read it, as chmod -R a+rX does, or {leave_out}"
        case NameTaken():
            return "uninstall one of the two"
        case ModuleNotFoundError(name=str(name)) if installation and name == installation.package:
            return f"it is only half installed: pip install --force-reinstall {origin.distribution}"
        case ModuleNotFoundError(name=str(name)):
            return f"install what brings the module '{name.partition('.')[0]}', or {leave_out}"
    return f"upgrade it, tell its authors, or {leave_out}"
