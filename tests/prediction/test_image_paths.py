"""The files that a user names: found lazily, in an order that does not change, and with nothing lost in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

import cvkit
from cvkit.prediction.image_paths import ImagePaths, paths_in_lines, require_some
from cvkit.prediction.path_tables import paths_in_table


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Empty files in folders, some of them hidden, and a link to the folder that contains it."""
    monkeypatch.chdir(tmp_path)
    for name in ("p/b.png", "p/a.JPG", "p/in/c.webp", "p/notes.txt", "p/.hidden.png", "p/.git/d.png", "q/e.gif"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("p/in/loop").symlink_to(tmp_path / "p")
    return tmp_path


def found(*given: str, **options) -> list[str]:
    """Return the paths as text."""
    return [path.as_posix() for path in ImagePaths(given, **options)]


def test_folder_is_searched_with_subfolders_in_order(folder):
    """Hidden files are left out, and a link in a circle ends."""
    assert found("p") == ["p/a.JPG", "p/b.png", "p/in/c.webp"]


def test_other_files_in_a_folder_are_counted(folder):
    """So the command can say that they were left out."""
    paths = ImagePaths(["p"])
    assert len([*paths]) == 3
    assert paths.left_out == 1


def test_named_file_is_used_whatever_its_ending(folder):
    """Reading it reports what it is."""
    assert found("p/notes.txt", "q") == ["p/notes.txt", "q/e.gif"]


def test_pattern_is_expanded_in_order(folder):
    """Also over folders, which the shell may not do; what it matches besides images is counted."""
    assert found("p/[a-z]*g", "p/i[n]/c*") == ["p/b.png", "p/in/c.webp"]
    assert found("p/[abn]*", "?") == ["p/a.JPG", "p/b.png", "p/a.JPG", "p/b.png", "p/in/c.webp", "q/e.gif"]
    assert found("**/*.gif") == ["q/e.gif"]


def test_file_whose_name_looks_like_a_pattern_is_that_file(folder):
    """A name that exists is never expanded."""
    Path("x[1].png").touch()
    assert found("x[1].png") == ["x[1].png"]


@pytest.mark.parametrize(("name", "said"), [("p/b.pgn", "Did you mean 'b.png'"), ("q/*.png", "matches no file")])
def test_name_of_nothing_is_refused_at_once(folder, name, said):
    """Before a model is loaded."""
    with pytest.raises(cvkit.DataError, match=said):
        ImagePaths(["p", name]).require_there()


def test_list_of_paths_has_one_in_each_line(folder):
    """With either line break; blank lines and a byte order mark are skipped, and names need not be UTF-8."""
    lines = [b"\xef\xbb\xbfp/b.png\r\n", b"\n", b" \t\n", b"q/\xff.png\n", b" last.png"]
    assert [*paths_in_lines(lines)] == [Path("p/b.png"), Path("q/\udcff.png"), Path(" last.png")]


def test_folder_without_images_is_refused(folder):
    """With the endings that are looked for."""
    Path("none").mkdir()
    with pytest.raises(cvkit.DataError, match=r"'none' contains no images.*\.png"):
        require_some(ImagePaths(["none"]), ["none"], [])


def test_empty_list_is_refused_as_a_list(folder):
    """It is not searched for images, so the endings are not named."""
    with pytest.raises(cvkit.DataError) as refused:
        require_some(ImagePaths([]), [], ["standard input"])
    assert str(refused.value) == "standard input contains no paths"


CSV = "id;Path\n1;b.png\n2;in/c.webp\n"


def test_column_of_a_table_has_paths_relative_to_the_table(folder):
    """The usual column is found; commas, semicolons and tabs separate."""
    Path("p/list.csv").write_text(CSV)
    Path("p/list.tsv").write_text(CSV.replace(";", "\t"))
    for name in ("p/list.csv", "p/list.tsv"):
        assert [path.as_posix() for path in paths_in_table(Path(name), None)] == ["p/b.png", "p/in/c.webp"]


def test_column_of_a_parquet_table_is_read(folder):
    """Only that column."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"file": ["b.png"], "other": [1]}), "p/list.parquet")
    assert [*paths_in_table(Path("p/list.parquet"), None)] == [Path("p/b.png")]
    with pytest.raises(cvkit.DataError, match=r"row 1.*got 1"):
        next(paths_in_table(Path("p/list.parquet"), "other"))


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        (CSV, "pth", "no column 'pth'; it has id, Path. Did you mean 'Path'"),
        ("a,b\n1,2\n", None, "no column with a usual name.*--column: a, b"),
        ("file,path\nx,y\n", None, "several columns"),
        ("", None, "no columns"),
    ],
)
def test_table_without_paths_is_refused(folder, text, column, said):
    """With what it has."""
    Path("list.csv").write_text(text)
    with pytest.raises(cvkit.DataError, match=said):
        [*paths_in_table(Path("list.csv"), column)]


def test_row_without_a_path_does_not_cost_the_others(folder):
    """An empty cell, one of spaces, and a row that is too short have an error that names the row."""
    Path("list.csv").write_text("a,file\n1,x.png\n2,\n3, \n4\n5,y.png\n")
    found = [*paths_in_table(Path("list.csv"), None)]
    assert [str(path) for path in found] == ["x.png", "", "", "", "y.png"]
    assert [each.error.split(":")[0] for each in found[1:4]] == [f"'list.csv', row {number}" for number in (2, 3, 4)]
    assert "None" not in found[3].error


def test_file_that_is_no_table_is_refused(folder):
    """A wrong ending, an absent file and another encoding."""
    for name in ("list.xls", "absent.csv", "absent.parquet"):
        with pytest.raises(cvkit.DataError, match=name):
            [*paths_in_table(Path(name), None)]
    Path("list.csv").write_bytes(b"file\n\xff.png\n")
    with pytest.raises(cvkit.DataError, match="UTF-8"):
        [*paths_in_table(Path("list.csv"), None)]
