"""Each mistake that YAML's grammar knows is explained in plain words, where it was made."""

from __future__ import annotations

import pytest

from cvkit import RecipeError
from cvkit.recipe.yaml_reader import read_tree

ALIKE = "indent keys of one section alike"
SEPARATE = "separate its entries by commas, and close it"


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("a: {b: 1\n", 1, 4, "'{' is not closed by '}'", SEPARATE),
        ("a: [1, 2", 1, 4, "'[' is not closed by ']'", SEPARATE),
        ("a:\n- {b: 1\n- c\nd: x\n", 4, 2, "',' or '}' is missing in the '{' that begins on line 2", SEPARATE),
        ("a: [1, 2}\n", 1, 9, "',' or ']' is missing in the '[' that begins on line 1", SEPARATE),
        ('a: "x\nb: 1\n', 1, 4, "the quotation mark is not closed", "write the same quotation mark after the text"),
        ("a: b: c\n", 1, 5, "': ' occurs twice on a line", "put quotes around text that contains ': '"),
        ("a: 1\n  b: 2\n", 2, 3, "the line is indented below a line that already has a value", ALIKE),
        ("- a\n  b: 2\n", 2, 3, "the line is indented below a line that already has a value", ALIKE),
        ("a: 1\nb\n", 2, 1, "a key without ':'", "write `key: value`, with a space after the colon"),
        ("a:\n\tb: 1\n", 2, 1, "a tab at the beginning of a line", "indent with spaces, not tabs"),
        ("a: @b\n", 1, 4, "a value cannot start with '@'", "put quotes around text that starts with this character"),
        (
            'a: "C:\\photos"\n',
            1,
            8,
            "'\\p' has no meaning in double quotes",
            "use single quotes, in which a backslash has no meaning",
        ),
        (
            "a: 1\n- b\n",
            2,
            1,
            "a list entry stands between keys",
            "write `key: value`, or indent the list below its key",
        ),
        (
            "a:\n  - b\n  c: 1\n",
            3,
            3,
            "the line is in a list, but is not an entry of it",
            "begin it with '- ', or indent it below the entry that it belongs to",
        ),
        ("a:\n    b: 1\n  c: 2\n", 3, 3, "the indentation fits no line above", ALIKE),
        ("a: 'b'c\n", 1, 7, "more text follows the end of a value", "put quotes around the whole value"),
    ],
)
def test_mistake_is_explained_where_it_was_made(text, line, column, message, hint):
    with pytest.raises(RecipeError) as caught:
        read_tree(text, "x.yaml")
    (problem,) = caught.value.problems
    assert (problem.message, problem.hint) == (f"not valid YAML: {message}", hint)
    assert (problem.line, problem.column) == (line, column)


def test_fault_that_has_no_explanation_keeps_the_words_of_the_parser():
    with pytest.raises(RecipeError, match=r"not valid YAML: expected chomping or indentation indicators"):
        read_tree("a: |x\n", "x.yaml")
