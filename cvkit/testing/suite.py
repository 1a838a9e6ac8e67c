"""What a suite is: checks of one component, each of which says what was promised and what was seen."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from inspect import getattr_static
from types import MappingProxyType, ModuleType
from typing import Any, ClassVar, NoReturn

from ..errors import ComponentError, did_you_mean
from ..host.catalog import Catalog
from ..host.component import Component, Origin
from ..host.discovery import discover
from ..host.registry import Entry
from ..kinds import KINDS, Kind
from ..recipe.coercion import coerce, show
from ..recipe.recipe import undeclared
from ..signatures.signature import read_signature
from .annotated_values import is_readable, own_options, promised_values
from .network import without_network

Fail = Callable[..., NoReturn]
"""Breaks the contract of a `promise`: called with what was seen and, where it is known, what to do next."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_CHECK = "test_"
_LONGEST_CAUSE = 300


class ContractBroken(AssertionError):
    """A component does not do what every component of its kind must; says the contract and what was seen."""

    def __init__(self, contract: str, seen: str, advice: str = "") -> None:
        super().__init__("\n".join(filter(None, [f"contract: {contract}", f"seen: {seen}", advice])))


@contextmanager
def promise(contract: str) -> Iterator[Fail]:
    """Hold a block to `contract`: raise `ContractBroken` where it calls what this yields, or raises on its own."""
    __tracebackhide__ = True

    def broken(seen: str, advice: str = "") -> NoReturn:
        __tracebackhide__ = True
        raise ContractBroken(contract, seen, advice)

    try:
        yield broken
    except ContractBroken:
        raise
    except (Exception, SystemExit) as error:
        raise ContractBroken(contract, f"it raised {_brief(error)}") from error


def _brief(error: BaseException) -> str:
    """Return what a component raised, type and message in one line; pytest shows the whole of it as the cause."""
    if isinstance(error, ComponentError):
        error = error.__cause__ or error  # the factory's own, which `Entry.build` puts in a recipe's words
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    return text if len(text) <= _LONGEST_CAUSE else f"{text[:_LONGEST_CAUSE]}..."


