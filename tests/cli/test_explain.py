"""``cvkit explain``: a trained model asked about any image, from its run folder alone."""

from __future__ import annotations

import copy
import csv
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pages import lines_of
from PIL import Image, ImageOps, UnidentifiedImageError

from cvkit import Component, Origin, hookimpl
from cvkit.cli import loading
from cvkit.engine.assembly import build_parts
from cvkit.engine.building import open_dataset
from cvkit.engine.trained_model import TrainedModel
from cvkit.engine.trainer import Trainer
from cvkit.errors import RunError
from cvkit.explain.image_source import FromSplit
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve
from cvkit.runs.folder import RunFolder
from cvkit.runs.load import load_trained
from cvkit.runs.session import Session

SMALL = """\
name: small
dataset: {name: shapes, train_size: 64, test_size: 40}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.1}
explainers: [grad_cam]
train: {epochs: 2, batch_size: 16, channels_last: true}
"""


def train(parent: Path, *overrides: str, stop_after: int | None = None) -> Trainer:
    """Train the small recipe in a new folder under `parent`, without a report, and return the run."""
    catalog = discover()
    recipe = resolve(read_text(SMALL, overrides), catalog)
    session = Session(
        build_parts(recipe, open_dataset(recipe, parent)), RunFolder.create(parent, recipe.name), parent, catalog
    )
    session.start()
    for _ in session.train():
        session.stop = session.step == stop_after
    if not session.stop:
        session.set_status("finished")
    return session.trainer


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, Trainer]:
    """A run folder of the small recipe, and the run."""
    parent = tmp_path_factory.mktemp("trained")
    run = train(parent)
    return next(parent.glob("small-*")), run


@pytest.fixture
def run_folder(trained, tmp_path, monkeypatch) -> Path:
    """The trained run, called `run`, in the empty folder that is worked in."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained[0], "run")
    return Path("run")


@pytest.fixture
def images(run_folder) -> Path:
    """Two images, one of a known class, and a file that is none."""
    folder = Path("images")
    (folder / "star").mkdir(parents=True)
    for number, name in enumerate(("a.png", "star/b.jpg")):
        pixels = np.random.default_rng(number).integers(0, 256, (50, 90, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    (folder / "text.png").write_text("not an image")
    return folder


@pytest.fixture
def rows() -> Callable[..., list[dict[str, str]]]:
    """Read the rows of what was written last."""

    def read(place: str = "explanations/run") -> list[dict[str, str]]:
        with (Path(place) / "explanations.csv").open(newline="") as file:
            return [*csv.DictReader(file)]

    return read


def test_reopened_model_answers_as_the_run_does(trained):
    """To the last bit, and the run folder stays as it is."""
    folder, run = trained
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    opened = RunFolder.open(folder)
    trained_again = load_trained(opened, run.parts.recipe, opened.data_info()).trained
    images = run.parts.splits.test.images
    assert opened.data_info() == run.parts.info
    assert torch.equal(trained_again.logits(images), run.trained().logits(images))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_reopened_model_is_the_averaged_one(tmp_path):
    """Where the run averages its weights, as its evaluation and report use those."""
    run = train(tmp_path, "train.ema=0.9", "train.epochs=1")
    folder = RunFolder.open(next(tmp_path.glob("small-*")))
    logits = load_trained(folder, run.parts.recipe, run.parts.info).trained.logits(run.parts.splits.test.images)
    assert torch.equal(logits, run.trained().logits(run.parts.splits.test.images))
    assert not torch.equal(logits, open_averaged_away(run).logits(run.parts.splits.test.images))


def without_run(folder: Path | str, text: str) -> str:
    """Write the name of a run's folder, which holds the time, as ``<run>``."""
    return text.replace(str(folder), "<run>")


def without_numbers(text: str) -> str:
    """Write numbers that a trained network makes, and any other, as ``<number>``."""
    return re.sub(r"\d[\d,.]*\b", "<number>", text)


