"""``cvkit export``: a trained model as files, compared with the run before they are written."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from commands import call
from damaged_onnx import with_noise

FAULTY = '''
"""Exporters that are wrong in several ways."""
from cvkit import Component, Exporter, hookimpl
from cvkit_export.onnx_file import OnnxFile
from damaged_onnx import with_noise


class Noisy(OnnxFile):
    """Write ONNX with noise in the weights of a layer."""

    def __init__(self, info, *, scale: float = 5.0):
        super().__init__(info)
        self.scale = scale

    def export(self, model, folder):
        super().export(model, folder)
        with_noise(folder / "model.onnx", 2, self.scale)


class Refuses(Exporter):
    """Support no model."""

    files = ("model.bin",)

    def __init__(self, info):
        pass

    def export(self, model, folder):
        raise ValueError(f"{model.component} has no form in this format")


class Defective(Refuses):
    """Fail."""

    def export(self, model, folder):
        {}["weights"]


class WritesNothing(Refuses):
    """Forget to write."""

    def export(self, model, folder):
        pass


@hookimpl
def cvkit_exporters():
    """Declare them."""
    for name in ("Noisy", "Refuses", "Defective", "WritesNothing"):
        yield Component(name.lower(), f"faulty:{name}", "A faulty exporter")
'''


@pytest.fixture(scope="module")
def faulty(tmp_path_factory) -> Path:
    """A plugin whose exporters are wrong."""
    path = tmp_path_factory.mktemp("plugins") / "faulty.py"
    path.write_text(FAULTY)
    return path


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory) -> Path:
    """An export of the trained run."""
    folder = tmp_path_factory.mktemp("exported")
    shutil.copytree(trained[0], folder / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        answer = call(_Silent(), "export", "run")
    assert answer.code == 0
    return folder / "exports" / "run" / "onnx"


class _Silent:
    """In place of pytest's capture, which is of one test only."""

    def readouterr(self) -> tuple[str, str]:
        return "", ""


@pytest.fixture
def certificate(exported) -> dict[str, object]:
    return json.loads((exported / "certificate.json").read_text())


def without_numbers(text: str) -> str:
    """Write figures that a trained network makes as ``<number>``."""
    return re.sub(r"\b\d+(\.\d+)?(e-\d+)?\b", "<number>", text)


def test_files_certificate_and_script_are_written(exported):
    """In a folder named after the run and the exporter."""
    names = {path.name for path in exported.iterdir()}
    assert names == {"model.onnx", "predict.py", "certificate.json", "certificate.html"}


def test_certificate_has_the_whole_test_split(certificate, trained):
    """Accuracy of both, every changed image, the largest gap, batches of 1, 2 and an odd number, and times."""
    run = trained[1]
    assert certificate["images"] == len(run.parts.splits.test)
    assert certificate["passed"] is True
    assert (certificate["agreement"], certificate["required"], certificate["changed"]) == (1, 1, [])
    logits = run.trained().logits(run.parts.splits.test.images)
    accuracy = float((logits.argmax(dim=1) == run.parts.splits.test.labels).double().mean())
    assert certificate["accuracy_before"] == pytest.approx(accuracy)
    assert certificate["accuracy_after"] == pytest.approx(accuracy)
    assert 0 <= certificate["worst_gap"] < 1e-4
    assert {*certificate["batch_gaps"]} == {"1", "2", "7"}
    assert certificate["latency_before"] > 0
    assert certificate["latency_after"] > 0


def test_model_and_certificate_name_each_other(exported, certificate):
    """The file has the digest of the certificate; the certificate that of the file with zeros in this place."""
    content = (exported / "model.onnx").read_bytes()
    digest = hashlib.sha256((exported / "certificate.json").read_bytes()).hexdigest().encode()
    assert content.count(digest) == 1
    unsealed = content.replace(digest, b"0" * 64)
    assert certificate["files"]["model.onnx"] == hashlib.sha256(unsealed).hexdigest()


def test_page_shows_the_measurements(exported):
    """It is one file that asks for nothing."""
    html = (exported / "certificate.html").read_text()
    assert "Certificate of model.onnx" in html
    assert "Images that keep their class" in html
    assert "No image has another predicted class." in html


