"""``cvkit explain`` with signed maps and with training images."""

from __future__ import annotations

from pathlib import Path

from cvkit.errors import DataError

EXPECTED = "{name: integrated_gradients, baseline: training, steps: 2}"


def test_signed_maps_have_a_legend_and_the_data_set_is_opened_once(cvkit, run_folder, rows, monkeypatch):
    """For the training images and the test images alike."""
    from cvkit.runs import run_data

    opened, open_run_data = [], run_data.open_run_data
    monkeypatch.setattr(run_data, "open_run_data", lambda *given: opened.append(1) or open_run_data(*given))
    answer = cvkit("explain", run_folder, "--method", f"grad_cam, {EXPECTED}", "--count", "2")
    assert answer.code == 0
    assert opened == [1]
    assert {row["method"] for row in rows()} == {"grad_cam", "integrated_gradients"}
    page = Path("explanations/run/explain.html").read_text()
    assert "Colours of integrated_gradients<" in page
    assert "against the class" in page


def test_page_without_signed_maps_has_no_legend(cvkit, run_folder):
    """It is as it was."""
    assert cvkit("explain", run_folder, "--method", "grad_cam", "--count", "1").code == 0
    assert "against the class" not in Path("explanations/run/explain.html").read_text()


def test_method_is_skipped_if_its_training_images_are_missing(cvkit, run_folder, images, rows, monkeypatch):
    """Files are explained by the others, and the reason says what to do."""

    def missing(*_):
        raise DataError("there is no folder 'photos'")

    monkeypatch.setattr("cvkit.runs.run_data.open_run_data", missing)
    answer = cvkit("explain", run_folder, images, "--method", f"grad_cam, {EXPECTED}")
    assert answer.code == 0
    assert "there is no folder 'photos'. Name the place of the run's data with --data" in answer.err
    assert {row["method"] for row in rows()} == {"grad_cam"}


def test_scores_say_that_the_positive_part_is_scored(cvkit, run_folder):
    """Below the figures, and on the page."""
    method = "{name: integrated_gradients, steps: 1}"
    answer = cvkit("explain", run_folder, "--method", method, "--count", "1", "--score")
    sentence = "Of the signed maps of integrated_gradients, only the positive values are scored."
    assert answer.code == 0
    assert sentence in answer.out
    assert sentence in Path("explanations/run/explain.html").read_text()
