"""Chunks of LitData and MDS that are damaged, or that cvkit does not read."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from chunk_folders import COLUMNS, in_litdata, in_mds, opened, picture, samples
from chunk_sets import write_mds
from PIL import Image
from shard_sets import jpeg

from cvkit import ComponentError, DataError

pytestmark = pytest.mark.usefixtures("own_cache")


def test_samples_that_cannot_be_used_are_all_reported(tmp_path):
    """With on_error: skip they are listed, and the others keep their numbers."""
    images = (jpeg(0), jpeg(1)[:60], jpeg(2), b"", jpeg(4))
    rows = samples(5, image=lambda number: images[number], label=lambda number: -1 if number == 2 else 0)
    in_mds(tmp_path, rows)
    with pytest.raises(DataError, match="6 entries of the shards") as raised:
        opened(tmp_path)
    splits = opened(tmp_path, "on_error=skip")
    reasons = {one.name: one.reason for one in splits.account.left_out}
    assert splits.train.names == ("train/00000", "train/00004")
    assert all(name in str(raised.value) for name in reasons)
    assert reasons["train/shard.00000.mds sample 1"].startswith("damaged: ")
    assert reasons["train/shard.00001.mds sample 0"].startswith("damaged: ")
    assert reasons["train/shard.00000.mds sample 2"] == "its label is -1, and numbers of classes begin with 0"


@pytest.mark.parametrize(
    ("column", "kind", "value", "reason"),
    [
        ("image", "pil", Image.new("P", (4, 4)), "the colours of its palette are not stored"),
        ("image", "ndarray", np.zeros((5, 5, 7), np.uint8), "without 1 to 4 channels"),
        ("image", "ndarray", np.zeros(4, np.uint8), r"it is an array uint8 \(4,\)"),
        ("label", "str", b"\xff", "it is not UTF-8 text"),
        ("label", "json", {"a": 1}, "neither a number nor a text"),
        ("label", "json", b"{", "it is not JSON"),
        ("label", "ndarray", np.zeros(3, np.uint8), "and not one whole number"),
        ("label", "ndarray", b"\x07\x01", "not an array of numbers in the format ndarray"),
        ("image", "pil", b"\x01", "not an image in the format pil"),
        ("image", "pil", np.array([60_000, 60_000, 1], np.uint32).tobytes() + b"L", "has 0 bytes of pixels"),
    ],
)
def test_values_that_are_no_images_or_labels_are_reported(tmp_path, column, kind, value, reason):
    """The reason says what is there; huge sizes in a few bytes take no memory."""
    rows = samples(4, image=jpeg, label=lambda number: number % 2)
    rows = [{**row, column: value} for row in rows]
    in_mds(tmp_path, rows, {"image": "jpeg", "label": "int", column: kind})
    with pytest.raises(DataError, match=reason):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("image=imagge",), r"no field 'imagge' \(image\); it has 'image', 'label', 'score'\. Did you mean 'image'"),
        (("label=score",), "cannot be the label: cvkit does not read the format float32 there"),
        (("image=label",), "cannot be the image: cvkit does not read the format int there"),
        (("classes=[a]",), "the label 1 has no name in classes"),
        (("train=../train", "test=val"), "is not a folder of a split below"),
        (("train=train", "test=exam"), "exam has no index.json"),
        (("framing=null",), "framing: null requires images of 8x8"),
        (("max_megapixels=1", "mean=[2]"), "must have one value for each of the 3 channels"),
    ],
)
def test_options_that_do_not_suit_the_data_are_errors(tmp_path, options, reason):
    """They say what the data has."""
    rows = samples(4, image=lambda number: jpeg(number, 9), label=lambda number: number % 2, score=float)
    in_mds(tmp_path, rows, {**COLUMNS, "score": "float32"})
    with pytest.raises((DataError, ComponentError), match=reason):
        opened(tmp_path, *options)


def test_a_field_that_cannot_be_chosen_is_an_error(tmp_path):
    """Two fields with usual names, or none."""
    in_mds(tmp_path, samples(4, image=jpeg, png=jpeg, label=int), {**COLUMNS, "png": "jpeg"})
    with pytest.raises(DataError, match="several fields that may be the image: 'image', 'png'; set image to one of"):
        opened(tmp_path)
    in_mds(tmp_path / "none", samples(4, image=jpeg), {"image": "jpeg"})
    with pytest.raises(DataError, match="no label field; set label to one of 'image'"):
        opened(tmp_path / "none")


class Written:
    """An object whose pickle writes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self):
        return (Path.touch, (self._path,))


def test_pickles_are_never_read(tmp_path):
    """A pickled label is refused, and a pickled field that is not needed is left alone."""
    trap = Written(tmp_path / "trapped")
    pickled = {"image": "jpeg", "label": "int", "extra": "pkl"}
    in_mds(tmp_path, samples(4, image=jpeg, label=int, extra=lambda _: pickle.dumps(trap)), pickled)
    assert len(opened(tmp_path).train) == 4
    with pytest.raises(DataError, match="reading them would run code from the data"):
        opened(tmp_path, "label=extra")
    in_litdata(tmp_path / "litdata", samples(4, image=picture, label=np.int16))
    with pytest.raises(DataError, match="reading them would run code from the data"):
        opened(tmp_path / "litdata")
    assert not (tmp_path / "trapped").exists()