class Suite:
    """The checks that every component must pass; those of its kind are in the suite of that kind.

    `component`: its id or short name among the installed plugins; or `factory`, as a ``staticmethod``, for a function
    that need not be declared. `options`: what a recipe would set. `skips`: reasons by the name of the check that
    is left out, such as ``{"exports": "its loop depends on the data"}``. `catalog`: where `component` is looked up
    instead of among the installed plugins. Each of these but `factory` and `skips`, and what the suite of a kind adds
    to them, may also be a pytest fixture of the class, where the value depends on other fixtures:

        @pytest.fixture
        def root(self, tmp_path): ...
    """

    kind: ClassVar[Kind]
    component: str = ""
    factory: Callable[..., Any] | None = None
    options: Mapping[str, Any] = _NOTHING
    skips: Mapping[str, str] = _NOTHING
    catalog: Catalog | None = None
    pytestmark: ClassVar[list[Any]] = []

    def __init_subclass__(cls) -> None:
        """Have pytest set up the fixtures that stand for attributes, with their parameters, before each check."""
        super().__init_subclass__()
        if fixtures := [name for name in _attributes(cls) if _is_fixture(vars(cls).get(name))]:
            import pytest  # whoever defines a fixture has it; suites work without

            cls.pytestmark = [*vars(cls).get("pytestmark", ()), pytest.mark.usefixtures(*fixtures)]

    def take_fixtures(self, values: Mapping[str, Any]) -> None:
        """Take the values of those attributes that the class defines as fixtures."""
        for name in _attributes(type(self)):
            if _is_fixture(getattr_static(type(self), name, None)):
                setattr(self, name, values[name])

    @classmethod
    def checks(cls) -> set[str]:
        """Return the names of cvkit's checks, without ``test_``; tests that a subclass adds are its own."""
        given = (name for kind in cls.__mro__ if _is_ours(kind) for name in vars(kind))
        return {name.removeprefix(_CHECK) for name in given if name.startswith(_CHECK)}

    @classmethod
    def require_whole(cls) -> None:
        """Raise `ContractBroken` where a check of cvkit's is put out of action by a subclass's own, or by None."""
        with promise("a check is left out by `skips`, with its reason, and never replaced") as broken:
            for check in sorted(cls.checks()):
                name = f"{_CHECK}{check}"
                definer = next(kind for kind in cls.__mro__ if name in vars(kind))
                if not _is_ours(definer):
                    broken(
                        f"{definer.__name__}.{name} stands in for cvkit's",
                        f'Write skips = {{"{check}": "why it cannot hold here"}}, or give the test another name',
                    )

    @classmethod
    def reason_to_skip(cls, check: str) -> str:
        """Return why `check` is left out, or an empty string; raise `ContractBroken` where `skips` is amiss."""
        with promise("every skip names a check of the suite and gives its reason") as broken:
            for name, reason in cls.skips.items():
                if name not in cls.checks():
                    known = ", ".join(sorted(cls.checks()))
                    broken(f"skips names '{name}'", did_you_mean(name, cls.checks()) or f"The checks are: {known}")
                if not str(reason).strip():
                    broken(f"no reason to skip '{name}'", f'Write skips = {{"{name}": "why it cannot hold here"}}')
        return cls.skips.get(check, "")

    @cached_property
    def entry(self) -> Entry:
        """The component under test."""
        with promise("the component under test can be found") as broken:
            # Looked up statically, as a plain function would come bound to the suite.
            factory = getattr_static(type(self), "factory")
            if factory is not None:
                return _entry_of(factory.__func__ if isinstance(factory, staticmethod) else factory, self.kind)
            if not self.component:
                broken("neither `component` nor `factory` is set", 'Write component = "plugin/name" in the class')
            catalog = self.catalog or installed_catalog()
            for status in catalog.statuses:  # the reason, rather than that there is no such component
                if status.origin.plugin == self.component.partition("/")[0] and not status.works:
                    broken(status.line)
            return catalog[self.kind.name].find(self.component)

    def supplied(self) -> tuple[Any, ...]:
        """Return what a run would supply to the factory."""
        raise NotImplementedError

    def build(self, *supplied: Any) -> Any:
        """Build the component with `options`, as a recipe would, from `supplied` or what a run would supply."""
        __tracebackhide__ = True
        receives = ", ".join(self.kind.arguments)
        with promise(f"every {self.kind.singular} is built from ({receives}) and its options"):
            return self.entry.build(*(supplied or self.supplied()), **self._accepted_options())

    def _accepted_options(self) -> dict[str, Any]:
        """Return `options` as a recipe would pass them on."""
        signature = self.entry.signature()
        with promise("the options under test are ones that a recipe could set") as broken:
            for name in self.options:
                if name not in signature.options and not signature.accepts_extra:
                    broken(f"there is no option '{name}'", did_you_mean(name, signature.options))
            return {
                name: coerce(value, signature.options.get(name) or undeclared(name))
                for name, value in self.options.items()
            }

    def test_declaration(self) -> None:
        """The factory takes what a run supplies, and its options have names that a recipe can write."""
        with promise(f"every {self.kind.singular} keeps the contract that its declaration can be held to") as broken:
            if breaches := [*self.entry.missing_requirements(), *self.entry.contract_violations()]:
                broken("; ".join(breaches))

    def test_summary(self) -> None:
        """The declaration has a summary of one line."""
        with promise(f"every {self.kind.singular} is declared with a summary of one line") as broken:
            summary = self.entry.component.summary
            if not summary.strip() or "\n" in summary:
                broken(f"the summary is {summary!r}", 'Give it one: Component(..., summary="What it is")')

    def test_docstring(self) -> None:
        """The factory has a docstring, which `cvkit info` shows."""
        with promise(
            f"the factory of every {self.kind.singular} has a docstring, which `cvkit info` shows"
        ) as broken:
            if not read_signature(self.entry.component.target).doc.strip():
                broken(f"that of '{self.entry.id}' has none")

    def test_readable_options(self) -> None:
        """Every option has an annotation whose type can be told without running the plugin.

        Options that another library's function declares, by way of ``options_of``, are not the author's to annotate.
        """
        contract = f"every option of every {self.kind.singular} has an annotation that can be read without importing"
        with promise(contract) as broken:
            for option in own_options(self.entry).values():
                if not is_readable(option):
                    broken(
                        f"option '{option.name}' is annotated {option.annotation!r}"
                        if option.annotation
                        else f"option '{option.name}' has no annotation",
                        "Use types such as int, PositiveFloat of pydantic, Literal, tuple; `object` takes anything",
                    )

    def test_promised_values(self) -> None:
        """Every value that an option's annotation names is taken, the other options being as given.

        That holds for options of another library too: `cvkit info` and the schema promise them to whoever writes one.
        A value that does not fit together with another option may be refused by a `ValueError` that names the other.
        """
        contract = f"every {self.kind.singular} takes every value that the annotations of its options name"
        given = self._accepted_options()
        for option in self.entry.signature().options.values():
            for value in promised_values(option.type):
                with promise(contract) as broken, without_network():
                    try:
                        self.entry.build(*self.supplied(), **{**given, option.name: value})
                    except Exception as error:
                        if not self._refuses_combination(error, option.name):
                            broken(
                                f"{option.name}: {show(value)}, of {option.annotation}, raised {_brief(error)}",
                                "Take the value, or narrow the annotation; where it only does not fit together with "
                                "another option, raise a ValueError that names the other",
                            )

    def _refuses_combination(self, error: Exception, option: str) -> bool:
        """Whether a factory's error is a `ValueError` whose message names an option other than `option`."""
        cause = error.__cause__ if isinstance(error, ComponentError) else error
        others = set(self.entry.signature().options) - {option}
        return isinstance(cause, ValueError) and bool(others & set(re.findall(r"\w+", str(cause))))


def _attributes(suite: type[Suite]) -> set[str]:
    """Return the names of what a suite can be told, as cvkit's classes annotate it."""
    own = {name for kind in suite.__mro__ if _is_ours(kind) for name in vars(kind).get("__annotations__", {})}
    return own - {"kind", "factory", "skips", "pytestmark"}  # these are asked of the class, before there is a test


def _is_fixture(value: object) -> bool:
    """Whether a class's attribute was made by ``pytest.fixture``: an object of its own kind from pytest 8.4 on."""
    return type(value).__name__ == "FixtureFunctionDefinition" or hasattr(value, "_pytestfixturefunction")


def _is_ours(kind: type) -> bool:
    return kind.__module__.startswith(f"{__package__}.")


@cache
def installed_catalog() -> Catalog:
    """Return the catalog of the installed plugins, discovered once a session."""
    return discover()


@cache
def _entry_of(factory: Callable[..., Any], kind: Kind) -> Entry:
    """Return the entry of a factory that nothing declares: a component of a module that is only in memory."""
    name = f"cvkit_testing_{id(factory)}"
    module = ModuleType(name)
    module.factory = factory  # type: ignore[attr-defined]  # a module holds what is put there
    sys.modules[name] = module
    label = getattr(factory, "__name__", type(factory).__name__)
    component = Component(label, f"{name}:factory", summary="given to its suite directly")
    return Entry(KINDS[kind.name], component, Origin("given", "in-process", "0"))
