"""What is found in folders and tables of photos."""

from __future__ import annotations

import pytest
from photos import photo
from PIL import Image

from cvkit.errors import DataError
from cvkit.host.discovery import discover
from cvkit.starting.photos import look


@pytest.fixture
def fill(tmp_path):
    """Write photos into folders, and look at the whole."""

    def filled(**folders: int):
        for place, count in folders.items():
            for number in range(count):
                path = tmp_path / "pets" / place.replace("_", "/") / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                picture = photo(hash_of(place) + number, 40).permute(1, 2, 0).numpy()
                Image.fromarray(picture[:20]).save(path)
        return look(tmp_path / "pets", {"size": 32}, discover(), tmp_path)

    return filled


def hash_of(text: str) -> int:
    return sum(text.encode()) * 1000


def test_photos_without_splits_get_two(fill):
    """Both are taken of each class."""
    found = fill(cat=20, dog=10)
    assert (found.options["validation"], found.options["test"], found.own) == (0.15, 0.15, ())
    assert found.total == {"cat": 20, "dog": 10}
    assert found.typical == (20, 40)
    assert "on_error" not in found.options


@pytest.mark.parametrize(("half", "lacking"), [("val", "test"), ("test", "validation")])
def test_splits_of_their_own_are_kept(fill, half, lacking):
    """Only what is missing is taken from the training photos."""
    found = fill(train_cat=10, train_dog=10, **{f"{half}_cat": 3, f"{half}_dog": 3})
    assert [name for name in ("validation", "test") if name in found.options] == [lacking]
    assert len(found.splits.half("validation" if half == "val" else "test")) == 6


def test_damaged_photos_are_left_out(fill, tmp_path):
    """The recipe says so."""
    fill(cat=10, dog=10)
    (tmp_path / "pets/cat/3.png").write_bytes(b"no image")
    found = fill()
    assert found.options["on_error"] == "skip"
    assert found.total == {"cat": 9, "dog": 10}


def test_rare_class_is_refused_by_name(fill):
    """Two photos cannot be in three splits."""
    with pytest.raises(DataError, match="dog"):
        fill(cat=20, dog=2)
