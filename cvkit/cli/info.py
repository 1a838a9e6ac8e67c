"""``cvkit info``: show a component's options, documentation, origin and contract violations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import click

from ..errors import PluginError, UnknownComponent, did_you_mean
from ..host.catalog import Catalog
from ..host.registry import Entry
from ..printable import on_one_line
from ..recipe import describe as in_words
from ..signatures.docstring import parse_docstring
from ..signatures.signature import Option, Signature
from .completing import component_ids
from .list import kind_called
from .loading import load_catalog
from .options import PluginChoice, plugin_options
from .terminal import echo


@click.command()
@click.argument("name", metavar="ID", shell_complete=component_ids())
@plugin_options
@click.pass_context
def info(context: click.Context, name: str, choice: PluginChoice) -> None:
    """Show the options and the documentation of a component.

    Also shows its origin and whether it meets the contract of its kind. ID may be a full id, a short name, the id of
    a family such as 'timm/*', or the name of a plugin that has a family. Exits with 1 if a component violates its
    contract.
    """
    catalog = load_catalog(choice)
    entries = find_everywhere(catalog, name)
    echo("\n\n".join("\n".join(map(on_one_line, _lines(entry, catalog))) for entry in entries))
    if any(entry.contract_violations() for entry in entries):
        context.exit(1)


def find_everywhere(catalog: Catalog, name: str) -> list[Entry]:
    """Return every entry, of any kind, that `name` may refer to; raise `UnknownComponent` if there is none."""
    plugin, _, member = name.partition("/")
    families = [entry for entry in catalog.entries() if entry.component.is_family and entry.origin.plugin == plugin]
    found = [entry for entry in catalog.entries() if name in (entry.id, entry.component.name) and name != "*"]
    if not found and member:
        found = [replace(family, member=member) for family in families if member in family.members()]
    elif not found:
        found = families
    if not found:
        raise UnknownComponent(f"there is no component '{name}'. {_hint(catalog, name, families)}")
    return found


def _hint(catalog: Catalog, name: str, families: list[Entry]) -> str:
    """Return why there is no component with that name, or a suggestion."""
    plugin = name.partition("/")[0]
    for status in catalog.statuses:
        if status.origin.plugin == plugin and not status.works:
            return status.line[0].upper() + status.line[1:]
        if status.origin.plugin == name:
            return f"'{name}' is a plugin; see: cvkit list --plugin {name}"
    if kind := kind_called(name):
        return f"'{name}' is a kind of component; see: cvkit list {kind.name}"
    if same := next(filter(None, (registry.same_member(name) for registry in catalog.registries.values())), ""):
        return same
    names = {known for registry in catalog.registries.values() for known in registry.names()}
    names |= {f"{plugin}/{known}" for family in families for known in family.members()}
    return did_you_mean(name, names) or "See: cvkit list"


def _lines(entry: Entry, catalog: Catalog) -> Iterator[str]:
    origin, component = entry.origin, entry.component
    try:
        signature = entry.signature()
    except PluginError:
        signature = None
    yield f"{entry.id}: {entry.kind.singular}" + (f", {component.summary}" if component.summary else "")
    place = f"{signature.file}:{signature.line}" if signature and signature.file else component.target
    yield f"from {origin}, {place}"
    yield from _remarks(entry, catalog)
    yield _contract(entry, signature)
    if signature is None:
        return
    documentation = parse_docstring(signature.doc)
    yield from ("", "options")
    options = []
    for option in signature.options.values():
        options.append(f"  {_option(option)}")
        if documentation.has_sections and (text := documentation.about(option.name)):
            options.append(f"    {text}")
    if component.options_of and entry.id.endswith("/*"):
        options.append("  each member has its own options")
    elif signature.accepts_extra:
        options.append("  ... and any other option; misspelt options are not detected")
    yield from options or ["  none"]
    yield from ("", *(documentation.without_parameters() or "(no documentation)").splitlines())


def _remarks(entry: Entry, catalog: Catalog) -> Iterator[str]:
    registry, name = catalog[entry.kind.name], entry.component.name
    if registry.ambiguous(entry):
        others = [other.id for other in registry.entries() if other.component.name == name and other.id != entry.id]
        yield f"ambiguous: write the full id in recipes, because there is also {' and '.join(others)}"
    if entry.component.deprecated:
        yield f"deprecated: {entry.component.deprecated}"
    if entry.component.per_sample:
        yield "works on single images: list it before augmentations of batches in recipes"
    if entry.component.mixes:
        yield "mixes images and their labels: recipes with it need a loss that takes soft targets"
    if entry.component.soft_targets:
        yield "takes soft targets, so recipes may use it with augmentations that mix"
    if entry.component.soft_labels:
        yield "its training images have soft labels: recipes with it need a loss that takes soft targets"
    if entry.component.takes_images:
        yield "gets the augmented images in training"
    if terms := entry.component.loss_terms:
        weights = ", ".join(f"{name}: {weight:g}" for name, weight in terms.items())
        yield f"further terms of the training loss, which train.loss_weights weights: {{{weights}}}"
    if entry.component.signed:
        yield "returns signed maps: positive values are evidence for the class, negative values evidence against it"
    if usual := entry.usual_lr():
        yield f"usually trains well with a peak learning rate of {usual[0]:g} to {usual[1]:g}"
    if entry.component.tasks:
        yield f"tasks: {', '.join(entry.component.tasks)}"
    for sentence in entry.missing_requirements():
        yield f"cannot be used here: {sentence}"
    if entry.component.is_family and entry.member is None:
        yield _family(entry)


def _family(entry: Entry) -> str:
    try:
        members = entry.members()
    except PluginError as error:
        return f"its members could not be listed: {error}"
    if not members:
        return "a family without members"
    example = min(members, key=lambda member: (len(member), member))
    return f"a family of {len(members):,}, such as {entry.origin.plugin}/{example}; see: cvkit list '{entry.id}'"


def _contract(entry: Entry, signature: Signature | None) -> str:
    """Return the result of the contract checks that do not import the component."""
    if breaches := entry.contract_violations():
        return f"violates the contract of {entry.kind.name}: {'; '.join(breaches)}"
    options: dict[str, Any] = {name: option.type for name, option in signature.options.items()} if signature else {}
    typed = sum(kind is not Any for kind in options.values())
    count = str(typed) if typed == len(options) else f"{typed} of {len(options)}"
    noun = "option" if count == "1" else "options"
    takes = ", ".join(signature.positional if signature else ())
    return f"meets the contract of {entry.kind.name}: accepts ({takes}), {count} {noun} typed, target found"


def _option(option: Option) -> str:
    words = in_words(option.type)
    default = (
        "  (required)" if option.required else f" = {option.default!r}" if option.literal else f" = {option.default}"
    )
    return f"{option.name}: {words}{default}"
