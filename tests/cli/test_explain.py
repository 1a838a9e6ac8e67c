"""``cvkit explain``: a trained model asked about any image, from its run folder alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from explained_run import train, without_reason
from pages import lines_of
from PIL import Image

from cvkit.explain.image_source import FromSplit


def without_run(folder: Path | str, text: str) -> str:
    """Write the name of a run's folder, which holds the time, as ``<run>``."""
    return text.replace(str(folder), "<run>")


def without_numbers(text: str) -> str:
    """Write numbers that a trained network makes, and any other, as ``<number>``."""
    return re.sub(r"\d[\d,.]*\b", "<number>", text)


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
    facts = re.findall("<dt>(.*?)</dt>", html)
    assert facts == ["Question", "Images explained"]  # not how many are classified correctly: none is, by choice
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
    assert all(source.startswith(("data:", "#")) for source in re.findall(r'(?:src|href)="([^"]*)"', html))
    head, *sections = html.partition("<main")
    for told in ("images", "images/text.png", answer.out.splitlines()[0]):
        assert told in head
    for told in ("images/star/b.jpg", "layer3"):
        assert told in "".join(sections)
    assert re.findall("<dt>(.*?)</dt>", html) == ["Question", "Images explained", "Classified correctly"]
    assert without_numbers(without_reason("\n".join(lines_of(head)))) == wording


def test_page_shows_a_bounded_number_and_says_so(cvkit, run_folder, rows, monkeypatch, wording):
    """The rows have all of them."""
    monkeypatch.setattr("cvkit.explain.result_writer.SHOWN", 3)
    cvkit("explain", run_folder, "--count", "5")
    html = Path("explanations/run/explain.html").read_text()
    assert html.count('<div class="pictures') == 3
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
