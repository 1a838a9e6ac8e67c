"""Chunks of LitData and shards of MosaicML Streaming (MDS): images, labels, the index, and what is refused."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
from pathlib import Path

import fsspec
import numpy as np
import pytest
import shard_sets
import torch
from chunk_sets import write_litdata, write_mds
from PIL import Image
from shard_sets import jpeg

from cvkit import ComponentError, DataError, Splits, read_image
from cvkit_datasets.shard_index import ARRAYS, LISTING
from cvkit_datasets.shard_writing import pack

RECIPE = shard_sets.RECIPE.replace(
    "{name: image_folder, path: pictures, size: 32}", "{name: litdata, path: pets, size: 8}"
)
SETS = RECIPE.replace("augmentations", "loss: bce\naugmentations")
COLUMNS = {"image": "jpeg", "label": "int"}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """An empty cache folder, in which indices are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def opened(root: Path, *overrides: str, recipe: str = RECIPE) -> Splits:
    """Return the data set in the folder ``pets``."""
    return shard_sets.opened(root, recipe, *(f"dataset.{one}" for one in overrides))


def samples(count: int = 7, **fields) -> list[dict]:
    """Return samples of a JPEG file and a class of two, or with these functions of the number as fields."""
    makers = fields or {"image": lambda number: jpeg(number, 8 + number), "label": lambda number: number % 2}
    return [{name: make(number) for name, make in makers.items()} for number in range(count)]


def in_mds(root: Path, rows: list[dict], columns: dict[str, str] = COLUMNS) -> Path:
    """Write MDS with these training images and the first four as validation images."""
    write_mds(root / "pets/train", columns, rows)
    write_mds(root / "pets/val", columns, rows[:4])
    return root


def in_litdata(root: Path, rows: list, chunk: int = 3) -> Path:
    """Write the same with LitData, so many samples in a chunk."""
    pytest.importorskip("litdata")
    write_litdata(root / "pets/train", rows, chunk)
    write_litdata(root / "pets/val", rows[:4])
    return root


def picture(number: int, mode: str = "RGB") -> Image.Image:
    """Return a small photo of Pillow in a mode."""
    return Image.open(io.BytesIO(jpeg(number, 9 + number))).convert("RGB").convert(mode)


