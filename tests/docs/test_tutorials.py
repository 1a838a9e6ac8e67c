"""The tutorials, followed to the letter; there is one for each kind, for the hooks of all runs, and for commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cvkit import KINDS
from cvkit.host.validation import COMMANDS_HOOK, hooks, observing_hooks

HOME = Path(__file__).parents[2] / "docs" / "tutorials"
INDEX = HOME / "README.md"
TUTORIALS = sorted({*HOME.glob("*.md")} - {INDEX})

PLUGINS = [path for path in TUTORIALS if path.stem not in ("your-own-photos", "several-labels")]  # these need none

any_tutorial = pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
plugin_tutorial = pytest.mark.parametrize("tutorial", PLUGINS, ids=lambda path: path.stem)


@any_tutorial
@pytest.mark.usefixtures("unrendered")
def test_tutorial_works_as_written(tutorial, page, follow_here):
    """Its files and commands, in an empty folder, do what it shows."""
    follow_here(page(tutorial))


def test_index_matches_the_kinds(page):
    """It says what each kind's factory receives and returns as the code does, and links a page for each."""
    ((_, *rows),) = [table for table in page(INDEX).tables() if table[0][0] == "page"]
    expected = [
        [f"[{kind.singular}]", kind.hook, f"({', '.join(kind.arguments)}, *, ...)", kind.returns]
        for kind in KINDS.values()
    ]
    assert [[re.sub(r"\(.*\)", "", row[0]), *row[1:]] for row in rows] == expected
    linked = {(HOME / link).resolve() for link in re.findall(r"\]\(([\w./-]+\.md)\)", page(INDEX).text)}
    assert {*TUTORIALS} <= linked


@plugin_tutorial
def test_tutorial_implements_hooks_that_exist(tutorial, page):
    """Its files have a hook of its kind, or all that watch a run, with arguments that these have."""
    code = "\n".join(page(tutorial).files().values())
    implemented = dict(re.findall(r"^@hookimpl\ndef (\w+)\((.*)\)", code, re.M))
    known = hooks()
    watching = observing_hooks()
    of_kind = {kind.hook for kind in KINDS.values() if kind.noun == tutorial.stem}
    of_kind |= {COMMANDS_HOOK} if tutorial.stem == "command" else set()
    assert implemented.keys() == (of_kind or watching)
    for name, taken in implemented.items():
        assert {*filter(None, taken.partition(", *")[0].split(", "))} <= {*known[name]}


def test_page_about_hooks_lists_every_hook_that_watches(page):
    """With all of its arguments."""
    watching = observing_hooks()
    ((_, *rows),) = page(HOME / "watching.md").tables("The hooks")
    assert [row[0] for row in rows] == [f"{name}({', '.join(hooks()[name])})" for name in hooks() if name in watching]
