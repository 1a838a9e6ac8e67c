"""``cvkit data pack``: a recipe's images as tar shards, all of them or nothing."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import shard_sets
from forks import ended, fork
from shard_sets import SHARDS

from cvkit_datasets.indexed.index import LISTING
from cvkit_datasets.shards import writing as shard_writing


@pytest.fixture
def pets(write, tmp_path) -> Path:
    """A recipe for a folder of pictures."""
    shard_sets.draw(tmp_path / "pictures")
    return write(shard_sets.RECIPE)


def test_pack_writes_shards_and_the_line_for_the_recipe(cvkit, pets, tmp_path, wording):
    """The output says how many images are in how many shards, and a recipe with its last line reads them."""
    answer = cvkit("data", "pack", pets, "--to", "shards", "--shard-images", "6")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == wording
    line = answer.out.splitlines()[-1]
    again = shard_sets.RECIPE.replace("dataset: {name: image_folder, path: pictures, size: 32}", line)
    assert len(shard_sets.opened(tmp_path, again).train) == 14
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".tmp")]


def test_the_line_for_the_recipe_keeps_how_files_are_read(cvkit, pets, tmp_path):
    """Options of the data set about single files, and a path that YAML would read differently, are repeated."""
    answer = cvkit(
        *("data", "pack", pets, "--to", "my shards: 1", "--set", "dataset.max_megapixels=5"),
        *("--set", "dataset.decode=draft"),
    )
    line = answer.out.splitlines()[-1]
    assert line == 'dataset: {name: shards, path: "my shards: 1", max_megapixels: 5, decode: draft}' or line == (
        'dataset: {name: shards, path: "my shards: 1", decode: draft, max_megapixels: 5}'
    )
    again = shard_sets.RECIPE.replace("dataset: {name: image_folder, path: pictures, size: 32}", line)
    assert len(shard_sets.opened(tmp_path, again).test) == 6


def test_pack_replaces_nothing(cvkit, pets):
    """A folder with any file is refused before an image is read; an empty one is used."""
    Path("shards").mkdir()
    assert cvkit("data", "pack", pets, "--to", "shards").code == 0
    before = {path: path.read_bytes() for path in Path("shards").iterdir()}
    answer = cvkit("data", "pack", pets, "--to", "shards")
    assert (answer.code, answer.out) == (2, "")
    assert "'shards' exists, and `cvkit data pack` replaces nothing" in answer.err
    assert before == {path: path.read_bytes() for path in Path("shards").iterdir()}


def test_framed_images_are_those_that_the_model_sees_in_evaluation(cvkit, pets, tmp_path):
    """Evaluation of the shards has the same pixels; the output says what training loses."""
    from cvkit.data.resizing import frame, suited

    answer = cvkit("data", "pack", pets, "--to", "shards", "--framed")
    assert "the training images were cropped too" in answer.out
    before, after = shard_sets.opened(tmp_path), shard_sets.opened(tmp_path, SHARDS)
    assert after.info.framing is None
    info = suited(before.info, None)
    assert all(frame(before.test[index][0], info).equal(after.test[index][0]) for index in range(6))


def test_short_side_and_framed_exclude_each_other(cvkit, pets):
    """Both would resize."""
    answer = cvkit("data", "pack", pets, "--to", "shards", "--framed", "--short-side", "20")
    assert answer.code == 2
    assert "exclude each other" in answer.err


def damage(path: Path) -> None:
    """Change bytes in the middle of a PNG file, which its header does not show."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    path.write_bytes(content)


def test_an_image_that_cannot_be_read_ends_the_command_with_nothing_written(cvkit, pets):
    """Damage that only decoding finds; with --skip-damaged the image is left out and listed."""
    damage(Path("pictures/train/cat/1.png"))
    answer = cvkit("data", "pack", pets, "--to", "shards", "--short-side", "20")
    assert answer.code == 1
    assert "1.png" in answer.err
    assert "Nothing was packed" in answer.err
    assert sorted(os.listdir()) == ["pictures", "recipe.yaml"]
    answer = cvkit("data", "pack", pets, "--to", "shards", "--short-side", "20", "--skip-damaged")
    assert answer.code == 0
    assert "left out 1, such as train/cat/1.png: damaged" in answer.out
    (omitted,) = json.loads(Path("shards", LISTING).read_text())["left_out"]
    assert omitted["name"] == "train/cat/1.png"


def test_a_data_set_that_cannot_be_packed_into_is_refused(cvkit, pets):
    """The error names one that can, and a misspelt name gets the nearest."""
    answer = cvkit("data", "pack", pets, "--to", "out", "--format", "shapes")
    assert (answer.code, "--format shards writes tar shards" in answer.err) == (2, True)
    answer = cvkit("data", "pack", pets, "--to", "out", "--format", "shard")
    assert (answer.code, "shards" in answer.err) == (2, True)


