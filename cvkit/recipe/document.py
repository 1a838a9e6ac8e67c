"""A recipe as written: its file, what it extends and the overrides, as one tree of positioned values."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import Problem, RecipeError, did_you_mean
from .merge import merge
from .nodes import ListNode, MapNode, Mark, ScalarNode
from .overrides import override
from .yaml_reader import MAX_BYTES, decode, read_tree

MAX_EXTENDS = 16


@dataclass(frozen=True)
class Document:
    """What a recipe says, not yet checked against the components there are. `name` is its file's stem."""

    root: MapNode
    file: str
    name: str

    @property
    def disabled(self) -> tuple[str, ...]:
        """The plugins that ``plugins.disable`` names, for `discover`; whether it is well-formed is checked later."""
        plugins = self.root.items.get("plugins")
        names = plugins.items.get("disable") if isinstance(plugins, MapNode) else None
        entries = names.items if isinstance(names, ListNode) else ()
        return tuple(
            entry.value for entry in entries if isinstance(entry, ScalarNode) and isinstance(entry.value, str)
        )


def read(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Document:
    """Read the recipe at `path`, lay it over what it extends, and apply the ``path=value`` overrides.

    Raises `RecipeError` for a file that cannot be had, is not a recipe's text, or extends itself.
    """
    path = Path(path)
    return _document(_load(path, Mark("")), path, overrides)


def read_text(text: str, overrides: Sequence[str] = (), *, file: str = "<text>", extends: bool = True) -> Document:
    """Read a recipe from `text`, as `read` does; `file` names it in problems and is where `extends` starts from.

    Without `extends` it may not extend another, so that no other file is read.
    """
    return _document(text, Path(file), overrides, extends)


def _document(text: str, path: Path, overrides: Sequence[str], extends: bool = True) -> Document:
    root = override(_compose(text, path, (), extends), overrides)
    return Document(root, display(path), path.stem)


def display(path: Path) -> str:
    """Return the path as text that can be printed, whatever bytes its name holds."""
    return str(path).encode("utf-8", "replace").decode()


def _compose(text: str, path: Path, below: tuple[Path, ...], extends: bool = True) -> MapNode:
    """Return the tree of `text` laid over the recipe it extends; `below` are the files that led here."""
    file = display(path)
    root = read_tree(text, file)
    if root is None:
        raise RecipeError([Problem("the recipe is empty", "it needs at least `dataset` and `model`", file)])
    if not isinstance(root, MapNode):
        hint = "it starts with lines such as `model: resnet`"
        raise RecipeError([root.mark.problem("a recipe is a mapping of keys to values", hint)])
    if "extends" not in root.items:
        return root
    target = root.items["extends"]
    if not extends:
        hint = "the recipe of a run is whole as `cvkit run` wrote it; to begin from another, start a new run"
        raise RecipeError([target.mark.problem("the recipe of a run extends no other", hint)])
    if not (isinstance(target, ScalarNode) and isinstance(target.value, str) and target.value):
        raise RecipeError([target.mark.problem("`extends` takes the path of one other recipe")])
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
    """Return the text of the file; `mark` is where it was asked for, if a recipe asked."""
    try:
        with path.open("rb") as file:
            return decode(file.read(MAX_BYTES + 1), display(path))
    except FileNotFoundError:
        raise RecipeError([mark.problem(f"there is no recipe '{display(path)}'", _nearest(path))]) from None
    except IsADirectoryError:
        message = f"'{display(path)}' is a folder, not a recipe"
        raise RecipeError([mark.problem(message, _nearest(path / "recipe.yaml"))]) from None
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise RecipeError([mark.problem(f"'{display(path)}' cannot be read: {cause}")]) from None


def _nearest(missing: Path) -> str:
    """Say which recipe of the same folder was meant, or which there are."""
    folder = missing.parent
    try:
        names = sorted(display(Path(file.name)) for file in folder.iterdir() if file.suffix in (".yaml", ".yml"))
    except OSError:
        return f"there is no folder '{display(folder)}'"
    near = did_you_mean(missing.name, names) or did_you_mean(f"{missing.name}.yaml", names)
    return near or (f"recipes there: {', '.join(names[:12])}" if names else "")


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False
