"""Writes the recipe with the values of a trial, as a recipe that extends the one that was searched."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..host.catalog import Catalog
from ..recipe import dump, resolve
from ..recipe.document import display
from ..recipe.dump import in_one_line
from ..recipe.merge import PART_LISTS
from ..recipe.nodes import MapNode, Node, plain
from .definition import SearchDefinition


def recipe_of(
    search: SearchDefinition, params: Mapping[str, Any], folder: Path, comment: str, catalog: Catalog
) -> str:
    """Return the YAML text of a recipe in `folder` with the values of a trial; `comment` is its first line.

    It extends the recipe of the search and contains the values of the space. A list is written in full, because lists
    of two recipes are not merged. If the recipe is written in the search's own file, the text is the complete recipe.
    """
    front, document = f"# {' '.join(comment.split())}\n", search.overridden(params)
    if search.inline:
        return front + dump(resolve(document, catalog))
    target = os.path.relpath(search.target.absolute(), folder.absolute())
    lines = [
        f"extends: {in_one_line(display(Path(target)))}",
        f"name: {in_one_line(f'{search.recipe.name}-best'[:100])}",
    ]
    for key in dict.fromkeys(path.partition(".")[0] for path in search.space):
        node = document.root.items[key]
        paths = [path for path in search.space if path.partition(".")[0] == key]
        whole = key in PART_LISTS or key in paths or not isinstance(node, MapNode)
        lines.append(f"{key}: {in_one_line(plain(node) if whole else _chosen(node, paths))}")
    return front + "\n".join(lines) + "\n"


def _chosen(node: Node, paths: Sequence[str]) -> dict[str, Any]:
    """Return the values at `paths`, whose first key leads to `node`, in nested mappings."""
    made: dict[str, Any] = {}
    for path in sorted(paths):
        held, into = node, made
        *above, last = path.split(".")[1:]
        for key in above:
            held = held.items[key] if isinstance(held, MapNode) else held
            into = into.setdefault(key, {})
        into[last] = plain(held.items[last]) if isinstance(held, MapNode) else plain(held)
    return made
