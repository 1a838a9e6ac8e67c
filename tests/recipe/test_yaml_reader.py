"""What recipe text is read as, and what is refused with its place."""

from __future__ import annotations

import pytest

from cvkit.errors import Problem, RecipeError
from cvkit.recipe.nodes import ListNode, MapNode, ScalarNode, plain
from cvkit.recipe.yaml_reader import MAX_BYTES, MAX_DEPTH, MAX_NODES, decode, read_tree


def refused(text: str) -> Problem:
    """Return the only problem of a text that does not read."""
    with pytest.raises(RecipeError) as caught:
        read_tree(text, "x.yaml")
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("+3", 3),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("no", "no"),
        ("on", "on"),
        ("True", True),
        ("tRue", "tRue"),
        ("~", None),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("0b1", "0b1"),
        ("\u0661", "\u0661"),
        ("'1'", "1"),
        ('"null"', "null"),
    ],
)
def test_scalar_follows_the_yaml_1_2_core_schema(text, value):
    """Numbers, booleans and null are those of YAML 1.2, and everything else is text."""
    node = read_tree(f"key: {text}", "x.yaml")
    read = plain(node)["key"]
    assert read == value
    assert type(read) is type(value)


def test_every_key_and_value_knows_its_place():
    """Line and column of keys, values and list entries are those an editor shows."""
    root = read_tree("model:\n  name: net\nlist: [1, 22]\n", "x.yaml")
    assert isinstance(root, MapNode)
    model, entries = root.items["model"], root.items["list"]
    assert isinstance(model, MapNode)
    assert isinstance(entries, ListNode)
    assert (root.keys["list"].line, root.keys["list"].column) == (3, 1)
    assert (model.keys["name"].line, model.keys["name"].column) == (2, 3)
    assert (model.items["name"].mark.line, model.items["name"].mark.column) == (2, 9)
    assert (entries.items[1].mark.line, entries.items[1].mark.column) == (3, 11)
    assert entries.items[1].mark.source == "list: [1, 22]"


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3", 3, 1),
        ("a: 1\nb: !!python/name:os.system x", 2, 4),
        ("a: !x 1", 1, 4),
        ("a: &x 1", 1, 4),
        ("base:\n  <<: 1", 2, 3),
        ("a: 1\n---\nb: 2", 2, 1),
        ("1: a", 1, 1),
        ("? [a]\n: b", 1, 3),
        ("a: .inf", 1, 4),
        ("a: .NaN", 1, 4),
        ("a: 1e999", 1, 4),
        ("a: 9223372036854775808", 1, 4),
        ("a:\n\tb: 1", 2, 1),
        ("a: b: c", 1, 5),
        ("a: [1, 2", 1, 4),
        ("a: 1\nb: \0", 2, 4),
        ('a: "\\ud800"', 1, 4),
    ],
)
def test_text_outside_the_accepted_yaml_is_refused_at_its_place(text, line, column, wording):
    """What recipes do not use, or could not mean, is refused with line and column."""
    problem = refused(text)
    assert (problem.line, problem.column) == (line, column)
    assert str(problem) == wording


def test_number_of_thousands_of_digits_is_refused_as_any_that_is_too_large():
    """Python itself would not convert it."""
    problem = refused("a: " + "9" * 5000)
    assert (problem.line, problem.column) == (1, 4)
    assert problem.message == refused("a: 9223372036854775808").message


def test_numbers_that_pyyaml_cannot_convert_are_refused_as_text(wording):
    """An escape beyond Unicode and a directive of 5,000 digits are RecipeErrors, not ValueErrors."""
    said = set()
    for text, convert in (
        ('a: "\\U00110000"', lambda: chr(0x110000)),
        ("%YAML " + "9" * 5000 + ".0\n---\na: 1", lambda: int("9" * 5000)),
    ):
        with pytest.raises(ValueError, match=r".") as pythons:
            convert()
        message = refused(text).message
        assert str(pythons.value) in message
        said.add(message.replace(str(pythons.value), "<Python's words>"))
    assert said == wording


def test_several_problems_are_reported_together():
    """What does not stop the reading does not hide the next problem."""
    with pytest.raises(RecipeError) as caught:
        read_tree("a: .inf\na: 1\nb: !t 2", "x.yaml")
    assert [problem.line for problem in caught.value.problems] == [1, 2, 3]


def test_depth_is_limited(wording):
    """Nesting is refused just beyond the limit, long before Python's own stack ends."""
    read_tree("[" * MAX_DEPTH + "]" * MAX_DEPTH, "x.yaml")
    problem = refused("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    assert (problem.line, problem.column) == (1, MAX_DEPTH + 1)
    assert problem.message == refused("[" * 500).message
    assert problem.message == wording


def test_number_of_values_is_limited(wording):
    """A recipe of more values than any recipe has is refused."""
    entries = ",".join("1" for _ in range(MAX_NODES))
    problem = refused(f"[{entries}]")
    assert str(MAX_NODES) in problem.message.replace(",", "")
    assert problem.message == wording


def test_merge_key_bomb_is_refused_at_once():
    """The bomb's first anchor already refuses it; nothing is expanded."""
    lines = ["a0: &a0 {x: 1}"] + [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 9)]
    with pytest.raises(RecipeError) as caught:
        read_tree("\n".join(lines), "x.yaml")
    first = caught.value.problems[0]
    assert (first.line, first.column) == (1, 5)
    assert first.message == refused("a: &x 1").message


def test_self_containing_list_is_refused():
    """An alias to the list it stands in never makes a cycle."""
    with pytest.raises(RecipeError) as caught:
        read_tree("a: &a [*a]", "x.yaml")
    anchor, alias = caught.value.problems
    assert [(problem.line, problem.column) for problem in (anchor, alias)] == [(1, 4), (1, 8)]
    assert anchor.message == alias.message == refused("a: &x 1").message


def test_bytes_must_be_utf_8_of_limited_size(wording):
    """Other encodings and outsized files are refused by name; a byte-order mark is tolerated."""
    with pytest.raises(RecipeError) as caught:
        decode(b"a: 1\nb: \xff", "x.yaml")
    assert "0xff" in str(caught.value)
    assert str(caught.value) == wording(name="encoding")
    with pytest.raises(RecipeError) as caught:
        decode(b" " * (MAX_BYTES + 1), "x.yaml")
    assert str(caught.value) == wording(name="size")
    node = read_tree(decode(b"\xef\xbb\xbfa: 1", "x.yaml"), "x.yaml")
    assert plain(node) == {"a": 1}


def test_shown_source_is_safe_for_a_terminal():
    """Control characters of the text do not reach the screen, and overlong lines are not shown whole."""
    assert "\t" not in refused("a: [1,\t.inf]").source
    assert len(refused("a: .inf " + "#" * 5000).source) < 200
    assert refused(f"{'a' * 1000}: .inf").source == ""


def test_empty_text_holds_nothing():
    """No document is no tree; an explicit null is a node."""
    assert read_tree("# only a comment\n", "x.yaml") is None
    assert isinstance(read_tree("---\n", "x.yaml"), ScalarNode)
