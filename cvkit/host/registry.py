"""A registry of one kind of component: names in, entries out; nothing is imported before it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..error_text import cause
from ..errors import AmbiguousComponent, ComponentError, CvkitError, PluginError, UnknownComponent, did_you_mean
from ..kinds import Kind
from ..resource_errors import shortage_in
from ..signatures.signature import Signature, read_signature, split_target
from .component import Component, Origin
from .requirements import missing_requirements


@dataclass(frozen=True)
class Entry:
    """A registered component: its kind, declaration and origin, and for a family the `member` meant."""

    kind: Kind
    component: Component
    origin: Origin
    member: str | None = None

    @property
    def id(self) -> str:
        """The full id, ``plugin/name``, by which runs and checkpoints record it."""
        return f"{self.origin.plugin}/{self.member or self.component.name}"

    @property
    def owner(self) -> str:
        """The component as messages name it: kind, id, and what it comes from."""
        return f"{self.kind.singular} '{self.id}' of {self.origin}"

    @property
    def package(self) -> str:
        """The top-level module of the component's code."""
        return self.component.target.partition(":")[0].partition(".")[0]

    def signature(self) -> Signature:
        """Return what the factory takes, read from its source; options it passes on are included."""
        own = self._own_signature()
        if self.component.options_of is None or (self.member is None and self.component.is_family):
            return own
        onward = read_signature(self.component.options_of.format(name=self.member), positional_options=True)
        return replace(
            own,
            options={**onward.options, **own.options},
            accepts_extra=onward.accepts_extra,
            doc=onward.doc or own.doc,
        )

    def _own_signature(self) -> Signature:
        own = read_signature(self.component.target)
        return replace(own, positional=own.positional[1:]) if self.component.is_family else own

    def load(self) -> Callable[..., Any]:
        """Import and return the factory; raise `PluginError` naming plugin and distribution where that fails."""
        return _load(self.component.target, self)  # type: ignore[no-any-return]  # a target is whatever it names

    def build(self, *supplied: Any, **options: Any) -> Any:
        """Call the factory with what the run supplies and what the recipe sets.

        `supplied`: the kind's arguments in order, of which the factory gets those that it names.

        Raises `ComponentError` where the factory refuses the values with a `ValueError`, or fails in any other way.
        A lack of memory is the machine's, and passes.
        """
        family = (self.member,) if self.component.is_family else ()
        try:
            return self.load()(*family, *self._given(supplied), **options)
        except CvkitError:
            raise
        except ValueError as error:
            raise ComponentError(f"{self.kind.singular} '{self.id}': {error}") from error
        except (Exception, SystemExit) as error:
            if shortage_in(error):
                raise
            reason = f"{cause(error, self.package)}; cvkit --debug shows the traceback"
            raise ComponentError(f"{self.owner} cannot be made: {reason}") from error

    def _given(self, supplied: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what the factory gets of what a run supplies; all of it where its source tells nothing."""
        try:
            own = self._own_signature()
        except PluginError:
            return supplied
        return supplied if own.variadic else self.kind.given(own.positional, supplied)

    def missing_requirements(self) -> list[str]:
        """Return a sentence for each requirement of the component that is not installed here, with its remedy."""
        try:
            return missing_requirements(self.component.requires, self.origin.distribution)
        except ValueError as error:
            return [f"its declaration is wrong: {error}"]

    def contract_violations(self) -> list[str]:
        """Return how the factory breaks its kind's contract, as far as its source tells; empty if it keeps it."""
        try:
            signature = self.signature()
        except PluginError as error:
            return [str(error)]
        breaches = []
        if not signature.variadic and not self.kind.can_supply(signature.positional):
            breaches.append(
                f"its positional parameters are ({', '.join(signature.positional)}), where a run supplies "
                f"({', '.join(self.kind.arguments)}); options come after a *"
            )
        whole = read_signature(self.component.target)
        own, first = whole.options, whole.positional[:1]
        if self.component.is_family and not whole.variadic and (not first or first[0] in self.kind.arguments):
            parameters = ", ".join(whole.positional)
            wanted = "a family's factory takes the member's name first"
            breaches.append(f"its positional parameters are ({parameters}), where {wanted}")
        taken = [word for word in self.kind.words if word in own]
        breaches += [f"'{word}' is a word of recipes; call the option otherwise" for word in taken]
        return breaches

    def members(self) -> list[str]:
        """Return the names of a family's members, sorted; an empty list for a single component."""
        target = self.component.members
        if target is None:
            return []
        listing = _load(target, self)
        try:
            return sorted(listing())
        except Exception as error:
            raise _broken(self, f"cannot list its members by '{target}'", error) from error


def _load(target: str, entry: Entry) -> Any:
    module, attribute = split_target(target)
    try:
        return getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise _broken(entry, f"cannot be loaded from '{target}'", error) from error


def _broken(entry: Entry, what: str, error: BaseException) -> PluginError:
    origin = entry.origin
    source = f"plugin '{origin.plugin}' of {origin}"
    cause = f"{type(error).__name__}: {error}"
    if "torchvision::" in cause:  # its operators register only beside the torch they were compiled for
        cause += ". The installed torch and torchvision do not belong together; install both from one place, as in"
        cause += " `pip install --upgrade --force-reinstall torch torchvision`"
    return PluginError(f"{entry.kind.singular} '{entry.id}' {what} ({source}): {cause}")


class Registry:
    """The components of one kind, by full id and by short name."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def add(self, component: Component, origin: Origin) -> None:
        """Register a component; raise `PluginError` where the plugin already declared that name."""
        entry = Entry(self.kind, component, origin)
        if entry.id in self._entries:
            raise PluginError(f"{self.kind.singular} '{entry.id}' is declared twice")
        self._entries[entry.id] = entry

    def entries(self) -> list[Entry]:
        """Return every entry, sorted by id; a family is one entry."""
        return [self._entries[key] for key in sorted(self._entries)]

    def names(self) -> list[str]:
        """Return every name a recipe may use: full ids, and short names where they are unique."""
        short: dict[str, int] = {}
        for entry in self._entries.values():
            if not entry.component.is_family:
                short[entry.component.name] = short.get(entry.component.name, 0) + 1
        ids = [key for key, entry in self._entries.items() if not entry.component.is_family]
        return sorted([*ids, *(name for name, count in short.items() if count == 1)])

    def ambiguous(self, entry: Entry) -> bool:
        """Whether several plugins offer the entry's short name, so that recipes must write its full id."""
        return sum(other.component.name == entry.component.name != "*" for other in self._entries.values()) > 1

    def find(self, name: str) -> Entry:
        """Return the entry meant by a full id or a unique short name.

        Raises `UnknownComponent` with the nearest name, or `AmbiguousComponent` with every id it could mean.
        """
        if name in self._entries and not self._entries[name].component.is_family:
            return self._entries[name]
        if "/" in name:
            return self._member(name)
        matches = [entry for entry in self.entries() if entry.component.name == name != "*"]
        if len(matches) == 1:
            return matches[0]
        if matches:
            ids = " or ".join(f"'{entry.id}'" for entry in matches)
            raise AmbiguousComponent(f"{self.kind.singular} '{name}' is provided by several plugins: write {ids}")
        raise self._unknown(name)

    def _member(self, name: str) -> Entry:
        plugin, _, member = name.partition("/")
        family = self._entries.get(f"{plugin}/*")
        if family is None:
            raise self._unknown(name)
        members = family.members()
        if member not in members:
            others = [key.removeprefix(f"{plugin}/") for key in self.names() if key.startswith(f"{plugin}/")]
            hint = did_you_mean(member, [*members, *others])
            known = f"the family '{plugin}/...' has {len(members)} members"
            raise UnknownComponent(
                f"unknown {self.kind.singular} '{name}': {known}. {hint or f'See: cvkit list {self.kind.name}'}"
            )
        return replace(family, member=member)

    def _unknown(self, name: str) -> UnknownComponent:
        hint = did_you_mean(name, self.names()) or f"See: cvkit list {self.kind.name}"
        return UnknownComponent(f"unknown {self.kind.singular} '{name}'. {hint}")
