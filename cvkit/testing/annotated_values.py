"""The annotations of options: whether a plugin owns an option, whether it is readable, and which values it names."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from ..host.registry import Entry
from ..signatures.lookup import find
from ..signatures.signature import Option, read_signature, split_target

_LARGEST_TRIED = 64
"""The largest upper bound of an integer that is tried. Larger bounds are limits of the machine, such as a million
images, and a test with such a value would use all memory or take minutes."""


def own_options(entry: Entry) -> dict[str, Option]:
    """Return the options that the plugin's own package declares, without those passed on to another library."""
    component = entry.component
    if component.options_of is not None and entry.member is not None:
        package = component.target.partition(":")[0].partition(".")[0]
        if find(*split_target(component.options_of.format(name=entry.member)), within=package):
            return entry.signature().options
    return read_signature(component.target).options


def is_readable(option: Option) -> bool:
    """Return whether the annotation determines the type of the option; `Any` and `object` are types too."""
    return option.type is not Any or option.annotation.rpartition(".")[2] in ("Any", "object")


def promised_values(kind: Any) -> Iterator[Any]:
    """Yield the values that a type names: members of a `Literal`, true and false, null, and inclusive bounds.

    An integer's upper bound is omitted if it is larger than `_LARGEST_TRIED`.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        yield from arguments
    elif origin in (Union, types.UnionType):
        for argument in arguments:
            yield from promised_values(argument)
    elif origin is Annotated:
        yield from _included_bounds(arguments[0], arguments[1:])
    elif kind is bool:
        yield from (True, False)
    elif kind in (None, type(None)):
        yield None


def _included_bounds(kind: Any, metadata: Iterable[Any]) -> Iterator[Any]:
    for item in metadata:
        for constraint in item.metadata if isinstance(item, FieldInfo) else [item]:
            least, most = getattr(constraint, "ge", None), getattr(constraint, "le", None)
            if kind is int and most is not None and most > _LARGEST_TRIED:
                most = None
            for bound in (least, most):
                if bound is not None and kind in (int, float):
                    yield kind(bound)