def without_reason(text: str) -> str:
    """Write Pillow's own words about the file that is no image as ``<what Pillow says>``."""
    with pytest.raises(UnidentifiedImageError) as caught:
        Image.open("images/text.png")
    return text.replace(str(caught.value), "<what Pillow says>")


def open_averaged_away(run: Trainer):
    """The run as asked without its averaged weights."""
    parts = run.parts
    return TrainedModel(copy.deepcopy(parts.model).eval(), parts.info, parts.preprocessor, parts.device, seed=0)


def test_pretrained_weights_are_not_asked_for_again(trained, monkeypatch, wording):
    """A checkpoint holds all weights; without a network there would be no opening the run."""
    from cvkit_timm import model as family

    recipe = resolve(
        read_text(SMALL, ["model={name: timm/resnet10t, pretrained: true}", "explainers=[]"]), discover()
    )
    monkeypatch.setattr(family, "load_arguments", lambda name: pytest.fail("asked for weights"))
    with pytest.raises(RunError) as caught:
        load_trained(RunFolder.open(trained[0]), recipe, trained[1].parts.info)
    assert str(caught.value) == wording


def test_images_are_explained_beside_each_other(cvkit, run_folder, images, rows, wording):
    """A row and an overlay for each method and class, both classes where they differ, and the paths on stdout."""
    answer = cvkit("explain", run_folder, images, "--method", "grad_cam,layer_cam")
    assert answer.code == 0
    stand, *paths = answer.out.splitlines()
    assert stand == wording(name="stand")
    assert paths == [f"explanations/run/{name}" for name in ("explain.html", "explanations.csv", "overlays")]
    assert "images/text.png" in answer.err
    assert without_reason(answer.err) == wording(name="left out")
    found = rows()
    of = {name: [row for row in found if row["file"] == f"images/{name}"] for name in ("a.png", "star/b.jpg")}
    assert sum(map(len, of.values())) == len(found)
    assert {row["method"] for row in found} == {"grad_cam", "layer_cam"}
    assert {row["true"] for row in of["a.png"]} == {""}
    assert [row["target"] for row in of["a.png"]] == [of["a.png"][0]["predicted"]] * 2
    assert {row["target"] for row in of["star/b.jpg"]} == {"star", of["star/b.jpg"][0]["predicted"]}
    assert {row["layer"] for row in found} == {"layer3"}
    for row in found:
        assert Image.open(Path("explanations/run") / row["overlay"]).size == (90, 50)


def test_rows_say_what_the_model_says(cvkit, run_folder, trained, rows):
    """Test images are those of the run, by their index, and probabilities its own."""
    assert cvkit("explain", run_folder, "--count", "5").code == 0
    _, run = trained
    chances = run.trained().logits(run.parts.splits.test.images).softmax(dim=1)
    labels, classes = run.parts.splits.test.labels, run.parts.info.classes
    found = rows()
    assert len({row["file"] for row in found}) == 5
    for row in found:
        index = int(row["file"].removeprefix("test image "))
        assert row["true"] == classes[labels[index]]
        assert row["predicted"] == classes[chances[index].argmax()]
        assert float(row["probability"]) == pytest.approx(float(chances[index].max()), abs=1e-6)
        of_target = chances[index, classes.index(row["target"])]
        assert float(row["target_probability"]) == pytest.approx(float(of_target), abs=1e-6)


def test_errors_are_the_most_confident_ones(cvkit, run_folder, trained, rows):
    """The surest first, each wrong."""
    assert cvkit("explain", run_folder, "--errors", "--count", "4").code == 0
    html = Path("explanations/run/explain.html").read_text()
    assert html.count("<dt>") == 1  # not how many are classified correctly: none is, by choice
    found = list({row["file"]: row for row in rows()}.values())
    assert all(row["true"] != row["predicted"] for row in found)
    sure = [float(row["probability"]) for row in found]
    assert sure == sorted(sure, reverse=True)
    predictions = trained[1].evaluator.predict()
    worst = predictions.probabilities.amax(dim=1)[~predictions.correct].max()
    assert sure[0] == pytest.approx(float(worst), abs=1e-6)


