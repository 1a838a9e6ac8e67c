"""Discovers plugins from installed entry points and from paths on the command line.

pluggy's ``load_setuptools_entrypoints`` is not used, because it stops at the first plugin that fails, silently skips
a second distribution with the same plugin name, and leaves a plugin half registered if ``register`` fails. Here each
plugin is loaded separately, and either all of it is registered or nothing.
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
from .validation import attribute, has_hooks, unsupported_hooks

DISABLE = "CVKIT_DISABLE_PLUGINS"
"""The environment variable with the names of plugins to disable, separated by commas."""
HEAVY_MODULES = ("numpy", "torch", "torchvision")


class _WrongVersion(PluginError):
    """The plugin requires another version of cvkit."""


class _Unreadable(PluginError):
    """The user has no permission to read the files of the plugin."""


class _Hidden(PluginError):
    """Python would import another file instead of the plugin."""


def discover(
    disabled: Mapping[str, str] | Collection[str] = (),
    paths: Sequence[Path] = (),
    distributions: Collection[str] | None = None,
    environment: bool = True,
) -> Catalog:
    """Return the catalog of the installed plugins, and of those in `paths`.

    Installed plugins are found by the entry-point group ``cvkit``. If an installed plugin fails, the catalog records
    the failure and the others are loaded.

    Args:
        disabled: Names of plugins that are not imported. A mapping also gives what disables each of them, for
            messages.
        paths: Files, package folders or project folders of more plugins. A path to the code of an installed plugin
            replaces that plugin.
        distributions: Only load installed plugins of these distributions. Default: all.
        environment: Also disable the plugins in the environment variable ``CVKIT_DISABLE_PLUGINS``.

    Returns:
        The catalog of components, with the status of each plugin.

    Raises:
        PluginError: A plugin in `paths` does not work.
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
    """Return the plugins that the environment variable ``CVKIT_DISABLE_PLUGINS`` disables."""
    return [name for text in os.environ.get(DISABLE, "").split(",") if (name := text.strip())]


def unknown_disabled(catalog: Catalog, names: Iterable[str]) -> list[str]:
    """Return a sentence for each disabled name that looks like a misspelt plugin.

    A name that resembles no installed plugin is not reported: that plugin is not installed.
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
    """Load a plugin into the catalog, unless it is disabled or lacks a required package; return its status."""
    if origin.plugin in reasons:
        return PluginStatus(origin, 0.0, disabled=reasons[origin.plugin])
    before = set(sys.modules)
    start = time.process_time()  # CPU time: on a busy machine, wall-clock time would make every plugin look slow
    failure = remedy = trace = ""
    missing: list[str] = []
    plugin = None
    try:
        with redirect_stdout(sys.stderr):  # keep output of the plugin out of tables and JSON
            plugin = load()
            missing = _missing(plugin, origin)
            if not missing:
                catalog.admit(origin, plugin)
    except KeyboardInterrupt:
        print(f"while loading plugin '{origin.plugin}' ({origin})", file=sys.stderr)  # noqa: T201  # may explain the interrupt
        raise
    except BaseException as error:  # includes SystemExit: a plugin must not end cvkit
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
        unsupported_hooks=() if failure or missing else unsupported_hooks(plugin),
        trace=trace,
    )


def _load(installation: PluginEntryPoint, copy: InstalledCopy | None) -> object:
    """Import an installed plugin, after the checks that need no import."""
    module = installation.package
    for line in installation.requirements:
        if canonical(distribution_of(line)) == CORE and (complaint := _core_is_not(line)):
            raise _WrongVersion(complaint)
    if copy is not None and not copy.own:
        raise _Hidden(f"its module '{module}' is hidden by '{copy.place}', which does not belong to the plugin")
    if closed := installation.closed_folder():
        raise _Unreadable(f"this user has no permission to read '{closed}'")
    return installation.entry_point.load()


@cache
def _core_is_not(requirement: str) -> str:
    """Return why this cvkit does not meet a requirement, or an empty string. Most plugins have the same one."""
    return next((sentence.partition(": pip")[0] for sentence in missing_requirements([requirement])), "")


def _missing(plugin: object, origin: Origin) -> list[str]:
    """Return a sentence for each requirement in the plugin's ``cvkit_requires`` that is not installed."""
    requirements = attribute(plugin, "cvkit_requires", ())
    if isinstance(requirements, str) or not all(isinstance(text, str) for text in requirements):
        raise PluginError("cvkit_requires must be a tuple of requirements, such as ('timm>=1.0',)")
    return missing_requirements(requirements, origin.distribution)


def _remedy(error: BaseException, origin: Origin, installation: PluginEntryPoint | None) -> str:
    """Return what to do about a plugin that failed, in one sentence."""
    leave_out = f"disable it with CVKIT_DISABLE_PLUGINS={origin.plugin}"
    match error:
        case _WrongVersion():
            return f"pip install --upgrade {origin.distribution} {CORE}, or {leave_out}"
        case _Hidden():
            return "rename that file, or start cvkit in another folder"
        case _Unreadable() | PermissionError():
            return f"ask its owner for read permission, as chmod -R a+rX gives, or {leave_out}"
        case NameTaken():
            return "uninstall one of the two"
        case ModuleNotFoundError(name=str(name)) if installation and name == installation.package:
            return f"its installation is incomplete: pip install --force-reinstall {origin.distribution}"
        case ModuleNotFoundError(name=str(name)):
            return f"install the package that provides the module '{name.partition('.')[0]}', or {leave_out}"
    return f"upgrade it, report the problem to its authors, or {leave_out}"
