"""A kind of component: one record, from which hooks, recipe keys, checks and templates are derived."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Template:
    """The sample that ``cvkit new-plugin`` writes for a kind.

    Attributes:
        factory: The name of the sample's factory.
        summary: One line that describes the sample.
    """

    factory: str
    summary: str


@dataclass(frozen=True, eq=False)  # one object each
class Kind:
    """A kind of component.

    Code that needs torch is named as ``"module:attribute"`` and imported on first use, so listing and checking do not
    import torch.

    Attributes:
        name: The plural, used in `KINDS`, ``cvkit list`` and the name of the hook.
        singular: The singular, used in messages.
        arguments: The arguments that a run supplies to a factory, in order. A factory receives those that its
            positional parameters name, so a new argument breaks no factory.
        by_name: Further arguments, after the others, which only factories that name them receive.
        returns: A description of what a factory returns.
        key: The recipe key for components of this kind.
        many: Whether the recipe key contains a list of components instead of exactly one.
        default: The full id of the component that a recipe uses if it names none.
        tunable: Whether tuners may set its options; these components are built after tuning.
        sets: Whether each of its components has a ``set`` key, the path of the option that it proposes a value for.
        affects_training: Whether the trained weights depend on it. If not, it may change during a run.
        sees_labels: Whether its components work with the labels of images, so that each declares the tasks that it
            supports. Components that declare none support ``single_label`` only.
        made: The class of what a factory returns, as ``"module:attribute"``.
        methods: The methods that it must have, if there is no common class.
        factory: The Protocol of a factory, as ``"module:attribute"``.
        products: The Protocols of what a factory returns, if it is not a class of torch.
        suite: The contract suite that every component must pass, as ``"module:attribute"``.
        template: The sample in ``cvkit/scaffold/templates/<noun>/``.
    """

    name: str
    singular: str
    arguments: tuple[str, ...]
    returns: str
    _: KW_ONLY
    by_name: tuple[str, ...] = ()
    key: str
    many: bool = False
    default: str | None = None
    tunable: bool = False
    sets: bool = False
    affects_training: bool = True
    sees_labels: bool = False
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
        """The kind in one word, such as ``dataset``, for the command line, the templates and module names."""
        return self.singular.replace(" ", "")

    @property
    def article(self) -> str:
        """The article of the singular, ``a`` or ``an``."""
        return "an" if self.singular[0] in "aeiou" else "a"

    @property
    def words(self) -> tuple[str, ...]:
        """The keys that recipes reserve in components of this kind; no option may have these names."""
        return ("name", "set") if self.sets else ("name",)

    def accepts(self, made: object) -> bool:
        """Whether a factory of this kind may return `made`."""
        return isinstance(made, load(self.made)) and all(callable(getattr(made, one, None)) for one in self.methods)

    def given(self, positional: tuple[str, ...], supplied: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments for a factory.

        Args:
            positional: The names of the factory's positional parameters.
            supplied: The kind's `arguments` and `by_name`, in order.

        Returns:
            The arguments that the parameters name, in the order of the parameters. If a parameter has any other name,
            the first `arguments` in their order.
        """
        by_name = dict(zip((*self.arguments, *self.by_name), supplied, strict=False))
        if by_name.keys() >= set(positional):
            return tuple(by_name[name] for name in positional)
        return supplied[: min(len(positional), len(self.arguments))]

    def can_supply(self, positional: tuple[str, ...]) -> bool:
        """Whether a run can call a factory that has these positional parameters."""
        return len(positional) <= len(self.arguments) or {*positional} <= {*self.arguments, *self.by_name}


def load(target: str) -> Any:
    """Import and return ``"module:attribute"``; this may import torch."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
