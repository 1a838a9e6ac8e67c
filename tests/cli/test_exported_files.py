"""``cvkit predict``, ``evaluate`` and ``serve`` with exported files instead of run folders."""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import sys
from pathlib import Path

import onnx
import pytest
from damaged_onnx import with_noise

import cvkit as package
from cvkit.data.digests import file_digest
from cvkit.prediction.opened import opened_file


@pytest.fixture(scope="module")
def exports(trained, tmp_path_factory) -> Path:
    """A folder with the run as model.onnx and model.pt2."""
    folder = tmp_path_factory.mktemp("exports")
    model = package.load(trained[0])
    for name in ("onnx", "torch"):
        shutil.copy(model.export(name, output=folder / "of").file, folder)
    return folder


@pytest.fixture
def file(exports, images) -> Path:
    """The ONNX file, in the folder that is worked in."""
    shutil.copy(exports / "model.onnx", "model.onnx")
    return Path("model.onnx")


def numbers() -> dict[str, object]:
    """Return the numbers of the only evaluation of a file."""
    (found,) = Path("evaluations").glob("model.*/metrics.json")
    return json.loads(found.read_text())


def rows(text: str) -> list[dict[str, str]]:
    """Return the rows of CSV."""
    return [*csv.DictReader(io.StringIO(text))]


def test_file_predicts_what_its_run_predicts(cvkit, run_folder, file):
    """The same classes for the same files, and the line on standard error names the run of the file."""
    expected = rows(cvkit("predict", run_folder, "images").out)
    answer = cvkit("predict", file, "images")
    assert answer.code == 3
    found = rows(answer.out)
    assert [(row["file"], row["class"], row["digest"]) for row in found] == [
        (row["file"], row["class"], row["digest"]) for row in expected
    ]
    for one, other in zip(found, expected, strict=True):
        if not other["error"]:
            assert float(one["probability"]) == pytest.approx(float(other["probability"]), abs=1e-4)
    assert "model.onnx of run small-" in answer.err
    assert "exported after step" in answer.err


def test_output_of_one_file_is_not_continued_with_another(cvkit, run_folder, file):
    """The digest of the model is that of the bytes of the file."""
    assert cvkit("predict", file, "images", "--output", "p.csv").code == 3
    opened = opened_file(file, trusted=False)
    assert opened.digest() == file_digest(file)
    assert cvkit("predict", run_folder, "images", "--output", "p.csv", "--resume").code == 2


def test_program_is_read_only_if_it_is_trusted(cvkit, exports, file):
    """Because it can run code; the error names the option."""
    for command, *rest in (("predict", "images"), ("evaluate", "--data", "x"), ("serve", "--port", "0")):
        refused = cvkit(command, exports / "model.pt2", *rest)
        assert refused.code == 2
        assert "--trust" in refused.err
    trusted = cvkit("predict", exports / "model.pt2", "images", "--trust")
    assert [row["class"] for row in rows(trusted.out)] == [
        row["class"] for row in rows(cvkit("predict", file, "images").out)
    ]


def test_file_has_the_figures_of_its_run(cvkit, run_folder, file, trained):
    """On the run's own images: the same classes, the same loss and metrics within float error."""
    answer = cvkit("evaluate", file, "--run", run_folder)
    assert (answer.code, answer.err) == (0, "")
    found, expected = numbers(), trained[1].final_predictions()
    assert (found["accuracy"], found["images"]) == (expected.accuracy, len(expected.labels))
    assert found["loss"] == pytest.approx(expected.loss, abs=1e-4)
    assert found["model_digest"] == file_digest(file)
    assert found["notes"] == []
    assert cvkit("evaluate", run_folder).code == 0
    of_run = json.loads(Path("evaluations/run-test/metrics.json").read_text())
    assert found["metrics"] == pytest.approx(of_run["metrics"], abs=1e-4)
    (of_file,) = Path("evaluations").glob("model.onnx-*-test")
    tables = [rows((folder / "predictions.csv").read_text()) for folder in (of_file, Path("evaluations/run-test"))]
    first, second = ([(row["digest"], row["predicted"]) for row in table] for table in tables)
    assert first == second
    assert "Evaluation of model.onnx" in (of_file / "evaluation.html").read_text()


