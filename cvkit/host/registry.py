"""A registry of the components of one kind. Components are imported only when they are used."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ..error_text import cause
from ..errors import AmbiguousComponent, ComponentError, CvkitError, PluginError, UnknownComponent, did_you_mean
from ..kinds import Kind
from ..resource_errors import shortage_in
from ..signatures.signature import Signature, read_signature, split_target
from ..tasks import SINGLE_LABEL, TASKS
from .component import Component, Origin
from .rate_range import is_range
from .requirements import missing_requirements


@dataclass(frozen=True)
class Entry:
    """A registered component.

    Attributes:
        kind: The kind of the component.
        component: Its declaration.
        origin: Where it comes from.
        member: For a family, the name of the selected member, or None for the family itself.
    """

    kind: Kind
    component: Component
    origin: Origin
    member: str | None = None

    @property
    def id(self) -> str:
        """The full id, ``plugin/name``, which runs and checkpoints record."""
        return f"{self.origin.plugin}/{self.member or self.component.name}"

    @property
    def owner(self) -> str:
        """The name of the component in messages: kind, id and origin."""
        return f"{self.kind.singular} '{self.id}' of {self.origin}"

    @property
    def package(self) -> str:
        """The top-level module of the component's code."""
        return self.component.target.partition(":")[0].partition(".")[0]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks that it supports; of a data set, those that it may have."""
        sees_labels = self.kind.sees_labels or self.component.mixes
        return self.component.tasks or ((SINGLE_LABEL.name,) if sees_labels else tuple(TASKS))

    def signature(self) -> Signature:
        """Return the parameters of the factory, read from its source, including options that it passes on."""
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
        """Import and return the factory; raise `PluginError`, with the plugin and distribution, if that fails."""
        return _load(self.component.target, self)  # type: ignore[no-any-return]  # a target is whatever it names

    def build(self, *supplied: Any, **options: Any) -> Any:
        """Call the factory with the arguments of the run and the options of the recipe.

        `supplied`: the kind's arguments in order; the factory receives those that its signature names.

        Raises `ComponentError` if the factory rejects the values with a `ValueError` or fails in any other way.
        Errors caused by a lack of memory or other resources are not converted.
        """
        return self._called(self.component.target, supplied, options)

    def _called(self, target: str, supplied: tuple[Any, ...], options: dict[str, Any]) -> Any:
        family = (self.member,) if self.component.is_family else ()
        try:
            return _load(target, self)(*family, *self._given(supplied), **options)
        except CvkitError:
            raise
        except ValueError as error:
            raise ComponentError(f"{self.kind.singular} '{self.id}': {error}") from error
        except (Exception, SystemExit) as error:
            if shortage_in(error):
                raise
            reason = f"{cause(error, self.package)}; cvkit --debug shows the traceback"
            raise ComponentError(f"could not build {self.owner}: {reason}") from error

    def _given(self, supplied: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments that the factory receives; all that need no name if its source cannot be read."""
        unnamed = supplied[: len(self.kind.arguments)]
        try:
            own = self._own_signature()
        except PluginError:
            return unnamed
        return unnamed if own.variadic else self.kind.given(own.positional, supplied)

    def usual_lr(self) -> tuple[float, float] | None:
        """Return the lowest and highest usual learning rate of an optimizer, or None if it declares none."""
        declared = self.component.usual_lr
        if not isinstance(declared, str):
            return declared
        of_member = _load(declared, self)
        try:
            usual = None if self.member is None else of_member(self.member)
            if usual is not None and not is_range(usual):
                raise ValueError(f"{usual!r} is not a pair of rates, as in (0.03, 1.0)")
        except Exception as error:
            raise _broken(self, f"could not find its usual learning rates with '{declared}'", error) from error
        return usual

    def forecast(self, *supplied: Any, **options: Any) -> str:
        """Return the line that a tuner shows before it runs, or "" if it declares none."""
        target = self.component.forecast
        return "" if target is None else str(self._called(target, supplied, options))

    def missing_requirements(self) -> list[str]:
        """Return a sentence for each requirement that is not installed, with the command that installs it."""
        try:
            return missing_requirements(self.component.requires, self.origin.distribution)
        except ValueError as error:
            return [f"its declaration is not valid: {error}"]

    def contract_violations(self) -> list[str]:
        """Return the contract violations of the factory that can be found in its source."""
        try:
            signature = self.signature()
        except PluginError as error:
            return [str(error)]
        breaches = []
        if not signature.variadic and not self.kind.can_supply(signature.positional):
            breaches.append(
                f"its positional parameters are ({', '.join(signature.positional)}), but a run supplies "
                f"({', '.join(self.kind.arguments)}); write options after a *"
            )
        whole = read_signature(self.component.target)
        own, first = whole.options, whole.positional[:1]
        if self.component.is_family and not whole.variadic and (not first or first[0] in self.kind.arguments):
            parameters = ", ".join(whole.positional)
            wanted = "the first parameter of a family's factory must be the member's name"
            breaches.append(f"its positional parameters are ({parameters}), but {wanted}")
        taken = [word for word in self.kind.words if word in own]
        breaches += [f"its option '{word}' has the name of a key of recipes; rename the option" for word in taken]
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
            raise _broken(self, f"could not list its members with '{target}'", error) from error


