"""The base of all suites: checks of one component that report the contract and what was seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from inspect import getattr_static
from types import MappingProxyType
from typing import Any, ClassVar

from ..errors import ComponentError, did_you_mean
from ..host.catalog import Catalog
from ..host.registry import Entry
from ..kinds import Kind
from ..recipe.coercion import coerce, show
from ..recipe.recipe import undeclared
from ..signatures.signature import Option, read_signature
from .annotated_values import is_readable, own_options, promised_values
from .contract import brief, promise
from .entries import entry_of, installed_catalog
from .network import without_network

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_CHECK = "test_"


class Suite:
    """The checks that every component must pass. The suite of each kind adds its own checks.

    Except for `factory` and `skips`, an attribute may also be a pytest fixture of the class, if its value depends on
    other fixtures. This also applies to the attributes that the suite of a kind adds:

        @pytest.fixture
        def root(self, tmp_path): ...

    Attributes:
        component: The id or short name of a component of the installed plugins.
        factory: Instead of `component`: a function, as a ``staticmethod``, that need not be declared by a plugin.
        options: Options as in a recipe.
        skips: Reasons for skipped checks by name, such as ``{"exports": "its loop depends on the data"}``.
        catalog: A catalog to search for `component` instead of the installed plugins.
        tasks: The tasks that `factory` supports; for a `component`, its declaration determines this.
    """

    kind: ClassVar[Kind]
    component: str = ""
    factory: Callable[..., Any] | None = None
    options: Mapping[str, Any] = _NOTHING
    skips: Mapping[str, str] = _NOTHING
    catalog: Catalog | None = None
    tasks: tuple[str, ...] = ()
    pytestmark: ClassVar[list[Any]] = []

    def __init_subclass__(cls) -> None:
        """Make pytest set up the fixtures that replace attributes, with their parameters, before each check."""
        super().__init_subclass__()
        if fixtures := [name for name in _attributes(cls) if _is_fixture(vars(cls).get(name))]:
            import pytest  # a class with fixtures requires pytest; other suites do not

            cls.pytestmark = [*vars(cls).get("pytestmark", ()), pytest.mark.usefixtures(*fixtures)]

    def take_fixtures(self, values: Mapping[str, Any]) -> None:
        """Set the attributes that the class defines as fixtures.

        Args:
            values: Values of fixtures by name.
        """
        for name in _attributes(type(self)):
            if _is_fixture(getattr_static(type(self), name, None)):
                setattr(self, name, values[name])

    @classmethod
    def checks(cls) -> set[str]:
        """Return the names of cvkit's checks without ``test_``. Tests that a subclass adds are not included."""
        given = (name for kind in cls.__mro__ if _is_ours(kind) for name in vars(kind))
        return {name.removeprefix(_CHECK) for name in given if name.startswith(_CHECK)}

    @classmethod
    def require_whole(cls) -> None:
        """Raise an error if a subclass replaces one of cvkit's checks.

        Raises:
            ContractBroken: An attribute of a subclass, such as a method or None, replaces a check.
        """
        with promise("checks are skipped with a reason in `skips`, and never replaced") as broken:
            for check in sorted(cls.checks()):
                name = f"{_CHECK}{check}"
                definer = next(kind for kind in cls.__mro__ if name in vars(kind))
                if not _is_ours(definer):
                    broken(
                        f"{definer.__name__}.{name} replaces cvkit's check",
                        f'Write skips = {{"{check}": "why it does not apply"}}, or rename the test',
                    )

    @classmethod
    def reason_to_skip(cls, check: str) -> str:
        """Return the reason for skipping a check; empty if it is not skipped.

        Args:
            check: The name of the check without ``test_``.

        Raises:
            ContractBroken: `skips` names an unknown check, or contains no reason.
        """
        with promise("every entry of skips names a check of the suite and gives a reason") as broken:
            for name, reason in cls.skips.items():
                if name not in cls.checks():
                    known = ", ".join(sorted(cls.checks()))
                    broken(f"skips names '{name}'", did_you_mean(name, cls.checks()) or f"The checks are: {known}")
                if not str(reason).strip():
                    broken(
                        f"skips gives no reason for '{name}'", f'Write skips = {{"{name}": "why it does not apply"}}'
                    )
        return cls.skips.get(check, "")

    @cached_property
    def entry(self) -> Entry:
        """The component under test."""
        with promise("the component under test can be found") as broken:
            # Look it up statically, because a plain function would be bound to the suite.
            factory = getattr_static(type(self), "factory")
            if factory is not None:
                return entry_of(factory.__func__ if isinstance(factory, staticmethod) else factory, self.kind)
            if not self.component:
                broken("neither `component` nor `factory` is set", 'Write component = "plugin/name" in the class')
            catalog = self.catalog or installed_catalog()
            for status in catalog.statuses:  # report why the plugin does not work, not that the component is missing
                if status.origin.plugin == self.component.partition("/")[0] and not status.works:
                    broken(status.line)
            return catalog[self.kind.name].find(self.component)

    @property
    def supported(self) -> tuple[str, ...]:
        """The tasks that the component supports."""
        return self.tasks or self.entry.tasks

    def supplied(self) -> tuple[Any, ...]:
        """Return the arguments that a run would supply to the factory."""
        raise NotImplementedError

    def build(self, *supplied: Any) -> Any:
        """Build the component with `options`, as a recipe would.

        Args:
            supplied: Arguments of the factory; by default, those of `supplied`.

        Returns:
            What the factory returns.

        Raises:
            ContractBroken: The factory raises an error, or a recipe could not set `options`.
        """
        __tracebackhide__ = True
        receives = ", ".join(self.kind.arguments)
        with promise(f"every {self.kind.singular} can be built from ({receives}) and its options"):
            return self.entry.build(*(supplied or self.supplied()), **self._accepted_options())

    def _accepted_options(self) -> dict[str, Any]:
        """Return `options` as a recipe would pass them."""
        signature = self.entry.signature()
        with promise("a recipe can set the options under test") as broken:
            for name in self.options:
                if name not in signature.options and not signature.accepts_extra:
                    broken(f"there is no option '{name}'", did_you_mean(name, signature.options))
            return {
                name: self._accepted(value, signature.options.get(name) or undeclared(name))
                for name, value in self.options.items()
            }

    def _accepted(self, value: Any, option: Option) -> Any:
        """Return the value of an option as a recipe would pass it."""
        return coerce(value, option)

    def test_declaration(self) -> None:
        """The factory accepts the arguments that a run supplies, and recipes can write the names of its options."""
        with promise(f"the declaration of every {self.kind.singular} follows the contract of its kind") as broken:
            if breaches := [*self.entry.missing_requirements(), *self.entry.contract_violations()]:
                broken("; ".join(breaches))

    def test_summary(self) -> None:
        """The declaration has a summary of one line."""
        with promise(f"every {self.kind.singular} has a summary of one line") as broken:
            summary = self.entry.component.summary
            if not summary.strip() or "\n" in summary:
                broken(f"the summary is {summary!r}", 'Add a summary: Component(..., summary="What it is")')

    def test_docstring(self) -> None:
        """The factory has a docstring for `cvkit info`."""
        with promise(f"the factory of every {self.kind.singular} has a docstring for `cvkit info`") as broken:
            if not read_signature(self.entry.component.target).doc.strip():
                broken(f"the factory of '{self.entry.id}' has no docstring")

    def test_readable_options(self) -> None:
        """Every option has an annotation whose type can be determined without importing the plugin.

        Options that a function of another library declares (``options_of``) are excluded, because the author cannot
        annotate them.
        """
        contract = f"every option of every {self.kind.singular} has an annotation that is readable without an import"
        with promise(contract) as broken:
            for option in own_options(self.entry).values():
                if not is_readable(option):
                    broken(
                        f"option '{option.name}' is annotated {option.annotation!r}"
                        if option.annotation
                        else f"option '{option.name}' has no annotation",
                        "Use types such as int, pydantic's PositiveFloat, Literal or tuple; `object` accepts any "
                        "value",
                    )

    def test_promised_values(self) -> None:
        """Every value that an option's annotation names is accepted, with the other options unchanged.

        This includes options of another library, because `cvkit info` and the schema show their values to users. A
        value that conflicts with another option may be rejected by a `ValueError` that names the other option.
        """
        contract = f"every {self.kind.singular} accepts every value that the annotations of its options name"
        given = self._accepted_options()
        for option in self.entry.signature().options.values():
            for value in promised_values(option.type):
                with promise(contract) as broken, without_network():
                    try:
                        self.entry.build(*self.supplied(), **{**given, option.name: value})
                    except Exception as error:
                        if not self._refuses_combination(error, option.name):
                            broken(
                                f"{option.name}: {show(value)}, allowed by {option.annotation}, raised "
                                f"{brief(error)}",
                                "Accept the value, or narrow the annotation; if it only conflicts with another "
                                "option, raise a ValueError that names that option",
                            )

    def _refuses_combination(self, error: Exception, option: str) -> bool:
        """Return whether a factory's error is a `ValueError` whose message names an option other than `option`."""
        cause = error.__cause__ if isinstance(error, ComponentError) else error
        others = set(self.entry.signature().options) - {option}
        return isinstance(cause, ValueError) and bool(others & set(re.findall(r"\w+", str(cause))))


def _attributes(suite: type[Suite]) -> set[str]:
    """Return the names of the attributes that a suite can set, as annotated in cvkit's classes."""
    own = {name for kind in suite.__mro__ if _is_ours(kind) for name in vars(kind).get("__annotations__", {})}
    return own - {"kind", "factory", "skips", "pytestmark"}  # these are read from the class before a test exists


def _is_fixture(value: object) -> bool:
    """Return whether an attribute is a ``pytest.fixture``. Since pytest 8.4, that is an object of its own type."""
    return type(value).__name__ == "FixtureFunctionDefinition" or hasattr(value, "_pytestfixturefunction")


def _is_ours(kind: type) -> bool:
    return kind.__module__.startswith(f"{__package__}.")