def png(image: Image.Image) -> bytes:
    """Return an image as a PNG file."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def pixels(number: int) -> np.ndarray:
    """Return the pixels of a small photo, uint8 (H, W, C)."""
    return np.array(picture(number))


def litdata_values() -> dict:
    """Return how LitData stores a photo, by the format."""
    litdata = pytest.importorskip("litdata")
    return {
        "bytes": lambda number: png(picture(number)),
        "image": lambda number: litdata.Image(bytes=png(picture(number))),
        "pil": picture,
        "numpy": pixels,
        "tensor": lambda number: torch.from_numpy(pixels(number)).permute(2, 0, 1).contiguous(),
    }


@pytest.mark.parametrize("kind", ["bytes", "image", "pil", "numpy", "tensor"])
def test_images_in_each_format_of_litdata_have_the_pixels_of_files(tmp_path, kind):
    """Files, images of Pillow and arrays are decoded by the function that reads image files."""
    make = litdata_values()[kind]
    rows = samples(5, image=make, label=lambda number: number % 2)
    train = opened(in_litdata(tmp_path, rows), "image=image").train
    for number in range(5):
        assert train[number][0].equal(read_image(io.BytesIO(png(picture(number))), 3))
        assert train[number][1] == number % 2


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("png", lambda number: png(picture(number))),
        ("bytes", lambda number: png(picture(number))),
        ("pil", picture),
        ("ndarray", pixels),
        ("ndarray:uint8", pixels),
    ],
)
def test_images_in_each_format_of_mds_have_the_pixels_of_files(tmp_path, kind, make):
    """The same holds for MDS."""
    rows = samples(5, image=make, label=lambda number: number)
    train = opened(in_mds(tmp_path, rows, {"image": kind, "label": "int"})).train
    assert all(train[number][0].equal(read_image(io.BytesIO(png(picture(number))), 3)) for number in range(5))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGBA", "CMYK", "I;16"])
def test_images_of_other_modes_are_read_as_files_are(tmp_path, mode):
    """Transparent pixels become white and 16-bit values lose their lower bits, as in a file of the same image."""

    def make(number: int) -> Image.Image:
        if mode == "I;16":
            return Image.fromarray(pixels(number)[:, :, 0].astype(np.uint16) * 257)
        image = picture(number)
        if mode.endswith("A"):
            image.putalpha(picture(number + 1).convert("L").resize(image.size))
        return image.convert(mode)

    train = opened(in_mds(tmp_path, samples(4, image=make, label=int), {"image": "pil", "label": "int"})).train
    for number in range(4):
        stream = io.BytesIO()
        make(number).save(stream, "TIFF" if mode == "CMYK" else "PNG")
        assert train[number][0].equal(read_image(stream, 3))


def test_grey_arrays_and_deep_arrays_are_images(tmp_path):
    """uint8 (H, W) and (H, W, 1) are grey; uint16 (H, W) has 16 bits, whose upper ones are kept."""
    pytest.importorskip("litdata")
    grey = pixels(3)[:, :, 0]
    arrays = (grey, grey[:, :, None], grey.astype(np.uint16) * 256, grey)
    rows = samples(4, image=lambda number: arrays[number], label=int)
    train = opened(in_litdata(tmp_path, rows), "channels=1", "image=image").train
    assert all(train[number][0][0].equal(torch.from_numpy(grey)) for number in range(4))


@pytest.mark.parametrize(
    ("kind", "values", "classes"),
    [
        ("int", (1, 0), ("0", "1")),
        ("uint8", (1, 0), ("0", "1")),
        ("int32", (1, 0), ("0", "1")),
        ("str", ("dog", "cat"), ("cat", "dog")),
        ("str_int", (1, 0), ("0", "1")),
        ("json", ("dog", ["cat"]), ("cat", "dog")),
        ("ndarray:uint8", (np.array([1], np.uint8), np.array([0], np.uint8)), ("0", "1")),
    ],
)
def test_labels_of_mds_are_numbers_or_names(tmp_path, kind, values, classes):
    """A number is the place of a class, and names are sorted."""
    rows = samples(4, image=lambda number: jpeg(number), label=lambda number: values[number % 2])
    splits = opened(in_mds(tmp_path, rows, {"image": "jpeg", "label": kind}))
    assert splits.info.classes == classes
    assert [splits.train[number][1] for number in range(4)] == [1, 0, 1, 0]
    assert [*splits.train.labels] == [1, 0, 1, 0]


@pytest.mark.parametrize("media", [False, True])
@pytest.mark.parametrize("values", [(1, 0), ("dog", "cat"), (True, False), (["dog"], ["cat"])])
def test_labels_of_litdata_are_numbers_or_names(tmp_path, media, values):
    """Without images of Pillow and arrays, LitData writes a table of Arrow, and otherwise a form of its own."""
    image = picture if media else lambda number: png(picture(number))
    splits = opened(in_litdata(tmp_path, samples(4, image=image, label=lambda number: values[number % 2])))
    assert [splits.train[number][1] for number in range(4)] == [1, 0, 1, 0]
    assert splits.train[3][0].equal(read_image(io.BytesIO(png(picture(3))), 3))


def test_numbers_in_tensors_are_labels(tmp_path):
    """torch.tensor(1) is a usual label of a data set of torch."""
    splits = opened(in_litdata(tmp_path, samples(4, image=picture, label=lambda number: torch.tensor(number % 2))))
    assert [splits.train[number][1] for number in range(4)] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    "values",
    [
        ([["b", "a"], [], ["c"]], [[1, 1, 0], [0, 0, 0], [0, 0, 1]]),
        ([[1, 0], [], [2]], [[1, 1, 0], [0, 0, 0], [0, 0, 1]]),
        ([np.array(row, np.uint8) for row in ((1, 1, 0), (0, 0, 0), (0, 0, 0))], [[1, 1, 0], [0, 0, 0], [0, 0, 0]]),
    ],
    ids=["names", "numbers", "arrays"],
)
def test_sets_of_labels_are_lists_or_arrays(tmp_path, values):
    """An array has 0 or 1 for each class, so a class without images is one too."""
    given, expected = values
    rows = samples(3, image=picture, tags=lambda number: given[number])
    splits = opened(in_litdata(tmp_path, rows), "several_labels=true", "label=tags", recipe=SETS)
    assert splits.info.task == "multi_label"
    assert [splits.train[number][1].tolist() for number in range(3)] == expected
    assert splits.account.images["train"].unlabelled == sum(not any(row) for row in expected)


def test_sets_of_labels_of_mds_are_lists_or_arrays(tmp_path):
    """JSON has lists; the arrays may have one number of values that the shards know."""
    rows = samples(4, image=jpeg, label=lambda number: np.array([number % 2, 1], np.uint8))
    splits = opened(
        in_mds(tmp_path, rows, {"image": "jpeg", "label": "ndarray:uint8:2"}),
        *("several_labels=true", "classes=[a, b]"),
        recipe=SETS,
    )
    assert [splits.train[number][1].tolist() for number in range(2)] == [[0, 1], [1, 1]]
    with pytest.raises(DataError, match="2 in the validation images, and classes lists 3"):
        opened(tmp_path, "several_labels=true", "classes=[a, b, c]", recipe=SETS)
    other = samples(4, image=jpeg, label=lambda number: ["a", "b"][: number % 3])
    splits = opened(
        in_mds(tmp_path / "json", other, {"image": "jpeg", "label": "json"}), "several_labels=true", recipe=SETS
    )
    assert [splits.train[number][1].tolist() for number in range(3)] == [[0, 0], [1, 0], [1, 1]]
    with pytest.raises(DataError, match="it has 2 labels; set several_labels: true"):
        opened(tmp_path / "json")


def test_images_have_the_number_or_the_text_of_a_field_as_names(tmp_path):
    """data.csv and predictions.csv need a name for each image, and cvkit says which fields it chose."""
    rows = samples(4, image=jpeg, label=int, file=lambda number: f"{number}/ü.jpg")
    in_mds(tmp_path, rows, {**COLUMNS, "file": "str"})
    splits = opened(tmp_path)
    assert splits.train.names == ("train/00000", "train/00001", "train/00002", "train/00003")
    assert splits.validation.names[3] == "val/00003"
    assert "the field 'label' is read as the label" in splits.account.notes
    named = opened(tmp_path, "names=file")
    assert named.train.names[1] == "1/ü.jpg"
    assert named.digest != splits.digest


def test_one_class_is_read_as_a_set_of_one_label(tmp_path):
    """several_labels: true holds for numbers and names too."""
    in_mds(tmp_path, samples())
    splits = opened(tmp_path, "several_labels=true", recipe=SETS)
    assert splits.info.task == "multi_label"
    assert [splits.train[number][1].tolist() for number in range(2)] == [[1, 0], [0, 1]]


def test_a_table_of_arrow_may_have_several_parts(tmp_path):
    """LitData divides it after 256 rows, and each image is found in its part."""
    splits = opened(in_litdata(tmp_path, samples(300, image=lambda number: jpeg(number % 7, 8), label=int), 300))
    assert len(splits.train) == 300
    for number in (0, 255, 256, 299):
        assert splits.train[number][0].equal(read_image(io.BytesIO(jpeg(number % 7, 8)), 3))
        assert splits.train[number][1] == number


def test_chunks_are_packed_into_tar_shards(tmp_path):
    """`cvkit data pack` reads them as any data set, so the pixels and the labels stay."""
    splits = opened(in_mds(tmp_path, samples()))
    (tmp_path / "shards").mkdir()
    pack(splits, tmp_path / "shards", lambda _: None)
    packed = shard_sets.opened(tmp_path, shard_sets.SHARDS)
    assert packed.train.names == splits.train.names
    assert all(packed.train[number][0].equal(splits.train[number][0]) for number in range(7))
    assert [*packed.train.labels] == [*splits.train.labels]


def test_fields_within_others_and_of_tuples_are_named(tmp_path):
    """Dots join keys; tuples have numbers, and a field is chosen without a name if only one suits."""
    nested = samples(4, image=jpeg, meta=lambda number: {"kind": number % 2, "text": "x"})
    in_litdata(tmp_path, nested)
    assert [opened(tmp_path, "label=meta.kind").train[number][1] for number in range(2)] == [0, 1]
    in_litdata(tmp_path / "tuples", [(picture(number), number % 2) for number in range(4)])
    splits = opened(tmp_path / "tuples")
    assert [splits.train[number][1] for number in range(2)] == [0, 1]
    assert {"the field '0' is read as the image", "the field '1' is read as the label"} <= {*splits.account.notes}


def test_images_within_dictionaries_are_found(tmp_path):
    """Data sets of the Hugging Face Hub have images as ``{bytes, path}``."""
    rows = samples(4, image=lambda number: {"bytes": jpeg(number), "path": f"{number}.jpg"}, label=int)
    train = opened(in_litdata(tmp_path, rows), "image=image.bytes", "names=image.path").train
    assert train.names[2] == "2.jpg"
    assert train[2][0].equal(read_image(io.BytesIO(jpeg(2)), 3))


def test_folders_of_the_splits_may_have_other_names(tmp_path):
    """Whatever is not used is listed as left out."""
    in_mds(tmp_path, samples())
    write_mds(tmp_path / "pets/more/exam", COLUMNS, samples(3))
    (tmp_path / "pets/readme.txt").write_text("x")
    splits = opened(tmp_path, "train=train", "test=more/exam")
    assert (len(splits.train), splits.validation, len(splits.test)) == (7, None, 3)
    assert [one.name for one in splits.account.left_out] == ["readme.txt", "val"]
    assert splits.test.names[0] == "more/exam/00000"


def test_chunks_are_read_once(tmp_path, own_cache):
    """Then the index comes from the cache, until a chunk has another time; the folder stays as it is."""
    in_mds(tmp_path, samples())
    before = sorted((tmp_path / "pets").rglob("*"))
    splits = opened(tmp_path)
    (kept,) = own_cache.rglob(LISTING)
    time = kept.stat().st_mtime_ns
    assert opened(tmp_path).digest == splits.digest
    assert kept.stat().st_mtime_ns == time
    assert sorted((tmp_path / "pets").rglob("*")) == before
    chunk = tmp_path / "pets/train/shard.00000.mds"
    os.utime(chunk, ns=(1, 1))
    opened(tmp_path)
    assert kept.stat().st_mtime_ns != time


def test_chunks_that_were_replaced_are_read_anew(tmp_path):
    """A notebook may write the data again: the process must not read the files that it has open."""
    first = opened(in_mds(tmp_path, samples(7, image=jpeg, label=int)))
    assert first.train[0][1] == 0
    shutil.rmtree(tmp_path / "pets")
    rows = samples(7, image=lambda number: jpeg(6 - number), label=lambda number: 6 - number)
    second = opened(in_mds(tmp_path, rows))
    assert second.train[0][1] == 6
    assert second.train[0][0].equal(read_image(io.BytesIO(jpeg(6)), 3))


def test_an_index_beside_the_splits_is_found_without_the_cache(tmp_path, own_cache):
    """It is written only if asked for, used for the same files and options, and otherwise named in the account."""
    in_mds(tmp_path, samples())
    first = opened(tmp_path, "write_index=true")
    index = tmp_path / "pets/cvkit-index"
    assert {path.name for path in index.iterdir()} == {LISTING, ARRAYS}
    assert not own_cache.exists()
    time = (index / LISTING).stat().st_mtime_ns
    again = opened(tmp_path, "write_index=true")
    assert (again.digest, again.account) == (first.digest, first.account)
    assert (index / LISTING).stat().st_mtime_ns == time
    other = opened(tmp_path, "classes=[cat, dog]")
    assert other.info.classes == ("cat", "dog")
    assert any("cvkit-index is of other files or options" in note for note in other.account.notes)
    opened(tmp_path, "classes=[cat, dog]", "write_index=true")
    assert json.loads((index / LISTING).read_text())["classes"] == ["cat", "dog"]


def test_a_byte_that_changed_is_found_when_the_image_is_read(tmp_path):
    """The data of a run cannot change without a word, also if size and time of the file stay."""
    in_mds(tmp_path, samples(), {**COLUMNS})
    opened(tmp_path, "write_index=true")
    chunk = tmp_path / "pets/train/shard.00000.mds"
    content = bytearray(chunk.read_bytes())
    content[-1] ^= 1  # the last byte of the third sample's label
    place = content.rindex(b"\xff\xd9")
    content[place - 1] ^= 1
    chunk.write_bytes(content)
    train = opened(tmp_path).train
    assert train[1][1] == 1
    with pytest.raises(DataError, match=r"shard\.00000\.mds: 'train/00002' is damaged: its SHA-256"):
        train[2]


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
        (("image=imagge",), r"no field 'imagge' \(image\); it has 'image', 'label', 'score'\.  Did you mean 'image'"),
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


@pytest.fixture
def in_store(tmp_path):
    """A function that puts the folder into an object store and opens it there."""
    store = fsspec.filesystem("memory")

    def put(*overrides: str) -> Splits:
        if not store.exists("/bucket/pets"):
            store.put(str(tmp_path / "pets") + "/", "/bucket/pets/", recursive=True)
        recipe = RECIPE.replace("{name: litdata, path: pets,", "{name: remote_litdata, url: 'memory://bucket/pets',")
        return opened(tmp_path, *overrides, recipe=recipe)

    yield put
    if store.exists("/bucket"):
        store.rm("/bucket", recursive=True)


def test_an_object_store_needs_an_index_or_consent(tmp_path, in_store, own_cache):
    """Reading all images first is not what a user expects; with scan: true it is done once."""
    local = opened(in_mds(tmp_path, samples()))
    with pytest.raises(DataError, match="neither the order of the training images nor exact evaluation and resume"):
        in_store()
    remote = in_store("scan=true")
    assert remote.digest == local.digest
    assert remote.train.names == local.train.names
    assert all(remote.train[number][0].equal(local.train[number][0]) for number in range(7))
    assert len([*own_cache.rglob(LISTING)]) == 2
    assert in_store().digest == local.digest
    with pytest.raises(DataError, match=r"exam has no index\.json"):
        in_store("train=train", "validation=val", "test=exam")


def test_an_index_in_the_object_store_is_used(tmp_path, in_store, own_cache):
    """So a machine without the cache reads no image before the first step."""
    local = opened(in_litdata(tmp_path, samples()), "write_index=true")
    remote = in_store()
    assert remote.digest == local.digest
    assert remote.train[6][0].equal(local.train[6][0])
    assert not own_cache.exists()
    assert in_store("on_error=skip").digest == local.digest
    with pytest.raises(ComponentError, match="url has a folder cvkit-index of other files or options"):
        in_store("classes=[cat, dog]")


def test_an_address_that_is_none_is_an_error(tmp_path):
    """A path is not a URL, and chains of fsspec are not read."""
    for url in ("pets", "simplecache::s3://bucket/pets"):
        recipe = RECIPE.replace("name: litdata, path: pets", f"name: remote_litdata, url: '{url}'")
        with pytest.raises(ComponentError, match="url must be one address"):
            opened(tmp_path, recipe=recipe)
