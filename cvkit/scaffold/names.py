"""The names of a new plugin: one word a person chose, and what everything is called after it."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, version
from importlib.util import find_spec

from ..errors import CvkitError
from ..host.discovery import discover
from ..host.entry_points import GROUP
from ..kinds import Kind

LONGEST = 28
"""Characters in a plugin's name, so that lines of the templates that hold it twice fit into 88 columns."""
_YAML_WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")


@dataclass(frozen=True)
class PluginName:
    """A plugin's names.

    Args:
        plugin: ``acme_net``, which is the name of its first component too.
        distribution: what pip installs, ``cvkit-acme-net``.
        package: what Python imports, ``cvkit_acme_net``.
    """

    plugin: str
    distribution: str
    package: str


def read_name(text: str) -> PluginName:
    """Return the names that ``acme-net``, ``cvkit-acme-net`` or ``cvkit_acme_net`` stands for.

    Case does not matter, and ``.``, ``-`` and ``_`` are one, as in the names of distributions (PEP 503). Raises
    `CvkitError` where the name cannot be a plugin's.
    """
    plugin = re.sub(r"[-_.]+", "_", text.lower()).removeprefix("cvkit_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", plugin):
        raise CvkitError(
            f"'{text}' cannot name a plugin: it takes letters a-z, digits and single hyphens, a letter first, as in "
            "acme-net"
        )
    if keyword.iskeyword(plugin):
        raise CvkitError(f"'{text}' cannot name a plugin: '{plugin}' is a keyword of Python")
    if plugin in _YAML_WORDS:
        raise CvkitError(f"'{text}' cannot name a plugin: in a recipe, YAML takes '{plugin}' for a value")
    if len(plugin) > LONGEST:
        raise CvkitError(f"'{text}' cannot name a plugin: it has {len(plugin)} characters, {LONGEST} are the most")
    return PluginName(plugin, f"cvkit-{plugin.replace('_', '-')}", f"cvkit_{plugin}")


def require_free(name: PluginName, kind: Kind) -> None:
    """Raise `CvkitError` where an installed plugin, distribution, package or component of `kind` has the name."""
    for entry_point in entry_points(group=GROUP):
        if entry_point.name == name.plugin:
            owner = f" by {entry_point.dist.name}" if entry_point.dist else ""
            raise CvkitError(f"a plugin named '{name.plugin}' is already installed{owner}; choose another name")
    require_component_free(name.plugin, kind)
    try:
        installed = version(name.distribution)
    except PackageNotFoundError:
        pass
    else:
        raise CvkitError(f"{name.distribution} {installed} is already installed; choose another name")
    if find_spec(name.package):
        raise CvkitError(f"a package named '{name.package}' is already installed; choose another name")


def require_component_free(component: str, kind: Kind, plugin: str = "") -> None:
    """Raise `CvkitError` where another plugin than `plugin` offers a component of that kind and name."""
    for entry in discover()[kind.name].entries():
        if entry.component.name == component and entry.origin.plugin != plugin:
            raise CvkitError(
                f"{kind.singular} '{entry.id}' is there already, and recipes could not tell '{component}' from it; "
                "choose another name"
            )
