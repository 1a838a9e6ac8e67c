"""Reads a recipe, the recipes it extends and the overrides into one tree of values with positions."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Problem, RecipeError, did_you_mean
from .merge import merge
from .nodes import ListNode, MapNode, Mark, ScalarNode
from .overrides import override
from .yaml_reader import MAX_BYTES, decode, read_tree

MAX_EXTENDS = 16


@dataclass(frozen=True)
class Document:
    """The content of a recipe, not yet checked against the installed components.

    Attributes:
        root: The values with their positions.
        file: The path of the recipe, for messages.
        name: The file name without its extension.
    """

    root: MapNode
    file: str
    name: str

    @property
    def disabled(self) -> tuple[str, ...]:
        """The plugins in ``plugins.disable``, for `discover`. Skips malformed entries, which the check reports."""
        plugins = self.root.items.get("plugins")
        names = plugins.items.get("disable") if isinstance(plugins, MapNode) else None
        entries = names.items if isinstance(names, ListNode) else ()
        return tuple(
            entry.value for entry in entries if isinstance(entry, ScalarNode) and isinstance(entry.value, str)
        )


def read(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Document:
    """Read a recipe, merge it with the recipes it extends, and apply overrides.

    Args:
        path: The recipe's YAML file.
        overrides: Overrides of the form ``path=value``, as in ``model.width=32``.

    Returns:
        The content of the recipe, to be checked with `resolve`.

    Raises:
        RecipeError: The file could not be read, is not a recipe, or extends itself.
    """
    path = Path(path)
    return _document(_load(path, Mark("")), path, overrides)


def read_text(text: str, overrides: Sequence[str] = (), *, file: str = "<text>", extends: bool = True) -> Document:
    """Read a recipe from `text`; `file` names it in problems, and the relative paths in it start in its folder.

    With `extends=False`, as for the recipe of a run folder, a recipe that extends another is an error, so no other
    file is read, and paths are kept as they are.
    """
    return _document(text, Path(file), overrides, extends)


def read_inline(root: MapNode, path: Path, overrides: Sequence[str] = ()) -> Document:
    """Return the recipe that a mapping in the file at `path` contains; it may extend other recipes.

    Raises `RecipeError` like `read`.
    """
    return Document(override(_extended(root, path, ()), overrides), display(path), path.stem)


def read_any(recipe: str | os.PathLike[str] | Mapping[str, Any], overrides: Sequence[str] = ()) -> Document:
    """Read a recipe that is a path, the text of a recipe, or a mapping.

    A text is a path if it is one line that ends in .yaml or has no colon, without which it cannot be a recipe. Raises
    `TypeError` for another type, `RecipeError` for values that YAML cannot contain, and otherwise like `read`.
    """
    if isinstance(recipe, Mapping):
        return read_text(as_yaml(dict(recipe), "recipe", indent=1), overrides, file="recipe")
    if isinstance(recipe, os.PathLike) or (isinstance(recipe, str) and is_path(recipe)):
        return read(Path(recipe), overrides)
    if isinstance(recipe, str):
        return read_text(recipe, overrides, file="recipe")
    raise TypeError(f"a recipe is a path, a text or a mapping, not {type(recipe).__name__}")


def is_path(text: str) -> bool:
    """Return whether a text is the path of a YAML file, and not YAML itself."""
    return bool(text) and "\n" not in text and (text.endswith((".yaml", ".yml")) or ":" not in text)


def as_overrides(values: Mapping[str, Any]) -> dict[str, str]:
    """Return an override for each value by path, as in ``train.epochs=2``, with the place that the user wrote.

    Raises `TypeError` if `values` is not a mapping, and `RecipeError` like `read_any`.
    """
    if not isinstance(values, Mapping):
        raise TypeError(f"set is a mapping such as {{'train.epochs': 2}}, not {type(values).__name__}")
    places = {path: f"set={{{path!r}: {value!r}}}" for path, value in values.items()}
    return {f"{path}={as_yaml(value, places[path])}": places[path] for path, value in values.items()}


def as_yaml(value: Any, place: str, indent: int | None = None) -> str:
    """Return a value as JSON, which is YAML; a path becomes its text. `place` contains it, for messages."""
    try:
        return json.dumps(value, ensure_ascii=False, default=_plain, indent=indent)
    except (TypeError, ValueError) as error:
        raise RecipeError([Problem(f"a recipe cannot contain this value: {error}", file=place)]) from error


def _plain(value: object) -> object:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item"):  # a number of NumPy or torch
        return value.item()
    raise TypeError(f"{value!r} is of type {type(value).__name__}")


def _document(text: str, path: Path, overrides: Sequence[str], extends: bool = True) -> Document:
    root = override(_compose(text, path, (), extends), overrides)
    return Document(root, display(path), path.stem)


def display(path: Path) -> str:
    """Return the path as printable text, even if its bytes are not valid UTF-8."""
    return str(path).encode("utf-8", "replace").decode()


def _compose(text: str, path: Path, below: tuple[Path, ...], extends: bool = True) -> MapNode:
    """Return the tree of `text` merged with the recipe it extends; `below` lists the files that extend this one."""
    file = display(path)
    root = read_tree(text, file, path.parent if extends else None)
    if root is None:
        raise RecipeError([Problem("the recipe is empty", "a recipe requires at least `dataset` and `model`", file)])
    if not isinstance(root, MapNode):
        hint = "write lines such as `model: resnet`"
        raise RecipeError([root.mark.problem("a recipe must be a mapping of keys to values", hint)])
    return _extended(root, path, below, extends)


def _extended(root: MapNode, path: Path, below: tuple[Path, ...], extends: bool = True) -> MapNode:
    """Return the tree of the file at `path` merged with the recipe it extends."""
    if "extends" not in root.items:
        return root
    target = root.items["extends"]
    if not extends:
        hint = "`cvkit run` wrote this recipe in full; to use another base recipe, start a new run"
        raise RecipeError([target.mark.problem("the recipe of a run cannot extend another", hint)])
    if not (isinstance(target, ScalarNode) and isinstance(target.value, str) and target.value):
        raise RecipeError([target.mark.problem("`extends` must be the path of one other recipe")])
    chain = (*below, path)
    parent = path.parent / target.value
    if any(_same_file(parent, visited) for visited in chain):
        cycle = " -> ".join(map(display, (*chain, parent)))
        raise RecipeError([target.mark.problem(f"recipes extend one another in a circle: {cycle}")])
    if len(chain) >= MAX_EXTENDS:
        raise RecipeError([target.mark.problem(f"more than {MAX_EXTENDS} recipes extend one another")])
    merged = merge(_compose(_load(parent, target.mark), parent, chain), root.without("extends"))
    assert isinstance(merged, MapNode)  # noqa: S101  # a mapping laid over a mapping is one
    return merged


def _load(path: Path, mark: Mark) -> str:
    """Return the text of the file; `mark` is the place of the `extends` that names it, if any."""
    try:
        with path.open("rb") as file:
            return decode(file.read(MAX_BYTES + 1), display(path))
    except FileNotFoundError:
        raise RecipeError([mark.problem(f"there is no recipe '{display(path)}'", _nearest(path))]) from None
    except IsADirectoryError:
        message = f"'{display(path)}' is a folder, not a recipe"
        hint = _nearest(path / "recipe.yaml") or "if it contains photos, 'cvkit new' writes a recipe for them"
        raise RecipeError([mark.problem(message, hint)]) from None
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise RecipeError([mark.problem(f"could not read '{display(path)}': {cause}")]) from None


def _nearest(missing: Path) -> str:
    """Return a hint with the nearest recipe in the same folder, or with all of them."""
    folder = missing.parent
    try:
        names = sorted(display(Path(file.name)) for file in folder.iterdir() if file.suffix in (".yaml", ".yml"))
    except OSError:
        return f"there is no folder '{display(folder)}'"
    near = did_you_mean(missing.name, names) or did_you_mean(f"{missing.name}.yaml", names)
    return near or (f"recipes in that folder: {', '.join(names[:12])}" if names else "")


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False
