"""Derives the names of a new plugin, its distribution and its package from one chosen name."""

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
"""Largest length of a plugin's name, so that template lines that contain it twice fit into 88 columns."""
_YAML_WORDS = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")


@dataclass(frozen=True)
class PluginName:
    """The names of a plugin.

    Attributes:
        plugin: The plugin and its first component, such as ``acme_net``.
        distribution: The distribution that pip installs, such as ``cvkit-acme-net``.
        package: The package that Python imports, such as ``cvkit_acme_net``.
    """

    plugin: str
    distribution: str
    package: str


def read_name(text: str) -> PluginName:
    """Return the names for ``acme-net``, ``cvkit-acme-net`` or ``cvkit_acme_net``.

    Case is ignored, and ``.``, ``-`` and ``_`` are equivalent, as in the names of distributions (PEP 503). Raises
    `CvkitError` if the name is not valid for a plugin.
    """
    plugin = re.sub(r"[-_.]+", "_", text.lower()).removeprefix("cvkit_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", plugin):
        raise CvkitError(
            f"'{text}' is not a valid plugin name: use letters a-z, digits and single hyphens, beginning with a "
            "letter, as in acme-net"
        )
    if keyword.iskeyword(plugin):
        raise CvkitError(f"'{text}' is not a valid plugin name: '{plugin}' is a Python keyword")
    if plugin in _YAML_WORDS:
        raise CvkitError(f"'{text}' is not a valid plugin name: '{plugin}' has a special meaning in YAML recipes")
    if len(plugin) > LONGEST:
        raise CvkitError(
            f"'{text}' is not a valid plugin name: it has {len(plugin)} characters, but at most {LONGEST} are allowed"
        )
    return PluginName(plugin, f"cvkit-{plugin.replace('_', '-')}", f"cvkit_{plugin}")


def require_free(name: PluginName, kind: Kind) -> None:
    """Raise `CvkitError` if an installed plugin, distribution, package or component of `kind` has the name."""
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
    """Raise `CvkitError` if a plugin other than `plugin` provides a component with that kind and name."""
    for entry in discover()[kind.name].entries():
        if entry.component.name == component and entry.origin.plugin != plugin:
            raise CvkitError(
                f"{kind.singular} '{entry.id}' already exists, so '{component}' would be ambiguous in recipes; "
                "choose another name"
            )
