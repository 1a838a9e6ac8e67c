"""Image files are found below folders, each once, with the class its folder is named after."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from cvkit.errors import DataError
from cvkit.explain.image_files import find_images

CLASSES = ("cat", "dog")


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in (
        "b.png",
        "a.JPG",
        "cat/x.jpeg",
        "dog/old/y.webp",
        "notes.txt",
        ".hidden.png",
        ".git/z.png",
        "cat/._x.png",
    ):
        file = tmp_path / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path / "images"


def found(*given: Path, leave_out: Path = Path("nowhere")) -> dict[str, int | None]:
    return {file.path.name: file.label for file in find_images(given, CLASSES, leave_out)}


def test_folder_is_searched_in_order(folder):
    """Whatever the case of an ending; hidden files and other files are passed over."""
    assert [*found(folder)] == ["a.JPG", "b.png", "x.jpeg", "y.webp"]


def test_folder_named_like_a_class_says_the_class(folder):
    """The nearest one, below the folder given or that folder itself."""
    assert found(folder) == {"a.JPG": None, "b.png": None, "x.jpeg": 0, "y.webp": 1}
    assert found(folder / "cat") == {"x.jpeg": 0}
    assert found(folder / "dog" / "old" / "y.webp") == {"y.webp": None}
    assert found(folder / "cat" / "x.jpeg") == {"x.jpeg": 0}


def test_class_is_known_from_within_the_folder(folder, monkeypatch):
    """`.` has a name, too."""
    monkeypatch.chdir(folder / "cat")
    assert found(Path()) == {"x.jpeg": 0}


def test_file_given_is_taken_whatever_its_ending(folder):
    """Whether it is an image is seen when it is read."""
    assert found(folder / "notes.txt") == {"notes.txt": None}


def test_file_found_twice_is_taken_once(folder):
    """By itself and in its folder, or by another way."""
    assert len(found(folder / "b.png", folder, folder / "cat" / ".." / "b.png")) == 4


def test_earlier_explanations_are_not_explained(folder):
    """The folder they are written to may lie in the one that is searched."""
    assert "x.jpeg" not in found(folder, leave_out=folder / "cat")


@pytest.mark.parametrize("name", ["missing.png", "missing"])
def test_path_to_nothing_is_said(folder, name, wording):
    """A file or a folder."""
    with pytest.raises(DataError, match=f"/{name}'") as caught:
        found(folder / name)
    assert str(caught.value) == wording


def test_folder_without_images_says_what_was_looked_for(tmp_path, wording):
    """Its endings."""
    with pytest.raises(DataError, match=r"\.png, \.jpg") as caught:
        found(tmp_path)
    assert str(caught.value) == wording


def test_link_to_itself_is_passed_over_when_it_is_read(folder):
    """Where it leads is not known, and the others are found."""
    (folder / "loop.png").symlink_to("loop.png")
    assert len(found(folder)) == 5


@pytest.mark.parametrize("name", ["x" * 300 + ".png", "loop.png/x.png", "b.png/x.png"])
def test_path_that_no_file_can_have_is_said(folder, name):
    """Too long, through a link to itself, or below a file."""
    (folder / "loop.png").symlink_to("loop.png")
    with pytest.raises(DataError, match=re.escape(f"/{name}'")):
        found(folder / name)


def test_folder_that_may_not_be_looked_into_is_named(folder, monkeypatch):
    """When it is read, and not passed over as if it were empty."""
    scan = os.scandir

    def scandir(path):
        if Path(path).name == "cat":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert set(found(folder)) == {"a.JPG", "b.png", "y.webp", "cat"}


def test_class_is_known_in_every_spelling_of_its_folder(tmp_path):
    """`café` in one or two characters, and a name that is not UTF-8, as data sets store it."""
    spellings = {"cafe\u0301": 0, "caf\u00e9s": 1, os.fsdecode(b"b\xe9b\xe9"): 2}
    for name in spellings:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").touch()
    classes = ("caf\u00e9", "cafe\u0301s", "b\\xe9b\\xe9")
    found = find_images([tmp_path], classes, tmp_path / "out")
    assert {file.path.parent.name: file.label for file in found} == spellings
