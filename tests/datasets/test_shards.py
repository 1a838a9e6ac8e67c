"""Tar shards that cvkit packed: the same images in the same order, read by their number, and damage that is found."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from pathlib import Path

import pytest
import shard_sets
import torch

from cvkit import DataError, Splits
from cvkit.data.digests import digests_of
from cvkit.data.repetitions import once
from cvkit_datasets.indexed import files as shard_files
from cvkit_datasets.indexed.index import ARRAYS, LISTING
from cvkit_datasets.indexed.packed_text import PackedText
from cvkit_datasets.shards.writing import pack


@pytest.fixture(scope="module")
def pets(tmp_path_factory) -> Path:
    """A folder with pictures, and the shards of three images that they were packed into."""
    root = tmp_path_factory.mktemp("pets")
    shard_sets.draw(root / "pictures")
    (root / "shards").mkdir()
    pack(shard_sets.opened(root), root / "shards", lambda _: None, shard_images=3)
    return root


@pytest.fixture
def copied(pets, tmp_path) -> Path:
    """A copy of the shards, which a test may damage."""
    (tmp_path / "shards").mkdir()
    for file in (pets / "shards").iterdir():
        (tmp_path / "shards" / file.name).write_bytes(file.read_bytes())
    return tmp_path


def both(root: Path) -> tuple[Splits, Splits]:
    """Return the data set of the pictures, and that of the shards."""
    return shard_sets.opened(root), shard_sets.opened(root, shard_sets.SHARDS)


def test_shards_have_the_images_of_the_folder_in_its_order(pets):
    """Pixels, labels, names, digests and properties are equal, so nothing that is computed from them differs."""
    pictures, shards = both(pets)
    assert shards.info == pictures.info
    assert shards.account.counts == pictures.account.counts
    for before, after in ((pictures.train, shards.train), (pictures.test, shards.test)):
        assert len(after) == len(before)
        assert after.names == before.names
        assert tuple(digests_of(after)) == digests_of(before)
        for (image, label), (same, of_shard) in zip(
            map(before.__getitem__, range(len(before))), map(after.__getitem__, range(len(after))), strict=True
        ):
            assert torch.equal(image, same)
            assert label == of_shard


@pytest.mark.parametrize(
    ("wrapper", "images"),
    [
        ("{name: subset, of: OF, count: 9}", 9),
        ("{name: repeat, of: OF, times: 2}", 28),
        ("{name: relabel, of: OF, classes: {cat: pet}}", 14),
        ("{name: concatenate, of: [OF, OF]}", 28),
    ],
)
def test_digests_survive_in_data_sets_that_wrap_shards(pets, wrapper, images):
    """So predictions.csv has them, and runs can be compared by the content of images."""
    of = "{name: shards, path: shards}"
    by_name = dict(zip(*(lambda train: (train.names, train.digests))(both(pets)[1].train), strict=True))
    train = shard_sets.opened(pets, shard_sets.RECIPE, f"dataset={wrapper.replace('OF', of)}").train
    for split in (train, once(train)):
        assert [*digests_of(split)] == [
            by_name[name.removeprefix("of.0/").removeprefix("of.1/")] for name in split.names
        ]
    assert len(digests_of(train)) == images


def test_bytes_of_files_are_copied_as_they_are(pets):
    """A packed image is the file, with its metadata and compression; each key also has the number of its class."""
    found = {}
    for path in sorted((pets / "shards").glob("train-*.tar")):
        with tarfile.open(path) as archive:
            found |= {member.name: archive.extractfile(member).read() for member in archive}
    names = shard_sets.opened(pets).train.names
    images = [content for name, content in found.items() if not name.endswith(".cls")]
    assert images == [(pets / "pictures" / name).read_bytes() for name in names]
    labels = [content for name, content in found.items() if name.endswith(".cls")]
    assert labels == [b"0"] * 7 + [b"1"] * 7


def test_the_digest_does_not_depend_on_the_division_into_shards(pets, tmp_path):
    """So a run continues with the same images in larger shards; other labels give another digest."""
    (tmp_path / "shards").mkdir()
    pack(shard_sets.opened(pets), tmp_path / "shards", lambda _: None)
    assert len([*(tmp_path / "shards").glob("*.tar")]) == 2
    again, before = shard_sets.opened(tmp_path, shard_sets.SHARDS), both(pets)[1]
    assert again.digest == before.digest
    grey = shard_sets.opened(pets, shard_sets.SHARDS, "dataset.channels=1")
    assert grey.digest != before.digest


def test_a_shard_ends_before_it_is_larger_than_its_limit(pets, tmp_path):
    """An image is never divided, and a larger image has a shard of its own."""
    pack(shard_sets.opened(pets), tmp_path, lambda _: None, shard_bytes=8000)
    listing = json.loads((tmp_path / LISTING).read_text())
    shards = listing["shards"]["train"]
    assert len(shards) > 1
    assert all(shard["bytes"] <= 10_240 or shard["images"] == 1 for shard in shards)  # tar files have whole records
    assert sum(shard["images"] for shard in shards) == 14


def test_photos_are_reduced_as_those_of_files(pets):
    """decode: draft reads the JPEG images of shards at a fraction of their size, as it does files."""
    options = ("dataset.decode=draft", "dataset.size=4")
    before = shard_sets.opened(pets, shard_sets.RECIPE, *options).train
    after = shard_sets.opened(pets, shard_sets.SHARDS, *options).train
    (place,) = [index for index, name in enumerate(before.names) if name == "train/cat/2.JPG"]
    image, _ = before.reduced(place, lambda height, width: (8, 8))
    assert image.shape[-1] < 30
    assert torch.equal(image, after.reduced(place, lambda height, width: (8, 8))[0])


def test_label_sets_and_weights_survive(tmp_path):
    """Several labels, no label and weights are the same after packing."""
    root = tmp_path
    for number in range(8):
        (root / f"{number}.jpg").write_bytes(shard_sets.jpeg(number))
    rows = ["file_name,labels,split,weight"]
    rows += [
        f"{number}.jpg,{('a|b', 'b', '', 'c')[number % 4]},{'test' if number > 3 else 'train'},{number}"
        for number in range(8)
    ]
    (root / "table.csv").write_text("\n".join(rows))
    table = "{name: image_table, path: table.csv, size: 8, labels_separator: '|', weight: weight}"
    recipe = shard_sets.RECIPE.replace("{name: image_folder, path: pictures, size: 32}", table)
    recipe = recipe.replace("augmentations", "loss: bce\naugmentations")
    before = shard_sets.opened(root, recipe)
    (root / "shards").mkdir()
    pack(before, root / "shards", lambda _: None)
    changed = "dataset={name: shards, path: shards, several_labels: true}"
    after = shard_sets.opened(root, recipe, changed)
    assert after.info == before.info
    for index in range(4):
        assert torch.equal(before.train[index][1], after.train[index][1])
    assert tuple(after.train.weights) == before.train.weights
    assert sorted(before.train.weights) == [0.0, 1.0, 2.0, 3.0]
    assert (after.account.counts, after.account.images) == (before.account.counts, before.account.images)
    with pytest.raises(Exception, match="set several_labels: true"):
        shard_sets.opened(root, recipe, "dataset={name: shards, path: shards}", "loss=cross_entropy")


def test_images_in_memory_become_png_files_of_equal_pixels(tmp_path):
    """A data set that has no files is packed without loss, and the line about its masks says that they are lost."""
    shapes = shard_sets.RECIPE.replace(
        "{name: image_folder, path: pictures, size: 32}", "{name: shapes, train_size: 12, test_size: 6}"
    )
    before = shard_sets.opened(tmp_path, shapes)
    (tmp_path / "shards").mkdir()
    lines = pack(before, tmp_path / "shards", lambda _: None)
    after = shard_sets.opened(tmp_path, shard_sets.SHARDS)
    assert "the masks of the objects are not in the shards" in lines
    assert after.info == before.info.__class__.from_json({**before.info.to_json(), "fixed_normalisation": False})
    assert all(torch.equal(after.test[index][0], before.test[index][0]) for index in range(6))
    assert [after.test[index][1] for index in range(6)] == before.test.labels.tolist()


def test_smaller_images_keep_their_aspect_ratio(pets, tmp_path):
    """Only larger images are resized; with a quality they are JPEG files."""
    (tmp_path / "shards").mkdir()
    pack(shard_sets.opened(pets), tmp_path / "shards", lambda _: None, copied=False, short_side=20, quality=90)
    after = shard_sets.opened(tmp_path, shard_sets.SHARDS)
    sizes = [tuple(after.train[index][0].shape[-2:]) for index in range(14)]
    assert {min(size) for size in sizes} == {20}
    assert {max(size) for size in sizes} > {20}
    with tarfile.open(tmp_path / "shards/train-000000.tar") as archive:
        assert archive.getnames()[0] == "000000000.jpg"


def test_a_damaged_image_is_never_used(copied):
    """A byte that changed is found when the image is read, and the error names the shard and the image."""
    shard = copied / "shards/train-000001.tar"
    content = bytearray(shard.read_bytes())
    content[700] ^= 1
    shard.write_bytes(content)
    train = shard_sets.opened(copied, shard_sets.SHARDS).train
    with pytest.raises(DataError, match=r"train-000001.tar: 'train/cat/.*' is damaged: its SHA-256"):
        train[3]
    assert train[4][1] == 0


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_missing_shards_are_found_before_the_first_step(copied, damage):
    """All of them are listed with the size that they should have."""
    for number in (0, 2):
        shard = copied / f"shards/train-{number:06d}.tar"
        shard.unlink() if damage == "missing" else shard.write_bytes(shard.read_bytes()[:-512])
    with pytest.raises(DataError, match="2 of the shards") as raised:
        shard_sets.opened(copied, shard_sets.SHARDS)
    assert "train-000000.tar" in str(raised.value)
    assert "train-000002.tar" in str(raised.value)


def test_a_damaged_index_is_refused(copied):
    """Neither a changed array nor a changed listing is believed."""
    arrays, listing = copied / "shards" / ARRAYS, copied / "shards" / LISTING
    whole = arrays.read_bytes()
    arrays.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DataError, match="is damaged: its SHA-256"):
        shard_sets.opened(copied, shard_sets.SHARDS)
    arrays.unlink()
    with pytest.raises(DataError, match="is missing"):
        shard_sets.opened(copied, shard_sets.SHARDS)
    listing.write_text('{"format": "cvkit-shards-1"}')
    with pytest.raises(DataError, match="is damaged: classes"):
        shard_sets.opened(copied, shard_sets.SHARDS)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda listing: listing["shards"]["train"][0].update(file="../train-000000.tar"),
            "is not the name of a file",
        ),
        (lambda listing: listing["shards"]["train"][0].update(images=4), "do not have 14 images together"),
        (lambda listing: listing["shards"]["train"][0].update(bytes=100), "lie outside of their shards"),
        (lambda listing: listing.update(classes=["cat"]), "labels without a class"),
        (lambda listing: listing.update(classes=[]), "it has no classes"),
        (lambda listing: listing.update(format="cvkit-shards-9"), "has the format 'cvkit-shards-9'"),
        (lambda listing: listing.update(task="multi_label"), "has the shape"),
    ],
)
def test_an_index_that_contradicts_itself_is_refused(copied, change, reason):
    """An index of a stranger cannot name files elsewhere, bytes outside of a shard, or classes that do not exist."""
    listing = copied / "shards" / LISTING
    content = json.loads(listing.read_text())
    change(content)
    listing.write_text(json.dumps(content))
    with pytest.raises(DataError, match=reason):
        shard_sets.opened(copied, shard_sets.SHARDS)


def test_options_that_the_index_decides_are_refused(pets):
    """A recipe cannot give the shards of an index other labels."""
    with pytest.raises(Exception, match="decides about splits and labels"):
        shard_sets.opened(pets, shard_sets.SHARDS, "dataset.classes=[a, b]")


def test_null_framing_requires_images_of_one_size(pets):
    """The error names images with another size; the sizes are in the index, so no image is read."""
    with pytest.raises(DataError, match="framing: null requires images of 32x32"):
        shard_sets.opened(pets, shard_sets.SHARDS, "dataset.framing=null")


def test_a_process_keeps_few_files_open(pets, monkeypatch):
    """Any image is read although there are more shards than files that stay open."""
    monkeypatch.setattr(shard_files, "HANDLES", 2)
    handles = shard_files._Handles()
    monkeypatch.setattr(shard_files, "_HANDLES", handles)
    train = shard_sets.opened(pets, shard_sets.SHARDS).train
    for index in (0, 13, 5, 8, 2, 11):
        train[index]
    assert len(handles._open) == 2


def test_shards_that_were_replaced_are_read_again(copied, pets):
    """A notebook may pack again: the process must not read the files that it has open."""
    shard_sets.opened(copied, shard_sets.SHARDS).train[0]
    shutil.rmtree(copied / "shards")
    (copied / "shards").mkdir()
    pack(
        shard_sets.opened(pets, shard_sets.RECIPE, "dataset.classes=[dog two, cat]"),
        copied / "shards",
        lambda _: None,
    )
    train = shard_sets.opened(copied, shard_sets.SHARDS).train
    assert all(len(train[number]) == 2 for number in range(len(train)))


def test_packing_twice_gives_the_same_bytes(pets, tmp_path):
    """Dates and owners are not in the shards."""
    digests = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        pack(shard_sets.opened(pets), tmp_path / name, lambda _: None, shard_images=5)
        files = sorted((tmp_path / name).iterdir())
        digests.append([(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files])
    assert digests[0] == digests[1]


def test_packed_text_is_a_sequence_of_texts():
    """It is indexed, sliced, compared and iterated like a tuple of strings."""
    texts = ("", "a", "ü🐈", "b c")
    packed = PackedText.of(texts)
    assert packed == texts
    assert packed == PackedText.of(texts)
    assert packed != texts[:3]
    assert (packed[-1], packed[1:3], [*packed], "a" in packed) == ("b c", ("a", "ü🐈"), [*texts], True)
    with pytest.raises(IndexError):
        packed[4]
