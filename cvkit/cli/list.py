"""``cvkit list``: list the components with their kind, plugin and version."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click

from ..errors import CvkitError, PluginError, UnknownComponent, did_you_mean
from ..host.catalog import Catalog
from ..host.registry import Entry
from ..kinds import KINDS, Kind
from ..signatures.lookup import find
from ..signatures.signature import split_target
from .completing import kind_names
from .loading import load_catalog, warn
from .options import PluginChoice, plugin_options
from .plugin_status import no_components, plugin_state
from .tables import print_table
from .terminal import echo


@click.command("list")
@click.argument("kind", required=False, metavar="[KIND]", shell_complete=kind_names)
@click.argument("text", required=False, metavar="[TEXT]")
@click.option("--plugin", default="", metavar="NAME", help="Only list components of this plugin.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
def list_components(kind: str | None, text: str | None, plugin: str, as_json: bool, choice: PluginChoice) -> None:
    """List the components that recipes can use.

    Lists all kinds, or one KIND. TEXT restricts the list to ids and summaries that contain it. If TEXT is a pattern
    such as 'timm/resnet*', only ids that match it are listed. The members of families are searched too. If the first
    argument is not a kind, it is TEXT.
    """
    kinds, text = _asked(kind, text)
    catalog = load_catalog(choice)
    for status in catalog.statuses:
        if status.works and status.slow:
            named = f"plugin '{status.origin.plugin}' ({status.origin})"
            warn(f"{named} {plugin_state(status)}; see: cvkit plugins --why {status.origin.plugin}")
    entries = [
        found
        for name in kinds
        for entry in catalog[name].entries()
        if plugin in ("", entry.origin.plugin)
        for found in _matching(entry, text)
    ]
    if not entries and (text or plugin):
        raise UnknownComponent(_nothing(catalog, kinds, text, plugin))
    rows = [_row(entry, catalog) for entry in entries]
    if as_json:
        echo(json.dumps(rows, indent=2))
    else:
        cells = [[KINDS[row["kind"]].singular, _name(row), _source(row), _remarked(row)] for row in rows]
        print_table(["kind", "name", "from", "what it is"], cells, grouped=True)


def _asked(first: str | None, second: str | None) -> tuple[list[str], str]:
    """Return the kinds to list, and the text to search for."""
    if first is None:
        return [*KINDS], ""
    if kind := kind_called(first):
        return [kind.name], second or ""
    if second is None:
        return [*KINDS], first
    raise CvkitError(f"unknown kind '{first}'. {did_you_mean(first, KINDS)} The kinds are: {', '.join(KINDS)}")


def kind_called(word: str) -> Kind | None:
    """Return the kind with that singular or plural name, or None."""
    return next((kind for kind in KINDS.values() if word in (kind.name, kind.singular, kind.noun)), None)


def _matching(entry: Entry, text: str) -> Iterator[Entry]:
    """Yield the entry if it matches `text`, and its members that match."""
    if not text:
        yield entry
        return
    text, name = text.casefold(), entry.component.name
    members = [replace(entry, member=member) for member in _members(entry) or ()]
    if any(character in text for character in "*?["):
        found = [member for member in members if fnmatchcase(member.id.casefold(), text)]
        itself = not found and (fnmatchcase(entry.id.casefold(), text) or fnmatchcase(name, text))
    else:
        # The plugin's name begins every member's id, so it matches the family, unless the text goes beyond it.
        start = 0 if "/" in text else len(entry.origin.plugin) + 1
        found = [member for member in members if text in member.id[start:].casefold()]
        itself = text in entry.id.casefold() or text in entry.component.summary.casefold()
    if itself:
        yield entry
    yield from found


def _members(entry: Entry) -> list[str] | None:
    """Return the names of a family's members, or None if they cannot be listed."""
    try:
        return entry.members()
    except PluginError:
        return None


def _nothing(catalog: Catalog, kinds: list[str], text: str, plugin: str) -> str:
    """Return a message about a search without results, with a suggestion."""
    plugins = {status.origin.plugin: status for status in sorted(catalog.statuses, key=lambda status: status.works)}
    if plugin in plugins and not plugins[plugin].works:
        return plugins[plugin].line
    if plugin and plugin not in plugins:
        return f"there is no plugin '{plugin}'. {did_you_mean(plugin, plugins) or 'See: cvkit plugins'}"
    of_plugin = f" of plugin '{plugin}'" if plugin else ""
    where = f"the {kinds[0]}{of_plugin}" if len(kinds) == 1 else f"the components{of_plugin}"
    entries = [entry for entry in catalog.entries() if plugin in ("", entry.origin.plugin)]
    if plugin and not entries:
        return f"plugin '{plugin}' offers {no_components(plugins[plugin])}. See: cvkit plugins --why {plugin}"
    if not text:
        return f"plugin '{plugin}' has no {kinds[0]}. See: cvkit list --plugin {plugin}"
    others = sorted({entry.kind.name for entry in entries if any(_matching(entry, text))})
    if others:
        return f"nothing among {where} matches '{text}', but some {' and '.join(others)} do"
    names = {*KINDS, *plugins, *(name for registry in catalog.registries.values() for name in registry.names())}
    names |= {f"{entry.origin.plugin}/{member}" for entry in entries for member in _members(entry) or ()}
    return f"nothing among {where} matches '{text}'. {did_you_mean(text, names) or 'See: cvkit list'}"


def _row(entry: Entry, catalog: Catalog) -> dict[str, Any]:
    family = entry.component.is_family and entry.member is None
    members = _members(entry) if family else None
    return {
        "kind": entry.kind.name,
        "id": entry.id,
        "family": family,
        "members": None if members is None else len(members),
        "summary": entry.component.summary if entry.member is None else _summary(entry),
        "plugin": entry.origin.plugin,
        "distribution": entry.origin.distribution,
        "version": entry.origin.version,
        "file": entry.origin.file,
        "ambiguous": catalog[entry.kind.name].ambiguous(entry),
        "deprecated": entry.component.deprecated,
        "needs": entry.missing_requirements(),
    }


def _summary(member: Entry) -> str:
    """Return the first sentence of a family member's docstring, if each member is its own class or function."""
    target = member.component.options_of or ""
    if "{name}" not in target:
        return ""
    definition = find(*split_target(target.format(name=member.member)))
    if definition is None or not isinstance(definition.node, ast.ClassDef | ast.FunctionDef):
        return ""
    paragraph = (ast.get_docstring(definition.node) or "").partition("\n\n")[0]
    return " ".join(paragraph.split()).partition(". ")[0]


def _name(row: dict[str, Any]) -> str:
    return f"{row['id']}  ({row['members']:,})" if row["members"] is not None else row["id"]


def _source(row: dict[str, Any]) -> str:
    return Path(row["file"]).name if row["file"] else f"{row['distribution']} {row['version']}"


def _remarked(row: dict[str, Any]) -> str:
    """Return the summary, with remarks that matter before a user writes the name in a recipe."""
    remarks = [
        "ambiguous: write the full id" if row["ambiguous"] else "",
        "members cannot be listed" if row["family"] and row["members"] is None else "",
        f"deprecated: {row['deprecated']}" if row["deprecated"] else "",
        *(f"needs {sentence.partition(' is needed')[0]}" for sentence in row["needs"]),
    ]
    remark = "; ".join(filter(None, remarks))
    return f"{row['summary']}  [{remark}]".strip() if remark else row["summary"]