def edited(root: Path, change) -> Path:
    """Change ``index.json`` of the training images."""
    path = root / "pets/train/index.json"
    index = json.loads(path.read_text())
    path.write_text(json.dumps(change(index) or index))
    return root


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda index: [1], "neither 'chunks' nor 'shards'"),
        (lambda index: {"files": []}, "neither 'chunks' nor 'shards'"),
        (lambda index: index.update(version=3), "in version 2, and cvkit reads 'mds' in version 2"),
        (lambda index: index["shards"][0].update(format="xsv"), "is of the format 'xsv'"),
        (lambda index: index["shards"][0].update(samples=None), "is damaged: shards.0.samples"),
        (lambda index: index["shards"][0].update(samples=4), "says that it has 3 samples"),
        (lambda index: index["shards"][0].update(column_names=["a", "b"]), "shards with different columns"),
        (lambda index: index["shards"][0]["raw_data"].update(basename="../x"), "'../x' is not the name of a file"),
        (lambda index: index["shards"][0]["raw_data"].update(basename="C:x"), "'C:x' is not the name of a file"),
        (lambda index: index["shards"][0].update(raw_data=None), "a shard has no raw_data"),
        (lambda index: index.update(shards=[]), "is damaged: shards"),
        (lambda index: [one.update(column_sizes=[None]) for one in index["shards"]] and None, "a size each"),
    ],
)
def test_an_index_of_mds_that_cannot_be_used_is_refused(tmp_path, change, reason):
    """Unknown formats and versions, contradictions, and files outside of the folder."""
    in_mds(tmp_path, samples())
    with pytest.raises(DataError, match=reason):
        opened(edited(tmp_path, change))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda index: index["config"].update(compression="zstd"), "compressed with zstd, so .* nor an exact resume"),
        (lambda index: index["config"].update(ipc_compression="zstd"), "compressed with zstd, so .* exact resume"),
        (lambda index: index["config"].update(encryption={"algorithm": "fernet"}), "encrypted chunks"),
        (lambda index: index["config"].update(item_loader="TokensLoader"), "item loader 'TokensLoader'"),
        (lambda index: index["config"].update(data_format=["int"]), "1 formats for 2 fields"),
        (lambda index: index["config"].update(data_spec="[2, {}]"), "version 2 of the structure"),
        (lambda index: index["config"].update(data_spec="{"), "a structure of samples that cvkit does not read"),
        (
            lambda index: index["config"].update(
                data_spec=json.dumps([1, {"type": "collections.defaultdict", "context": "os", "children_spec": []}])
            ),
            "the type 'collections.defaultdict'",
        ),
        (lambda index: index["chunks"][0].update(chunk_size=2), "says that it has 3 samples"),
        (lambda index: index["chunks"][0].update(filename="/etc/passwd"), "is not the name of a file"),
        (lambda index: index.update(chunks=[]), "must have chunks"),
    ],
)
def test_an_index_of_litdata_that_cannot_be_used_is_refused(tmp_path, change, reason):
    """Compressed chunks cannot be read image by image; the message says which promise could not be kept."""
    in_litdata(tmp_path, samples())
    with pytest.raises(DataError, match=reason):
        opened(edited(tmp_path, change))


def test_compressed_shards_of_mds_are_refused_unless_they_are_there_without_compression(tmp_path):
    """MosaicML's readers leave decompressed shards beside the others."""
    in_mds(tmp_path, samples(3))
    edited(tmp_path, lambda index: index["shards"][0].update(compression="zstd:7"))
    assert len(opened(tmp_path).train) == 3
    (tmp_path / "pets/train/shard.00000.mds").rename(tmp_path / "pets/train/shard.00000.mds.zstd")
    with pytest.raises(DataError, match="compressed with zstd:7, so an image cannot be read without others"):
        opened(tmp_path)


@pytest.mark.parametrize("arrow", [False, True])
@pytest.mark.parametrize("damage", ["empty", "cut", "noise", "end"])
def test_a_damaged_chunk_is_an_error_with_its_name(tmp_path, damage, arrow):
    """Before the first step, whether samples follow each other or are in a table of Arrow."""
    if arrow:
        in_litdata(tmp_path, samples())
    else:
        in_mds(tmp_path, samples())
    chunk = sorted((tmp_path / "pets/train").glob("*[ns]"))[0] if arrow else tmp_path / "pets/train/shard.00000.mds"
    content = chunk.read_bytes()
    changes = {
        "empty": b"",
        "cut": content[: len(content) // 2],
        "noise": content[:4] + os.urandom(len(content) - 4),
        "end": content[:-1],
    }
    chunk.write_bytes(changes[damage])
    with pytest.raises(DataError, match=chunk.name.replace(".", r"\.")):
        opened(tmp_path)


def test_folders_without_splits_or_chunks_are_errors(tmp_path):
    """A file, a folder without splits, one without an index, and one with missing chunks."""
    (tmp_path / "pets").write_text("x")
    with pytest.raises(DataError, match="is not a folder"):
        opened(tmp_path)
    (tmp_path / "pets").unlink()
    (tmp_path / "pets").mkdir()
    with pytest.raises(DataError, match="must contain folders of training images"):
        opened(tmp_path)
    in_mds(tmp_path, samples())
    (tmp_path / "pets/test").mkdir()
    with pytest.raises(DataError, match=r"test has no index\.json"):
        opened(tmp_path)
    (tmp_path / "pets/test").rmdir()
    (tmp_path / "pets/train/shard.00001.mds").unlink()
    (tmp_path / "pets/val/shard.00000.mds").unlink()
    with pytest.raises(DataError, match=r"2 of 5 chunks are missing(.|\n)*train/shard\.00001\.mds"):
        opened(tmp_path)
    (tmp_path / "pets/train/index.json").write_text("{")
    with pytest.raises(DataError, match="it is not JSON"):
        opened(tmp_path)
    write_mds(tmp_path / "pets/validation", COLUMNS, samples(3))
    (tmp_path / "pets/train/index.json").unlink()
    with pytest.raises(DataError, match=r"train has no index\.json"):
        opened(tmp_path)