def test_sample_is_the_same_every_time(trained):
    """It follows from the run's seed."""
    test = trained[1].parts.splits.test
    assert FromSplit.sample(test, 7, 3).indices == FromSplit.sample(test, 7, 3).indices
    assert FromSplit.sample(test, 7, 3).indices != FromSplit.sample(test, 7, 4).indices
    assert [*FromSplit.sample(test, 100, 3).indices] == [*range(40)]


def test_targets_are_explained_instead(cvkit, run_folder, images, rows):
    """By name or index, for every image; the map of another class is another."""
    assert cvkit("explain", run_folder, images, "--target", "star", "--target", "0").code == 0
    found = rows()
    assert [row["target"] for row in found] == ["star", "circle"] * 2
    overlays = [(Path("explanations/run") / row["overlay"]).read_bytes() for row in found]
    assert len(set(overlays)) == 4


def test_class_against_itself_is_not_asked(cvkit, run_folder, images, rows):
    """What remains is set against it, and the contrast is another map than the class alone."""
    asked = ["explain", run_folder, images / "a.png", "--target", "star", "--target", "ring"]
    assert cvkit(*asked, "--output", "alone").code == 0
    assert cvkit(*asked, "--against", "ring").code == 0
    (found,) = rows()
    assert (found["target"], found["against"]) == ("star", "ring")
    contrast = (Path("explanations/run") / found["overlay"]).read_bytes()
    assert contrast != (Path("alone/run") / rows("alone/run")[0]["overlay"]).read_bytes()
    assert cvkit("explain", run_folder, images / "a.png", "--target", "ring", "--against", "ring").code == 0
    assert [row["method"] for row in rows()] == [""]


def test_method_that_cannot_contrast_is_named(cvkit, run_folder, images, wording):
    """With those that can."""
    answer = cvkit("explain", run_folder, images, "--method", "grad_cam,smoothed", "--against", "ring")
    assert answer.code == 2
    assert "smoothed" in answer.err
    assert "grad_cam" in answer.err
    assert answer.err == wording
    assert not Path("explanations").exists()


def test_page_needs_nothing_else_and_says_what_was_asked(cvkit, run_folder, images, wording):
    """Every picture is inside, no address is."""
    answer = cvkit("explain", run_folder, images, "--method", "grad_cam,eigen_cam")
    html = Path("explanations/run/explain.html").read_text()
    assert not re.search(r"https?://", html)
    assert all(source.startswith("data:") for source in re.findall(r'(?:src|href)="([^"]*)"', html))
    head, *sections = html.partition("<main>")
    for told in ("images", "images/text.png", answer.out.splitlines()[0]):
        assert told in head
    for told in ("images/star/b.jpg", "layer3"):
        assert told in "".join(sections)
    assert html.count("<dt>") == 2
    assert without_numbers(without_reason("\n".join(lines_of(head)))) == wording


def test_page_shows_a_bounded_number_and_says_so(cvkit, run_folder, rows, monkeypatch, wording):
    """The rows have all of them."""
    monkeypatch.setattr("cvkit.explain.result_writer.SHOWN", 3)
    cvkit("explain", run_folder, "--count", "5")
    html = Path("explanations/run/explain.html").read_text()
    assert html.count('<div class="pictures">') == 3
    (caption,) = [line for line in lines_of(html) if "explanations.csv" in line]
    assert caption == wording
    assert len({row["file"] for row in rows()}) == 5


