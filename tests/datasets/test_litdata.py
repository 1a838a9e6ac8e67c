"""Chunks of LitData and shards of MosaicML Streaming (MDS): images, labels, names and fields."""

from __future__ import annotations

import io

import numpy as np
import pytest
import shard_sets
import torch
from chunk_folders import COLUMNS, SETS, in_litdata, in_mds, opened, picture, pixels, png, samples
from chunk_sets import write_mds
from PIL import Image
from shard_sets import jpeg

from cvkit import DataError, read_image
from cvkit_datasets.shards.writing import pack

pytestmark = pytest.mark.usefixtures("own_cache")


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
