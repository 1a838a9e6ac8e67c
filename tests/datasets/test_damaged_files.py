"""Every damaged file is found and named before the first step; none is replaced or rewritten."""

from __future__ import annotations

import hashlib
import io
import os

import numpy as np
import pytest
from PIL import Image

from cvkit import DataError
from cvkit_datasets.image_folder import image_folder

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8))


def encoded(ending: str) -> bytes:
    stream = io.BytesIO()
    NOISE.save(stream, {"jpg": "JPEG", "tif": "TIFF"}.get(ending, ending))
    return stream.getvalue()


def cut(content: bytes) -> bytes:
    return content[: len(content) * 3 // 4]


@pytest.fixture
def base(tmp_path):
    """Two classes of six photos of noise, in one folder each."""
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(6):
            (tmp_path / "pets" / name / f"{number}.jpg").write_bytes(encoded("jpg"))
    return tmp_path / "pets"


def spoil(base):
    """Damage four of twelve files, each in another way; return their contents."""
    spoiled = {
        "cat/0.jpg": cut(encoded("jpg")),
        "cat/1.jpg": b"",
        "dog/0.jpg": b"<html>not found</html>",
        "dog/1.jpg": encoded("jpg")[:100],
    }
    for name, content in spoiled.items():
        (base / name).write_bytes(content)
    return spoiled


def test_all_damaged_files_are_named_together(tmp_path, base, wording):
    """Including one that is cut in the middle, which its header does not show, of whatever split."""
    spoil(base)
    with pytest.raises(DataError, match="4 of 12") as caught:
        image_folder(tmp_path, path="pets", validation=0.3)
    assert str(caught.value) == wording


def test_an_error_names_twenty_and_counts_the_rest(tmp_path, base):
    """A folder of thousands of damaged files is no page of text."""
    for number in range(23):
        (base / "cat" / f"bad{number}.jpg").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        image_folder(tmp_path, path="pets", validation=0.3)
    assert str(caught.value).count("bad") == 20
    assert "3 more" in str(caught.value)


def test_skipped_files_are_left_out_and_listed_and_nothing_changes_on_disk(tmp_path, base):
    """No other image takes their place, and the file is not rewritten."""
    spoiled = spoil(base)
    contents = {file: hashlib.sha256(file.read_bytes()).digest() for file in base.rglob("*.jpg")}
    splits = image_folder(tmp_path, path="pets", validation=0.3, on_error="skip")
    assert {one.name for one in splits.account.left_out} == spoiled.keys()
    assert all(one.reason.startswith("damaged: ") for one in splits.account.left_out)
    assert not {*splits.train.names, *splits.validation.names} & spoiled.keys()
    assert len(splits.train) + len(splits.validation) == 8
    assert {file: hashlib.sha256(file.read_bytes()).digest() for file in base.rglob("*.jpg")} == contents


@pytest.mark.parametrize("ending", ["jpg", "png", "gif", "tif", "webp", "bmp"])
def test_a_file_that_ends_early_is_found_in_every_format(tmp_path, base, ending):
    """A whole file, with data appended by some program, is not."""
    (base / "cat" / f"whole.{ending}").write_bytes(encoded(ending) + b"appended" * 20)
    assert len(image_folder(tmp_path, path="pets", validation=2).account.left_out) == 0
    (base / "cat" / f"cut.{ending}").write_bytes(cut(encoded(ending)))
    with pytest.raises(DataError, match=rf"cat/cut\.{ending}"):
        image_folder(tmp_path, path="pets", validation=2)


def test_class_whose_images_are_all_damaged_is_refused(tmp_path, base):
    """Skipping must not remove a class in silence."""
    for file in (base / "dog").iterdir():
        file.write_bytes(b"")
    with pytest.raises(DataError, match="only the class 'cat'"):
        image_folder(tmp_path, path="pets", validation=2, on_error="skip")


def test_a_file_that_is_damaged_later_is_named_when_it_is_read(tmp_path, base):
    """An image that was good as the run started."""
    train = image_folder(tmp_path, path="pets", validation=2).train
    train.files[0].write_bytes(cut(encoded("jpg")))
    with pytest.raises(DataError, match=train.names[0].replace(".", r"\.")):
        train[0]


def test_a_large_photo_is_found_before_the_first_step(tmp_path, base, monkeypatch):
    """With the line to write; the option then lets it in."""
    Image.new("1", (1500, 1000)).save(base / "cat" / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    with pytest.raises(DataError, match=r"cat/large\.png.*max_megapixels: 2"):
        image_folder(tmp_path, path="pets", validation=2)
    splits = image_folder(tmp_path, path="pets", validation=2, max_megapixels=2)
    split = splits.train if "cat/large.png" in splits.train.names else splits.validation
    assert tuple(split[split.names.index("cat/large.png")][0].shape) == (3, 1000, 1500)


def test_damaged_exif_is_said_and_the_image_is_used(tmp_path, base):
    """It used to end the run without the name of the file."""
    NOISE.save(base / "cat" / "exif.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01\x12\0\x03\0\0\0\x01\0\x06")
    (base / "cat" / "worse.jpg").write_bytes(
        encoded("jpg")[:2] + b"\xff\xe1\x00\x10Exif\0\0ABCDEFGH" + encoded("jpg")[2:]
    )
    splits = image_folder(tmp_path, path="pets", validation=2)
    assert len(splits.train) + len(splits.validation) == 14
    assert any("EXIF" in note and "cat/worse.jpg" in note for note in splits.account.notes)
    assert all(split[index][0].numel() for split in (splits.train, splits.validation) for index in range(len(split)))


def test_animations_are_said(tmp_path, base):
    """Their first frame is read; a photo of a phone with a second picture in it is no animation."""
    NOISE.save(base / "cat" / "moves.gif", save_all=True, append_images=[NOISE.rotate(90)])
    NOISE.save(base / "cat" / "phone.jpg", "MPO", save_all=True, append_images=[NOISE.resize((24, 24))])
    notes = image_folder(tmp_path, path="pets", validation=2).account.notes
    assert [note for note in notes if "frame" in note] == ["only the first frame or page is read of 'cat/moves.gif'"]


def test_twelve_bits_in_sixteen_are_warned_of(tmp_path, wording):
    """They would be nearly black; `bits: 12` spreads them, and there is nothing to warn of in full 16-bit files."""
    draw = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / "deep" / name).mkdir(parents=True)
        for number in range(4):
            values = draw.integers(0, 4096, (8, 8), dtype=np.uint16)
            values[0, 0] = 4095
            Image.fromarray(values).save(tmp_path / "deep" / name / f"{number}.png")
    options = {"path": "deep", "validation": 2, "channels": 1}
    (note,) = image_folder(tmp_path, **options).account.notes
    assert note == wording
    spread = image_folder(tmp_path, **options, bits=12)
    assert spread.account.notes == ()
    assert max(int(spread.train[index][0].max()) for index in range(len(spread.train))) == 255
    for file in (tmp_path / "deep").rglob("*.png"):
        Image.fromarray(np.full((8, 8), 60_000, np.uint16)).save(file)
    assert image_folder(tmp_path, **options).account.notes == ()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_file_without_permission_is_named(tmp_path, base):
    """With the system's reason."""
    (base / "cat" / "0.jpg").chmod(0)
    with pytest.raises(DataError, match=r"cat/0\.jpg.*permission denied"):
        image_folder(tmp_path, path="pets", validation=2)