def test_other_images_are_measured_without_the_run(cvkit, file, wording):
    """The figures need no recipe; what needs one is left out and said."""
    Path("labelled").mkdir()
    shutil.copytree("images/star", "labelled/star")
    answer = cvkit("evaluate", file, "--data", "labelled")
    assert answer.code == 0
    assert answer.err == wording(name="without the run")
    assert (numbers()["loss"], numbers()["metrics"], numbers()["images"]) == (None, {}, 1)
    with_run = cvkit("evaluate", file, "--data", "labelled", "--run", "run")
    assert with_run.code == 0
    assert numbers()["loss"] is not None


def test_file_that_computes_no_numbers_predicts_nothing(cvkit, file):
    """Its first class would be predicted for every image. The table says so for each, and the command fails."""
    with_noise(file, 0, math.nan)
    answer = cvkit("predict", file, "images/a.png", "images/star", "--output", "p.jsonl")
    assert answer.code == 1
    found = [json.loads(line, parse_constant=pytest.fail) for line in Path("p.jsonl").read_text().splitlines()]
    assert [(row["class"], row["probability"]) for row in found] == [(None, None)] * 2
    assert all("not a number" in row["error"] for row in found)
    assert "not a number" in answer.err.splitlines()[-1]
    Path("labelled").mkdir()
    shutil.copytree("images/star", "labelled/star")
    refused = cvkit("evaluate", file, "--data", "labelled")
    assert refused.code in (1, 2)
    assert "not a number" in refused.err
    assert not Path("evaluations").exists()


WRONG = [  # the arguments, and a part of the message
    (("evaluate", "model.onnx"), "--data"),
    (("evaluate", "model.onnx", "--split", "test"), "--run"),
    (("evaluate", "model.onnx", "--run", "run", "--views"), "--views"),
    (("evaluate", "model.onnx", "--run", "nowhere"), "nowhere"),
    (("evaluate", "run", "--run", "run"), "leave out --run"),
    (("evaluate", "nothing.onnx", "--data", "images"), "no file 'nothing.onnx'"),
    (("predict", "nothing.onnx", "images"), "no file 'nothing.onnx'"),
    (("evaluate", "images/a.png", "--data", "images"), "neither .onnx nor .pt2"),
    (("predict", "plain.onnx", "images"), "contains no classes"),
    (("serve", "nothing.onnx", "--port", "0"), "no file 'nothing.onnx'"),
    (("serve", "plain.onnx", "--port", "0"), "contains no classes"),
    (("serve", "model.onnx", "--port", "0", "--data", "images"), "--data"),
    (("predict", "model.onnx", "images", "--plugin-path", "nope.py"), "leave out --plugin-path"),
    (("evaluate", "model.onnx", "--data", "images", "--no-plugin", "nope"), "leave out --plugin-path"),
    (("evaluate", "renamed.onnx", "--run", "run"), "only in the file: comet"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_command_without_sense_writes_nothing(cvkit, file, arguments, said):
    """It exits with 2 and says what is wrong."""
    proto = onnx.load(file)
    values = json.loads(proto.metadata_props[0].value)
    values["info"]["classes"][0] = "comet"
    onnx.helper.set_model_props(proto, {"cvkit": json.dumps(values)})
    onnx.save(proto, "renamed.onnx")
    del proto.metadata_props[:]
    onnx.save(proto, "plain.onnx")
    answer = cvkit(*arguments)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert not Path("evaluations").exists()


def test_missing_library_is_named(cvkit, file, monkeypatch):
    """With the extra that installs it."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    answer = cvkit("predict", file, "images")
    assert answer.code == 2
    assert "cvkit-core[onnx]" in answer.err
