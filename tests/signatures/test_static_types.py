"""Annotations: a type from its source text, without running any code."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import NonNegativeFloat, PositiveInt, TypeAdapter, ValidationError

from cvkit.signatures.static_types import evaluate


def read(text: str, **aliases: str) -> Any:
    """The type that the annotation `text` stands for, in a module that makes the assignments `aliases`."""

    def lookup(name: str) -> Any:
        return (_tree(aliases[name]), lookup) if name in aliases else None

    return evaluate(_tree(text), lookup)


def _tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int", int),
        ("bool", bool),
        ("None", None),
        ("object", Any),
        ("Path", Path),
        ("pathlib.Path", Path),
        ("list[float]", list[float]),
        ("List[int]", list[int]),
        ("tuple[int, int]", tuple[int, int]),
        ("tuple[float, ...]", tuple[float, ...]),
        ("dict[str, object]", dict[str, Any]),
        ("int | None", int | None),
        ("Optional[int]", int | None),
        ("typing.Union[int, str]", int | str),
        ("int | float | list[int]", int | float | list[int]),
        ('Literal["reflect", "constant"]', Literal["reflect", "constant"]),
        ("t.Literal[1, -1, None]", Literal[1, -1, None]),
        ('bool | Literal["auto"]', bool | Literal["auto"]),
        ("PositiveInt", PositiveInt),
        ("pydantic.NonNegativeFloat", NonNegativeFloat),
        ('"int | None"', int | None),
        ('list["float"]', list[float]),
    ],
)
def test_annotation_that_the_source_tells_is_its_type(text, expected):
    """Builtins, unions, literals, containers, pydantic's numbers, and any of them as text."""
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tensor | float", float),
        ("Union[Tensor, float, tuple[float, float]]", float | tuple[float, float]),
        ("Optional[Tensor | int]", int | None),
        ('"Tensor" | str', str),
    ],
)
def test_union_keeps_the_members_that_can_be_told(text, expected):
    """A recipe cannot write a tensor, so what remains is what it may write."""
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Tensor",
        "torch.Tensor",
        "np.int",
        "Tensor | None",
        "Optional[Tensor]",
        "list[Tensor]",
        "Callable[[int], int]",
        "Literal[name]",
        "Annotated[Tensor, 1]",
        '"not ( python"',
        "int[str]",
        "1 + 1",
        "lambda: int",
        "3",
    ],
)
def test_annotation_that_cannot_be_told_is_any(text):
    """What only running the module would tell is left to the factory to check."""
    assert read(text) is Any


def test_alias_stands_for_its_type():
    """A module's own name for a type is followed, also through another and inside a union."""
    aliases = {"Padding": 'Literal["reflect", "constant"]', "Mode": "Padding | None"}
    assert read("Mode", **aliases) == Literal["reflect", "constant"] | None
    assert read("list[Padding]", **aliases) == list[Literal["reflect", "constant"]]


def test_alias_hides_the_builtin_of_its_name():
    """A module that calls a type of its own `float` means that one."""
    assert read("float", float="int") is int


def test_alias_of_itself_ends():
    """Names that go round in circles are a type that cannot be told."""
    assert read("A", A="A") is Any
    assert read("A", A="B", B="list[A]") is Any


@pytest.mark.parametrize("field", ["Field(ge=0, le=1)", "pydantic.Field(ge=0, le=1)", "Field(ge=0), Field(le=1)"])
def test_annotated_bounds_are_kept(field):
    """Pydantic's bounds hold for what a recipe writes."""
    adapter = TypeAdapter(read(f"Annotated[float, {field}]"))
    assert adapter.validate_python(0.5) == 0.5
    for outside in (-0.1, 1.1):
        with pytest.raises(ValidationError):
            adapter.validate_python(outside)


@pytest.mark.parametrize("metadata", ['"the rate"', "Field(ge=LOWEST)", "Gt(0)", "Field(**BOUNDS)"])
def test_annotated_metadata_that_says_nothing_readable_leaves_the_type(metadata):
    """What cannot be read is not a reason to accept anything."""
    assert read(f"Annotated[float, {metadata}]") is float


@pytest.mark.parametrize("text", ["open({0!r}, 'w')", "list[open({0!r}, 'w')]", "Literal[open({0!r}, 'w')]"])
@pytest.mark.parametrize("wrap", ["{}", "int | {}", "Annotated[int, Field(ge={})]", "Annotated[int, {}]"])
def test_annotation_is_never_executed(text, wrap, tmp_path):
    """Code in an annotation stays text, wherever it hides."""
    marker = tmp_path / "executed"
    read(wrap.format(text.format(str(marker))))
    read(repr(wrap.format(text.format(str(marker)))))
    assert not marker.exists()