def test_recipes_own_explainers_are_the_default(cvkit, run_folder, images, rows):
    """And Grad-CAM where it has none."""
    recipe = run_folder / "recipe.yaml"
    text = recipe.read_text()
    for name, expected in (("gradcam/hires_cam", "hires_cam"), ("", "grad_cam")):
        start = text.index("explainers:")
        end = text.index("\ntrain:")
        recipe.write_text(f"{text[:start]}explainers: [{name}]{text[end:]}")
        assert cvkit("explain", run_folder, images / "a.png").code == 0
        assert {row["method"] for row in rows()} == {expected}


def test_layer_and_options_are_taken(cvkit, run_folder, images, rows):
    """For all methods with --layer, for one as in a recipe."""
    cvkit("explain", run_folder, images / "a.png", "--method", "grad_cam,layer_cam", "--layer", "layer2")
    assert {row["layer"] for row in rows()} == {"layer2"}
    answer = cvkit("explain", run_folder, images / "a.png", "--method", "{name: grad_cam, layer: layer1}, layer_cam")
    assert answer.code == 0
    assert {row["method"]: row["layer"] for row in rows()} == {"grad_cam": "layer1", "layer_cam": "layer3"}


def test_layers_are_listed(cvkit, run_folder, wording):
    """With the one that is explained, and nothing is written."""
    answer = cvkit("explain", run_folder, "--layers")
    assert answer.code == 0
    _, header, *lines = answer.out.splitlines()
    found = {line.split()[0]: line for line in lines}
    assert "layer2" in found
    assert [header, found["layer3"]] == wording
    assert not Path("explanations").exists()


def test_scores_are_kept_shown_and_warned_of(cvkit, run_folder, wording):
    """A line a measure and map in a pipe, JSON, and tables on the page."""
    answer = cvkit("explain", run_folder, "--count", "2", "--score")
    assert answer.code == 0
    assert "explanations/run/scores.json" in answer.out.splitlines()
    scores = json.loads(Path("explanations/run/scores.json").read_text())
    assert scores["images"] == 40
    assert "grad_cam" in scores["measures"]["pointing game"]["maps"]
    assert re.search(r"^pointing game +grad_cam +0\.\d+ ", answer.out, re.M)
    html = Path("explanations/run/explain.html").read_text()
    assert all(measure in lines_of(html) for measure in scores["measures"])
    accuracy, *others = answer.err.splitlines()  # the others depend on what the network has learnt
    assert all(warning.partition(": ")[2] in lines_of(html) for warning in (accuracy, *others))
    assert without_numbers(accuracy) == wording


def test_unfinished_run_says_where_it_stands(cvkit, tmp_path, monkeypatch, wording):
    """What its newest checkpoint holds is explained."""
    monkeypatch.chdir(tmp_path)
    train(tmp_path, stop_after=3)
    folder = next(tmp_path.glob("small-*")).name
    answer = cvkit("explain", folder, "--count", "1")
    assert answer.code == 0
    stand = answer.out.splitlines()[0]
    assert folder in stand
    assert without_run(folder, stand) == wording


def test_folder_of_an_earlier_version_opens_the_data(cvkit, run_folder, images):
    """Which knows the classes that run.json does not name."""
    path = run_folder / "run.json"
    info = json.loads(path.read_text())
    del info["data_info"]
    path.write_text(json.dumps(info))
    assert cvkit("explain", run_folder, images / "a.png").code == 0


def test_empty_maps_are_said(cvkit, run_folder, rows, monkeypatch, wording):
    """In the rows, on the page and on stderr."""
    (run_folder / "zero.py").write_text(
        "import torch\nfrom cvkit import Component, hookimpl\n"
        "def zero(model):\n    return lambda images, targets: torch.zeros(len(images), *images.shape[-2:])\n"
        "@hookimpl\ndef cvkit_explainers():\n    yield Component('zero', 'zero:zero')\n"
    )
    answer = cvkit("explain", run_folder, "--count", "2", "--method", "zero", "--plugin-path", run_folder / "zero.py")
    assert answer.code == 0
    (warning,) = answer.err.splitlines()
    assert "zero" in warning
    assert warning.partition(": ")[2] in lines_of(Path("explanations/run/explain.html").read_text())
    assert without_numbers(warning) == wording
    assert {row["empty"] for row in rows()} == {"1"}
    assert {row["layer"] for row in rows()} == {""}


