"""Merges one recipe over another: mappings merge, all other values replace; nodes keep their positions."""

from __future__ import annotations

from ..kinds import KINDS
from .nodes import MapNode, Node, ScalarNode

PARTS = {kind.key: kind.name for kind in KINDS.values() if not kind.many}
"""The keys that contain one component, and the kind of the component."""

PART_LISTS = {kind.key: kind.name for kind in KINDS.values() if kind.many}
"""The keys that contain a list of components, and the kind of the components."""

NESTING = KINDS["datasets"].key
"""The key of the components whose options may be components of the same kind."""

Path = tuple[str, ...]


def kind_of(place: str) -> str:
    """Return the kind of the component at a place such as ``model`` or ``augmentations.0``; raise `KeyError`."""
    return (PARTS | PART_LISTS)[place.partition(".")[0]]


def is_part(path: Path) -> bool:
    """Whether this is the path of a component, such as ``model`` or ``augmentations.0``."""
    return (len(path) == 1 and path[0] in PARTS) or (len(path) == 2 and path[0] in PART_LISTS)


def merge(below: Node | None, above: Node, path: Path = ()) -> Node:
    """Return `above` merged over `below`, both at `path`.

    Mappings merge key by key; lists and scalars replace. A part with another name replaces the whole part below,
    because its options belong to another component.
    """
    if is_part(path) or (_may_nest(path) and isinstance(above, MapNode)):
        below = as_part(below)
        if isinstance(below, MapNode) and _names_another(below, as_part(above)):
            return above
    if not (isinstance(below, MapNode) and isinstance(above, MapNode)):
        return above
    items = dict(below.items)
    for key, node in above.items.items():
        items[key] = merge(below.items.get(key), node, (*path, key))
    return MapNode(above.mark, items, below.keys | above.keys)


def _may_nest(path: Path) -> bool:
    """Return whether this is the path of an option of a data set, which may be another data set."""
    return len(path) > 1 and path[0] == NESTING


def as_part(node: Node | None) -> Node | None:
    """Return a part that is only a name as a mapping with `name`; return any other node unchanged."""
    if isinstance(node, ScalarNode) and isinstance(node.value, str):
        return MapNode(node.mark, {"name": node}, {"name": node.mark})
    return node


def part_name(node: Node | None) -> str | None:
    """Return the name of the component in a part, or None if it has none."""
    part = as_part(node)
    name = part.items.get("name") if isinstance(part, MapNode) else None
    return name.value if isinstance(name, ScalarNode) and isinstance(name.value, str) else None


def _names_another(below: Node | None, above: Node | None) -> bool:
    old, new = part_name(below), part_name(above)
    return new is not None and new != old
