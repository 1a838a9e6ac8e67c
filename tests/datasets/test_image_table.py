"""`image_table`: formats, columns, Hugging Face's metadata, and what is said of tables that will not do."""

from __future__ import annotations

import json
import sys

import pytest
from PIL import Image

from cvkit import DataError, build_parts
from cvkit.engine.building import open_dataset
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve
from cvkit_datasets.image_table import image_table

ROWS = [
    {"path": f"photos/{number}.png", "label": "cat" if number % 2 else "dog", "patient": str(number // 4)}
    for number in range(24)
]


@pytest.fixture
def base(tmp_path):
    """24 photos in one folder, whose names say nothing."""
    (tmp_path / "data" / "photos").mkdir(parents=True)
    for row in ROWS:
        Image.new("RGB", (8, 6), "red" if row["label"] == "cat" else "blue").save(tmp_path / "data" / row["path"])
    return tmp_path / "data"


def write(path, rows, delimiter=","):
    """Write rows as the ending of the path says."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        path.write_text("\n".join(delimiter.join(map(str, row)) for row in [rows[0].keys(), *map(dict.values, rows)]))
    return path


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "CSV"])
def test_every_format_gives_the_same_data(tmp_path, base, ending):
    """Paths are relative to the table; a label is its class."""
    write(base / f"table.{ending}", ROWS)
    splits = image_table(tmp_path, path=f"data/table.{ending}", validation=0.25)
    assert splits.info.classes == ("cat", "dog")
    assert {*splits.train.names, *splits.validation.names} == {row["path"] for row in ROWS}
    for split in (splits.train, splits.validation):
        for index, name in enumerate(split.names):
            image, label = split[index]
            assert label == (0 if int(name[7:-4]) % 2 else 1)
            assert image[:, 0, 0].tolist() == ([255, 0, 0] if label == 0 else [0, 0, 255])
    write(base / "same.csv", ROWS)
    assert splits.digest == image_table(tmp_path, path="data/same.csv", validation=0.25).digest


def test_labels_may_be_numbers(tmp_path, base):
    """As integers, or as numbers with a fraction of nought, which other programs write; sorted as numbers."""
    rows = [{**row, "label": number % 11} for number, row in enumerate(ROWS)]
    write(base / "a.jsonl", rows)
    write(base / "b.jsonl", [{**row, "label": float(row["label"])} for row in rows])
    for name in ("a", "b"):
        splits = image_table(tmp_path, path=f"data/{name}.jsonl", validation=11)
        assert splits.info.classes == tuple(map(str, range(11)))


def test_columns_are_named_or_the_usual_ones_and_said(tmp_path, base):
    """What was guessed is in the account; what the recipe names is not."""
    write(base / "usual.csv", ROWS)
    notes = image_table(tmp_path, path="data/usual.csv", validation=4).account.notes
    assert notes == ("the column 'path' is read as the image", "the column 'label' is read as the label")
    write(base / "own.csv", [{"where": row["path"], "what": row["label"], "half": "train"} for row in ROWS])
    splits = image_table(tmp_path, path="data/own.csv", image="where", label="what", validation=4)
    assert splits.account.notes == ()
    assert len(splits.validation) == 4


def test_split_column_assigns_images(tmp_path, base):
    """`val` is validation; images without a value are training images, of which validation images may be drawn."""
    halves = ["train", "test", "VAL", "", "train", "valid"]
    rows = [{**row, "split": halves[number // 2 % 6]} for number, row in enumerate(ROWS)]
    write(base / "a.csv", rows)
    splits = image_table(tmp_path, path="data/a.csv")
    wanted = {"train": ("train", ""), "validation": ("VAL", "valid"), "test": ("test",)}
    for name, values in wanted.items():
        assert {*getattr(splits, name).names} == {row["path"] for row in rows if row["split"] in values}
    write(base / "b.csv", [{**row, "half": "test" if row["patient"] == "5" else "train"} for row in ROWS])
    splits = image_table(tmp_path, path="data/b.csv", split="half", validation=0.2)
    assert len(splits.test) == 4
    assert len(splits.train) + len(splits.validation) == 20


def test_group_is_a_column_or_a_pattern(tmp_path, base):
    """No patient is on both sides."""
    write(base / "a.csv", ROWS)
    patients = {row["path"]: row["patient"] for row in ROWS}
    splits = image_table(tmp_path, path="data/a.csv", group="patient", validation=0.3)
    assert not {patients[name] for name in splits.train.names} & {patients[name] for name in splits.validation.names}
    splits = image_table(tmp_path, path="data/a.csv", group=r"photos/(\d)", validation=0.3)
    assert not {name[7] for name in splits.train.names} & {name[7] for name in splits.validation.names}


def test_group_that_is_no_column_says_which_there_are(tmp_path, base, wording):
    """A misspelled column would otherwise be said to be a pattern only."""
    write(base / "a.csv", ROWS)
    with pytest.raises(DataError, match="'patient'") as caught:
        image_table(tmp_path, path="data/a.csv", group="patiend", validation=0.3)
    assert str(caught.value) == wording


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_metadata_of_hugging_face_is_a_table(tmp_path, base, ending):
    """In the folder itself, or in one for each split, with `file_name` relative to the file."""
    write(base / f"metadata.{ending}", [{"file_name": row["path"], "label": row["label"]} for row in ROWS])
    assert len(image_table(tmp_path, path="data", validation=4).train) == 20
    (base / f"metadata.{ending}").unlink()
    for half, rows in (("train", ROWS[:16]), ("validation", ROWS[16:])):
        (base / half / "photos").mkdir(parents=True)
        for row in rows:
            (base / row["path"]).rename(base / half / row["path"])
        write(base / half / f"metadata.{ending}", [{"file_name": row["path"], "label": row["label"]} for row in rows])
    splits = image_table(tmp_path, path="data")
    assert (len(splits.train), len(splits.validation), splits.test) == (16, 8, None)
    assert splits.train.names[0].startswith("train/photos/")


def test_files_outside_of_the_folder_are_found(tmp_path, base):
    """By a path through the parent folder, or an absolute one."""
    (base / "tables").mkdir()
    rows = [
        {**row, "path": f"../{row['path']}" if number % 3 else str(base / row["path"])}
        for number, row in enumerate(ROWS)
    ]
    write(base / "tables" / "a.csv", rows)
    splits = image_table(tmp_path, path="data/tables/a.csv", validation=4)
    assert {*splits.train.names, *splits.validation.names} == {f"../{row['path']}" for row in ROWS}


def test_missing_and_damaged_files_are_named_or_left_out(tmp_path, base, wording):
    """All together, as in a folder."""
    (base / "photos" / "3.png").write_bytes(b"")
    write(base / "a.csv", [*ROWS, {"path": "photos/gone.png", "label": "cat", "patient": "9"}])
    with pytest.raises(DataError) as caught:
        image_table(tmp_path, path="data/a.csv", validation=4)
    assert str(caught.value) == wording
    splits = image_table(tmp_path, path="data/a.csv", validation=4, on_error="skip")
    assert {one.name for one in splits.account.left_out} == {"photos/3.png", "photos/gone.png"}


def test_a_file_that_is_listed_twice_is_read_once(tmp_path, base):
    """It might be on both sides; a repetition is said."""
    write(base / "a.csv", [*ROWS, {**ROWS[0], "path": "./photos/0.png"}])
    splits = image_table(tmp_path, path="data/a.csv", validation=4)
    assert len(splits.train) + len(splits.validation) == 24
    assert [one.name for one in splits.account.left_out] == ["photos/0.png"]


def test_weights_are_a_column(tmp_path, base):
    """They follow their images into the splits, and another weight is other data."""
    write(base / "a.csv", [{**row, "quality": number / 2} for number, row in enumerate(ROWS)])
    splits = image_table(tmp_path, path="data/a.csv", weight="quality", validation=0.25)
    for split in (splits.train, splits.validation):
        assert split.weights == tuple(int(name[7:-4]) / 2 for name in split.names)
    plain = image_table(tmp_path, path="data/a.csv", validation=0.25)
    assert plain.train.weights is None
    write(base / "b.csv", [{**row, "quality": number / 4} for number, row in enumerate(ROWS)])
    other = image_table(tmp_path, path="data/b.csv", weight="quality", validation=0.25)
    assert len({one.digest for one in (plain, splits, other)}) == 3


def test_class_that_the_sampler_never_uses_is_named(tmp_path, base):
    """Its images all have the weight 0."""
    write(base / "a.csv", [{**row, "quality": int(row["label"] == "cat")} for row in ROWS])
    notes = image_table(tmp_path, path="data/a.csv", weight="quality", validation=4).account.notes
    assert "the sampler weighted never uses 'dog', whose training images all have the weight 0" in notes


@pytest.mark.parametrize("values", ["text", "negative", "infinite", "empty", "zeros"])
def test_weights_that_cannot_be_used_name_their_rows(tmp_path, base, values, wording):
    """Up to five of them."""
    wrong = {"text": "high", "negative": "-0.5", "infinite": "inf", "empty": "", "zeros": "0"}[values]
    rows = [
        {**row, "quality": wrong if values == "zeros" or number % 3 == 2 else 1} for number, row in enumerate(ROWS)
    ]
    write(base / "a.csv", rows)
    with pytest.raises(DataError) as caught:
        image_table(tmp_path, path="data/a.csv", weight="quality", validation=4)
    assert str(caught.value).replace(str(base), "data") == wording


def test_run_uses_images_by_their_weights(tmp_path, base):
    """The sampler of a recipe gets the column of the table."""
    write(base / "a.csv", [{**row, "quality": int(number >= 8)} for number, row in enumerate(ROWS)])
    lines = (
        "name: weighted",
        f"dataset: {{name: image_table, path: {base / 'a.csv'}, weight: quality, size: 32, validation: 4}}",
        "sampler: weighted",
        "model: {name: custom_resnet, width: 2}",
        "train: {epochs: 1, batch_size: 4, workers: 0}",
        "optimizer: sgd",
    )
    recipe = resolve(read_text("\n".join(lines)), discover())
    parts = build_parts(recipe, open_dataset(recipe, tmp_path))
    used = {int(parts.splits.train.names[index][7:-4]) for index in parts.sampling.order(3).tolist()}
    assert used == {int(name[7:-4]) for name in parts.splits.train.names if int(name[7:-4]) >= 8}


HEAD = "path,label\n"
BAD = {
    "empty": ("a.csv", ""),
    "only a header": ("a.csv", HEAD),
    "no label": ("a.csv", "path,kind\nphotos/0.png,cat\n"),
    "two images": ("a.csv", "path,file,label\nphotos/0.png,x,cat\n"),
    "same column": ("a.csv", "path,label,label\nphotos/0.png,cat,dog\n"),
    "short row": ("a.csv", HEAD + "photos/0.png\n"),
    "long row": ("a.csv", HEAD + "photos/0.png,cat,dog\n"),
    "no value": ("a.csv", HEAD + "photos/0.png,\nphotos/1.png,cat\n"),
    "contradiction": ("a.csv", HEAD + "photos/0.png,cat\nphotos/0.png,dog\n"),
    "split": ("a.csv", "path,label,split\nphotos/0.png,cat,holdout\n"),
    "semicolon in a row": ("a.csv", "path;label\nphotos/0.png;cat;x\n"),
    "no header": ("a.csv", "photos/0.png,cat\nphotos/1.png,dog\n"),
    "comment": ("a.csv", "# mine\npath,label\n"),
    "open quote": ("a.csv", HEAD + '"photos/0.png,cat\n'),
    "list": ("a.jsonl", '{"path": "photos/0.png", "label": ["cat"]}\n'),
    "truth": ("a.jsonl", '{"path": "photos/0.png", "label": true}\n{"path": "photos/1.png", "label": 1}\n'),
    "fraction": ("a.jsonl", '{"path": "photos/0.png", "label": 1.5}\n'),
    "no JSON": ("a.jsonl", '{"path": "photos/0.png", "label": "cat"}\n{"path": \n'),
    "no object": ("a.jsonl", "[1]\n"),
    "ending": ("a.xlsx", ""),
    "one class": ("a.csv", HEAD + "photos/1.png,cat\nphotos/3.png,cat\n"),
}


@pytest.mark.parametrize("case", BAD)
def test_table_that_will_not_do_is_explained(tmp_path, base, case, wording):
    """With the file, and the line, the column or the image."""
    name, text = BAD[case]
    (base / name).write_text(text)
    with pytest.raises(DataError, match=name.replace(".", r"\.")) as caught:
        image_table(tmp_path, path=f"data/{name}")
    assert str(caught.value) == wording


def test_semicolons_and_empty_first_lines_are_read(tmp_path, base):
    """As spreadsheets of some countries write them."""
    lines = ["path;label", *(f"{row['path']};{row['label']}" for row in ROWS)]
    (base / "a.csv").write_text("\n\n" + "\n".join(lines))
    assert image_table(tmp_path, path="data/a.csv", validation=4).info.classes == ("cat", "dog")


def test_rows_without_a_split_are_counted(tmp_path, base):
    """Beside rows that have one; the note says how many, and which."""
    write(base / "a.csv", [{**row, "split": "" if number < 7 else "train"} for number, row in enumerate(ROWS)])
    notes = image_table(tmp_path, path="data/a.csv", validation=4).account.notes
    assert any(note.startswith("7 of 24 rows have no value in the column 'split'") for note in notes)


def test_images_that_are_all_left_out_are_the_reason(tmp_path, base):
    """With their number, the first paths, and why."""
    write(base / "a.csv", [{**row, "path": row["path"].replace("/", "\\")} for row in ROWS])
    with pytest.raises(
        DataError, match=r"no images for training.*\n  left out .* and 21 more: damaged: no such file"
    ):
        image_table(tmp_path, path="data/a.csv", validation=4, on_error="skip")
    for row in ROWS[::2]:
        (base / row["path"]).write_text("no image")
    write(base / "a.csv", ROWS)
    with pytest.raises(DataError, match=r"only the class 'cat'.*\n  left out .* and 9 more: damaged"):
        image_table(tmp_path, path="data/a.csv", validation=4, on_error="skip")


def test_text_in_another_encoding_is_explained(tmp_path, base, wording):
    """As a spreadsheet of an older system saves it."""
    (base / "a.csv").write_bytes("path,label\nphotos/0.png,café\n".encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8") as caught:
        image_table(tmp_path, path="data/a.csv")
    assert str(caught.value) == wording
    (base / "a.csv").write_bytes("\ufeffpath,label\r\nphotos/0.png,caf\u00e9\r\nphotos/1.png,dog\r\n".encode())
    with pytest.raises(DataError, match="validation"):
        image_table(tmp_path, path="data/a.csv")


def test_folder_without_a_table_and_damaged_parquet_are_explained(tmp_path, base, wording):
    """With what to do."""
    with pytest.raises(DataError) as caught:
        image_table(tmp_path, path="data")
    assert str(caught.value) == wording(name="folder")
    pytest.importorskip("pyarrow")
    (base / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"a\.parquet"):
        image_table(tmp_path, path="data/a.parquet")


def test_missing_pyarrow_is_said_with_the_command(tmp_path, base, monkeypatch, wording):
    """It is needed for Parquet only."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (base / "a.parquet").write_bytes(b"")
    with pytest.raises(DataError, match="pip install") as caught:
        image_table(tmp_path, path="data/a.parquet")
    assert str(caught.value) == wording
