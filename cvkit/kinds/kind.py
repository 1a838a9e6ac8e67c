"""What a kind of component is: one record from which everything that depends on the kind follows."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Template:
    """What ``cvkit new-plugin`` writes for a kind.

    Args:
        factory: the name of the sample's factory.
        summary: what the sample is, in a line.
    """

    factory: str
    summary: str


@dataclass(frozen=True, eq=False)  # one object each
class Kind:
    """A kind of component.

    What needs torch is named by ``"module:attribute"`` and loaded on first use, so that listing and checking stay
    light.

    Args:
        name: the plural, by which `KINDS`, ``cvkit list`` and the plugins' hook know it.
        singular: what messages call one component.
        arguments: what a run supplies to a factory, in order. A factory gets those that its positional parameters
            name, so an argument can be added here without breaking any factory.
        returns: what a factory returns, in words.
        key: where a recipe names components of the kind.
        many: whether that is a list of any number of components rather than exactly one.
        default: the full id of the component that a recipe gets where it names none.
        tunable: whether tuners may set its options, as it is made after they ran.
        sets: whether each of its parts says by ``set`` which option of the recipe it proposes a value for.
        affects_training: whether the trained weights depend on it; if not, a run that has begun may change it.
        made: the class of what a factory returns, as ``"module:attribute"``.
        methods: what can be called on it, where no class is shared.
        factory: the Protocol of a factory, as ``"module:attribute"``.
        products: the Protocols of what a factory returns, where that is no class of torch.
        suite: the suite of checks that every component must pass, as ``"module:attribute"``.
        template: the sample in ``cvkit/scaffold/templates/<noun>/``.
    """

    name: str
    singular: str
    arguments: tuple[str, ...]
    returns: str
    _: KW_ONLY
    key: str
    many: bool = False
    default: str | None = None
    tunable: bool = False
    sets: bool = False
    affects_training: bool = True
    made: str = "builtins:object"
    methods: tuple[str, ...] = ()
    factory: str
    products: tuple[str, ...] = ()
    suite: str
    template: Template

    @property
    def hook(self) -> str:
        """The hook a plugin implements to declare components of this kind."""
        return f"cvkit_{self.name}"

    @property
    def noun(self) -> str:
        """The kind in one word, ``dataset``: a choice of commands, a folder of templates, a module's name."""
        return self.singular.replace(" ", "")

    @property
    def article(self) -> str:
        """The article of the singular, ``a`` or ``an``."""
        return "an" if self.singular[0] in "aeiou" else "a"

    @property
    def words(self) -> tuple[str, ...]:
        """The words that a recipe uses itself in a part of this kind, and no option may be called by."""
        return ("name", "set") if self.sets else ("name",)

    def accepts(self, made: object) -> bool:
        """Whether a factory of this kind may return `made`."""
        return isinstance(made, load(self.made)) and all(callable(getattr(made, one, None)) for one in self.methods)

    def given(self, positional: tuple[str, ...], supplied: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return what a factory gets of what a run supplies.

        Args:
            positional: the names of the factory's positional parameters.
            supplied: the kind's `arguments`, in order.

        Returns:
            The arguments that the parameters name, in the parameters' order; where one of the parameters has a name
            of its own, the first arguments in the kind's order.
        """
        by_name = dict(zip(self.arguments, supplied, strict=False))
        if by_name.keys() >= set(positional):
            return tuple(by_name[name] for name in positional)
        return supplied[: len(positional)]

    def can_supply(self, positional: tuple[str, ...]) -> bool:
        """Whether a run can call a factory that has these positional parameters."""
        return len(positional) <= len(self.arguments)


def load(target: str) -> Any:
    """Return what ``"module:attribute"`` names; it may load torch."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