def test_damaged_layer_is_named_and_an_earlier_export_stays(cvkit, run_folder, faulty, exported, wording):
    """The images whose class changed, the layer, and what to do; exit code 1, as the comparison had started."""
    shutil.copytree(exported, "exports/run/noisy")
    before = {path.name: path.read_bytes() for path in Path("exports/run/noisy").iterdir()}
    answer = cvkit("export", run_folder, "--to", "noisy", "--plugin-path", faulty)
    assert answer.code == 1
    assert "test image " in answer.err
    assert re.search(r"first differ after layer '[\w.]+'.*they agree after '[\w.]+'", answer.err)
    assert {path.name: path.read_bytes() for path in Path("exports/run/noisy").iterdir()} == before
    assert [path.name for path in Path("exports/run").iterdir()] == ["noisy"]
    assert re.sub(r"images: .*?\. <number> %", "images: <images>. <number> %", without_numbers(answer.err)) == wording


def test_lower_agreement_accepts_changed_images(cvkit, run_folder, faulty):
    """They are listed in the certificate and on the page, with their classes before and after."""
    answer = cvkit("export", run_folder, "--to", "noisy", "--plugin-path", faulty, "--agreement", "0")
    assert answer.code == 0
    found = json.loads(Path("exports/run/noisy/certificate.json").read_text())
    counted = [image for image in found["changed"] if not image["tied"]]
    assert found["agreement"] == pytest.approx(1 - len(counted) / found["images"])
    assert counted
    assert all(image["before"] != image["after"] for image in counted)
    assert counted[0]["name"] in Path("exports/run/noisy/certificate.html").read_text()


def test_images_replace_the_test_split(cvkit, run_folder, images):
    """Files that are no images are named; folders named after a class give labels."""
    shutil.rmtree("exports", ignore_errors=True)
    answer = cvkit("export", run_folder, "--images", images)
    assert answer.code == 0
    assert "1 file could not be read" in answer.err
    found = json.loads(Path("exports/run/onnx/certificate.json").read_text())
    assert found["images"] == 2
    assert "text.png" in found["unread"][0]
    assert found["accuracy_before"] in (0, 1)  # one of the two images has a label


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--to", "onxx"), "'onnx'"),
        (("--option", "opsett=18"), "'opset'"),
        (("--option", "opset=7"), "--option opset=7"),
        (("--to", "onnx,onnx"), "named twice"),
        (("--output", "run"), "is inside"),
        (("--to", "torch", "--framing", "in-graph"), "these can: export/onnx"),
        (("--framing", "in-grap"), "'in-graph'"),
        (("--to", "torch", "--quantize"), "export the others without --quantize"),
        (("--images", "nowhere"), "'nowhere'"),
        (("--agreement", "2"), "--agreement"),
    ],
)
def test_mistakes_are_refused_before_anything_is_written(cvkit, run_folder, arguments, words):
    """With the place, what is wrong, and a suggestion; exit code 2."""
    answer = cvkit("export", run_folder, *arguments)
    assert answer.code == 2
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert not Path("exports").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("refuses", "resnet/custom_resnet has no form in this format"),
        ("defective", "KeyError"),
        ("writesnothing", "did not write: model.bin"),
    ],
)
def test_failures_of_exporters_are_named_and_leave_nothing(cvkit, run_folder, faulty, name, words):
    """With the id of the exporter, and no traceback."""
    answer = cvkit("export", run_folder, "--to", name, "--plugin-path", faulty)
    assert answer.code == 1
    assert words in answer.err
    assert f"faulty/{name}" in answer.err
    assert not Path("exports").exists()


def test_files_of_others_are_not_replaced(cvkit, run_folder):
    """Whatever is in the folder that export did not write stays."""
    place = Path("exports/run/onnx")
    place.mkdir(parents=True)
    (place / "thesis.txt").write_text("the only copy")
    answer = cvkit("export", run_folder)
    assert answer.code == 2
    assert "thesis.txt" in answer.err
    assert (place / "thesis.txt").read_text() == "the only copy"


def test_recipe_may_name_its_exporters(cvkit, run_folder):
    """Then no option is needed, and a misspelt one in the recipe is found as any other."""
    recipe = Path("run/recipe.yaml")
    recipe.write_text(recipe.read_text().replace("exporters: []", "exporters: [{name: export/onnx, opset: 20}]"))
    assert cvkit("export", run_folder).code == 0
    found = json.loads(Path("exports/run/onnx/certificate.json").read_text())
    assert found["options"] == {"opset": 20, "framing": "outside"}


def test_noise_of_the_tests_changes_the_file(exported, tmp_path):
    """What the tests of failures rely on."""
    shutil.copy(exported / "model.onnx", tmp_path)
    with_noise(tmp_path / "model.onnx", 0)
    assert (tmp_path / "model.onnx").read_bytes() != (exported / "model.onnx").read_bytes()
