"""A declaration edited: the component is in it, the rest is as it was, and what cannot be edited is refused."""

from __future__ import annotations

import ast

import pytest

from cvkit.scaffold.declaration import CannotEdit, declares, with_component

COMPONENT = '    yield Component(\n        "new",\n        "acme.new:New",\n    )\n'
WHOLE = f"@hookimpl\ndef cvkit_losses() -> Iterator[Component]:\n{COMPONENT}"
IMPORTS = "from collections.abc import Iterator\n\nfrom cvkit import Component, hookimpl\n"
OTHER = '\n\n@hookimpl\ndef cvkit_models():\n    yield Component("net", "acme.net:net")  # mine\n'


def edited(text: str) -> str:
    return with_component(text, "cvkit_losses", COMPONENT, WHOLE)


def kept(before: str, after: str) -> bool:
    """Whether every line of `before` is in `after`, in the same order."""
    lines = iter(after.splitlines())
    return all(line in lines for line in before.splitlines())


def declared(text: str) -> list[str]:
    """Return the components that a declaration's hook for losses yields."""
    names: dict[str, object] = {}
    exec(compile(ast.parse(text), "declaration", "exec"), names)  # the test's own text
    return [component.name for component in names["cvkit_losses"]()]


@pytest.mark.parametrize(
    "text",
    [
        f'"""Nets."""\n\n{IMPORTS}{OTHER}',
        f"{IMPORTS}{OTHER}\n\n# the end, without a line break",
        f'"""Nets."""\n\nfrom cvkit import Component, hookimpl\n{OTHER}',
        f"import os\nfrom cvkit import (\n    Component,\n    hookimpl,\n){OTHER}",
        f"from typing import Iterator\nfrom cvkit import Component, hookimpl{OTHER}",
        '"""Nothing yet."""\n',
        "",
        "x = 1\n",
    ],
)
def test_hook_that_is_not_there_is_added_with_what_it_needs(text):
    """At the end, its imports beside those that are there; comments and blank lines stay."""
    after = edited(text)
    assert declared(after) == ["new"]
    assert kept(text, after)


@pytest.mark.parametrize(
    "body",
    [
        '    yield Component("old", "a:b")\n',
        '    """Doc."""\n    yield Component(\n        "old",\n        "a:b",\n    )\n\n\nx = 1  # after\n',
        '    for name in ["old"]:\n        yield Component(name, "a:b")\n',
        '        yield Component("old", "a:b")',
        '    yield from [Component("old", "a:b")]\n    # a comment\n\n\ndef other():\n    return 1\n',
    ],
)
def test_hook_that_is_there_yields_one_more(body):
    """At its end, indented as it is."""
    text = f"{IMPORTS}\n\n@hookimpl\ndef cvkit_losses():\n{body}"
    after = edited(text)
    assert declared(after) == ["old", "new"]
    assert kept(text, after)


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        (f"{IMPORTS}\n@hookimpl\ndef cvkit_losses():\n    return [Component('old', 'a:b')]\n", "cvkit_losses", 6),
        (f"{IMPORTS}\ndef cvkit_losses():\n    yield Component('o', 'a:b')\n    return\n", "cvkit_losses", 7),
        (f"{IMPORTS}\n@hookimpl\ndef cvkit_losses(): yield Component('old', 'a:b')\n", "cvkit_losses", 6),
        (f"{IMPORTS}\ncvkit_losses = hookimpl(lambda: [])\n", "cvkit_losses", 5),
        (f"{IMPORTS}\nif True:\n    def cvkit_losses():\n        yield 1\n", "cvkit_losses", 6),
        ("from cvkit import hookimpl\nclass Component: ...\n", "Component", 2),
        ("from .mine import hookimpl\n", "hookimpl", 1),
        ("import other as Iterator\n", "Iterator", 1),
    ],
)
def test_declaration_of_another_form_is_refused(text, name, line, wording):
    """The reason says which line."""
    with pytest.raises(CannotEdit, match=rf"\b{line}\b") as caught:
        edited(text)
    assert f"'{name}'" in str(caught.value)
    assert str(caught.value) == wording


def test_declaration_that_does_not_parse_is_refused(wording):
    """In Python's words."""
    with pytest.raises(SyntaxError) as pythons:
        ast.parse("def net(:")
    with pytest.raises(CannotEdit) as caught:
        edited("def net(:")
    assert str(pythons.value) in str(caught.value)
    assert str(caught.value).replace(str(pythons.value), "<Python's words>") == wording


def test_target_that_is_declared_is_found():
    """However the component is declared."""
    assert declares(edited(""), "acme.new:New")
    assert not declares(edited(""), "acme.new:Ne")