def _load(target: str, entry: Entry) -> Any:
    module, attribute = split_target(target)
    try:
        return getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:
        raise _broken(entry, f"could not be loaded from '{target}'", error) from error


def _broken(entry: Entry, what: str, error: BaseException) -> PluginError:
    origin = entry.origin
    source = f"plugin '{origin.plugin}' from {origin}"
    cause = f"{type(error).__name__}: {error}"
    if "torchvision::" in cause:  # torchvision's operators only register with the torch that they were compiled for
        cause += ". The installed torch and torchvision do not match; install both from one index, for example with"
        cause += " `pip install --upgrade --force-reinstall torch torchvision`"
    return PluginError(f"{entry.kind.singular} '{entry.id}' {what} ({source}): {cause}")


class Registry:
    """The components of one kind, by full id and by short name."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def add(self, component: Component, origin: Origin) -> None:
        """Register a component; raise `PluginError` if the plugin already declared that name."""
        entry = Entry(self.kind, component, origin)
        if entry.id in self._entries:
            raise PluginError(f"{self.kind.singular} '{entry.id}' is declared twice")
        self._entries[entry.id] = entry

    def entries(self) -> list[Entry]:
        """Return every entry, sorted by id; a family is one entry."""
        return [self._entries[key] for key in sorted(self._entries)]

    def names(self) -> list[str]:
        """Return every name that a recipe may use: full ids and unique short names."""
        short: dict[str, int] = {}
        for entry in self._entries.values():
            if not entry.component.is_family:
                short[entry.component.name] = short.get(entry.component.name, 0) + 1
        ids = [key for key, entry in self._entries.items() if not entry.component.is_family]
        return sorted([*ids, *(name for name, count in short.items() if count == 1)])

    def ambiguous(self, entry: Entry) -> bool:
        """Whether several plugins provide this short name, so that recipes must use the full id."""
        return sum(other.component.name == entry.component.name != "*" for other in self._entries.values()) > 1

    def find(self, name: str) -> Entry:
        """Return the entry with a full id or a unique short name.

        Raises `UnknownComponent` with the nearest name, or `AmbiguousComponent` with all matching ids.
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
            hint = did_you_mean(member, [*members, *others]).replace("'", f"'{plugin}/", 1)  # the full id
            known = f"the family '{plugin}/...' has {len(members)} members"
            raise UnknownComponent(
                f"unknown {self.kind.singular} '{name}': {known}. {hint or f'See: cvkit list {self.kind.name}'}"
            )
        return replace(family, member=member)

    def _unknown(self, name: str) -> UnknownComponent:
        members = self._members()
        hint = (
            self.same_member(name)
            or did_you_mean(name, self.names())
            or did_you_mean(name, ["/".join(pair) for pair in members])
            or f"See: cvkit list {self.kind.name}"
        )
        return UnknownComponent(f"unknown {self.kind.singular} '{name}'. {hint}")

    def same_member(self, name: str) -> str:
        """Return "Did you mean 'timm/resnet50' or ...?" if families have members with this name; "" otherwise."""
        wanted = name.rpartition("/")[2].casefold()
        same = [f"'{plugin}/{member}'" for plugin, member in self._members() if member.casefold() == wanted]
        return f"Did you mean {' or '.join(same)}?" if same else ""

    def _members(self) -> list[tuple[str, str]]:
        """Return plugin and name of every member of the families whose members can be listed."""
        found = []
        for entry in self.entries():
            if entry.component.is_family:
                with suppress(PluginError):  # `cvkit list` reports it
                    found += [(entry.origin.plugin, member) for member in entry.members()]
        return found