MISTAKES = [
    (["--method", "grad_cm"], 2, "'grad_cam'"),
    (["--method", "{name: grad_cam, layr: x}"], 2, "'layer'"),
    (["--target", "strr"], 2, "'star'"),
    (["--against", "10"], 2, "circle"),
    (["--layer", "nowhere"], 2, "'nowhere'"),
    (["nothing.png"], 2, "'nothing.png'"),
    (["empty"], 2, "'empty'"),
    (["images/text.png"], 2, "images/text.png"),
    (["images", "--errors"], 2, "--errors"),
    (["--output", "taken"], 2, "notes.txt"),
]


@pytest.mark.parametrize(("words", "code", "named"), MISTAKES, ids=[" ".join(words) for words, *_ in MISTAKES])
def test_mistake_is_told_and_nothing_written(cvkit, run_folder, images, wording, words, code, named):
    """In a few lines, with the remedy."""
    Path("empty").mkdir()
    Path("taken/run").mkdir(parents=True)
    Path("taken/run/notes.txt").write_text("mine")
    before = sorted(map(str, Path().rglob("*")))
    answer = cvkit("explain", run_folder, *words)
    assert answer.code == code
    assert named in answer.err
    told = answer.err.rpartition("\n\n")[2]  # click's own lines, of how to call it, stand before
    assert without_reason(told) == wording
    assert "Traceback" not in answer.err
    assert sorted(map(str, Path().rglob("*"))) == before


def test_folder_that_is_no_run_or_has_no_checkpoint_is_told(cvkit, run_folder, wording):
    """Before or after its first steps."""
    answer = cvkit("explain", "images")
    assert answer.code == 2
    assert "'images'" in answer.err
    assert answer.err == wording(name="no run")
    shutil.rmtree(run_folder / "checkpoints")
    answer = cvkit("explain", run_folder, "--count", "1")
    assert (answer.code, Path("explanations").exists()) == (2, False)
    assert answer.err == wording(name="no checkpoint")


def test_checkpoint_of_another_model_is_told(cvkit, run_folder, wording):
    """As where the recipe in the folder was edited."""
    recipe = run_folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("width: 2", "width: 3"))
    answer = cvkit("explain", run_folder, "--count", "1")
    assert answer.code == 2
    assert answer.err == wording


def test_other_data_than_the_runs_is_refused(cvkit, run_folder, wording):
    """Its test images would be called by another's numbers."""
    recipe = run_folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("test_size: 40", "test_size: 41"))
    answer = cvkit("explain", run_folder)
    assert answer.code == 2
    assert answer.err == wording


class Elsewhere:
    """Another plugin that offers a method of the name of cvkit's own."""

    @hookimpl
    def cvkit_explainers(self):
        yield Component("grad_cam", "cvkit_gradcam.hires_cam:hires_cam")


def without_explainers(run_folder: Path) -> None:
    """Have the run name no explainer."""
    info = json.loads((run_folder / "run.json").read_text())
    info["components"] = [each for each in info["components"] if "gradcam" not in json.dumps(each)]
    (run_folder / "run.json").write_text(json.dumps(info))
    recipe = run_folder / "recipe.yaml"
    text = recipe.read_text()
    recipe.write_text(f"{text[: text.index('explainers:')]}explainers: []{text[text.index(chr(10) + 'train:') :]}")