def test_repeated_images_are_packed_once(cvkit, pets):
    """The data set repeat repeats them again, and takes no space."""
    of = "dataset={name: repeat, of: {name: image_folder, path: pictures, size: 32}, times: 3}"
    answer = cvkit("data", "pack", pets, "--to", "shards", "--set", of)
    assert answer.code == 0, answer.err
    assert "train images: 14," in answer.out
    assert "packed once" in answer.out


def table(root: Path, cells: tuple[str, ...], options: str) -> str:
    """Write eight JPEG files and a table of them with weights, whose labels are `cells`; return its data set."""
    rows = ["file_name,label,split,weight"]
    for number in range(8):
        (root / f"{number}.jpg").write_bytes(shard_sets.jpeg(number, 32))
        rows.append(f"{number}.jpg,{cells[number % len(cells)]},{'test' if number > 3 else 'train'},{number}")
    (root / "table.csv").write_text("\n".join(rows))
    return f"{{name: image_table, path: table.csv, size: 32, label: label, weight: weight{options}}}"


def test_files_and_weights_of_repeated_images_are_kept(cvkit, pets, tmp_path):
    """A JPEG file stays this file; written as PNG it would be several times larger, and weights would be lost."""
    of = table(tmp_path, ("a", "b"), "")
    answer = cvkit("data", "pack", pets, "--to", "shards", "--set", f"dataset={{name: repeat, of: {of}, times: 2}}")
    assert answer.code == 0, answer.err
    packed = shard_sets.opened(tmp_path, SHARDS).train
    found = [(packed.split.content(place), packed.weights[place]) for place in range(4)]
    assert sorted(found) == sorted((shard_sets.jpeg(number, 32), number) for number in range(4))


@pytest.mark.parametrize("source", ["table", "memory"])
def test_the_line_for_a_set_with_several_labels_opens(cvkit, pets, tmp_path, source):
    """It has several_labels: true, whatever the option of the packed data set is, or without one."""
    of = "{name: several_shapes, train_size: 12, validation_size: 0, test_size: 6}"
    if source == "table":
        of = table(tmp_path, ("a|b", "b", "", "c"), ", labels_separator: '|'")
    answer = cvkit("data", "pack", pets, "--to", "shards", "--set", f"dataset={of}", "--set", "loss=bce")
    assert answer.code == 0, answer.err
    line = answer.out.splitlines()[-1].replace("dataset: ", "dataset=")
    splits = shard_sets.opened(tmp_path, shard_sets.RECIPE, line, "loss=bce")
    assert splits.info.task == "multi_label"
    assert len(splits.test) in (4, 6)


def test_how_files_are_read_is_kept_through_wrappers(cvkit, pets, tmp_path):
    """Options of the data set inside are repeated; those of several data sets must be equal."""
    of = "{{name: image_folder, path: pictures, size: 32, bits: {}}}"
    subset = f"dataset={{name: subset, of: {of.format(12)}, count: 8}}"
    answer = cvkit("data", "pack", pets, "--to", "shards", "--set", subset)
    assert answer.out.splitlines()[-1] == "dataset: {name: shards, path: shards, bits: 12}"
    both = f"dataset={{name: concatenate, of: [{of.format(12)}, {of.format(10)}]}}"
    answer = cvkit("data", "pack", pets, "--to", "two", "--set", both)
    assert (answer.code, "bits: 12 and bits: 10" in answer.err) == (2, True)
    assert not Path("two").exists()
    assert cvkit("data", "pack", pets, "--to", "two", "--framed", "--set", both).code == 0


def test_the_line_for_framed_images_opens(cvkit, pets, tmp_path):
    """decode: draft requires a framing, which framed images do not need."""
    answer = cvkit("data", "pack", pets, "--to", "shards", "--framed", "--set", "dataset.decode=draft")
    line = answer.out.splitlines()[-1].replace("dataset: ", "dataset=")
    assert len(shard_sets.opened(tmp_path, shard_sets.RECIPE, line).test) == 6


def test_a_kill_leaves_nothing_that_looks_complete(pets, tmp_path, cvkit):
    """The folder appears at the end; after a kill the command starts again."""

    def killed() -> None:
        write = shard_writing._SplitWriter._add
        done = []

        def add(self, *image: object) -> None:
            write(self, *image)
            done.append(image)
            if len(done) == 9:
                os.kill(os.getpid(), signal.SIGKILL)

        shard_writing._SplitWriter._add = add
        (tmp_path / "making").mkdir()
        from cvkit.files.output_folder import OutputFolder

        place = OutputFolder(tmp_path / "shards", "cvkit data pack", frozenset(), "--to")
        with place.replace_atomically() as making:
            shard_writing.pack(shard_sets.opened(tmp_path), making, lambda _: None)

    assert ended(fork(killed)) == -signal.SIGKILL
    assert not (tmp_path / "shards").exists()
    assert cvkit("data", "pack", pets, "--to", "shards").code == 0
    assert len(shard_sets.opened(tmp_path, SHARDS).train) == 14