def test_method_that_nobody_named_is_cvkits_own(cvkit, run_folder, images, rows, monkeypatch):
    """Though another plugin offers one of that name."""

    def with_both(*arguments):
        catalog = discover(*arguments)
        catalog.admit(Origin("elsewhere", "in-process", "0"), Elsewhere())
        return catalog

    monkeypatch.setattr(loading, "discover", with_both)
    without_explainers(run_folder)
    answer = cvkit("explain", run_folder, images / "a.png")
    assert answer.code == 0, answer.err
    assert {row["method"] for row in rows()} == {"grad_cam"}


def test_method_that_nobody_named_and_that_is_not_there_is_said(cvkit, run_folder, images, wording):
    """With the reason, and how to name another."""
    without_explainers(run_folder)
    answer = cvkit("explain", run_folder, images / "a.png", "--no-plugin", "gradcam")
    assert answer.code == 2
    for told in ("'gradcam/grad_cam'", "'gradcam'", "--no-plugin", "--method"):
        assert told in answer.err
    assert answer.err == wording


def test_no_file_ends_it_for_the_others(cvkit, run_folder, images, rows):
    """Whatever its shape or its name: it is explained, or named and left out."""
    long, other = "\u732b" * 70, os.fsdecode(b"\xff\xfe")
    Image.new("RGB", (1, 5000), "red").save(images / "tall.png")
    Image.new("L", (20_000, 1)).save(images / "wide.png")
    Image.new("RGB", (1, 1)).save(images / "one.png")
    for name in (long, other):
        shutil.copy(images / "a.png", images / f"{name}.png")
    (images / "loop.png").symlink_to("loop.png")
    os.mkfifo(images / "pipe.png")
    answer = cvkit("explain", run_folder, images, "--target", "star")
    assert answer.code == 0, answer.err
    assert len(rows()) == 7
    for name in ("pipe.png", "loop.png", "text.png"):
        assert f"images/{name}: " in answer.err
    assert "Traceback" not in answer.err


def test_picture_that_cannot_be_made_fit_is_named(cvkit, run_folder, images, rows, monkeypatch, wording):
    """As where there is not the memory to resize it; the next one is explained."""

    def without_memory(image, *arguments):
        if image.height == 50:
            raise MemoryError
        return ImageOps.pad(image, *arguments)

    monkeypatch.setattr("cvkit.explain.picture.ImageOps.fit", without_memory)
    Image.new("RGB", (40, 40)).save(images / "good.png")
    answer = cvkit("explain", run_folder, images)
    assert answer.code == 0, answer.err
    assert {row["file"] for row in rows()} == {"images/good.png"}
    (told,) = [line for line in answer.err.splitlines() if "images/a.png" in line]
    assert "MemoryError" in told
    assert told == wording


@pytest.mark.parametrize(
    "words", [["--layer", "nowhere"], ["--layer", "linear"], ["--method", "smoothed,{name: grad_cam, layer: linear}"]]
)
def test_layers_are_listed_though_the_one_asked_for_is_none(cvkit, run_folder, words):
    """Whoever got it wrong looks them up; what is wrong is said beside."""
    answer = cvkit("explain", run_folder, "--layers", *words)
    assert answer.code == 0, answer.err
    assert "layer2" in {line.split()[0] for line in answer.out.splitlines()}
    assert words[-1].rstrip("}").split()[-1] in answer.err


@pytest.mark.parametrize("output", [".", "figures", "../run"])
def test_run_folder_is_never_written_into(cvkit, run_folder, images, wording, output):
    """Nor is a folder made in it; a training may be at work there."""
    before = {path: path.stat().st_mtime_ns for path in (run_folder, *run_folder.rglob("*"))}
    answer = cvkit("explain", run_folder, images / "a.png", "--output", run_folder / output)
    assert answer.code == 2
    assert f"'{run_folder / output}'" in answer.err
    assert "--output" in answer.err
    assert answer.err.replace(f"'{run_folder / output}'", "<output>") == wording
    assert {path: path.stat().st_mtime_ns for path in (run_folder, *run_folder.rglob("*"))} == before
