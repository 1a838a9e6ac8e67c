"""tensorboard: what a run's event files hold, also when it is continued, and that without tensorboard it waits."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import venv
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
import unrendered
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator as ServedAccumulator

from cvkit import EpochRecord, Recipe, RunFolder, build_parts, discover, resolve
from cvkit.recipe import read_text
from cvkit.runs.session import Session

RECIPE = """\
name: watched
dataset: {name: shapes, train_size: 48, test_size: 20}
augmentations: [horizontal_flip]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, momentum: 0.9}
scheduler: {name: one_cycle, max_lr: 0.1, peak_fraction: 0.4}
metrics: [macro_f1, {name: top_k, k: 3}]
train: {epochs: 3, batch_size: 16, ema: 0.4}
evaluation: {flip_tta: true}
report: {misclassified: 2, augmented: 2}
"""
STEPS = list(range(1, 10))  # three epochs of three
EPOCHS = [3, 6, 9]
OF_STEPS = {"step/loss", "step/learning_rate", "step/momentum"}
OF_EPOCHS = {
    *("loss/train", "loss/test", "accuracy/train", "accuracy/test", "accuracy/test_flip_tta"),
    *("accuracy/test_unaveraged", "speed/images_per_second", "speed/seconds", "epoch"),
    *("metrics/macro_f1", "metrics/top_k(k=3)"),
}
CATALOG = discover(distributions=["cvkit-core"])

pytestmark = pytest.mark.usefixtures("one_thread")


def checked() -> Recipe:
    return resolve(read_text(RECIPE, file="watched.yaml"), CATALOG)


def work(path: Path, epochs: int = 3, rendered: bool = False) -> RunFolder:
    """Start or continue the run in the folder at `path`, end after `epochs`, and write the report after all three."""
    path.mkdir(exist_ok=True)
    folder, recipe = RunFolder(path), checked()
    session = Session(build_parts(recipe, recipe.dataset.build(path)), folder, path, CATALOG)
    session.start()
    for event in session.train():
        session.stop = isinstance(event, EpochRecord) and event.epoch == epochs < 3
    if epochs == 3:
        with nullcontext() if rendered else unrendered.figures():
            session.report()
    assert session.warnings == []
    folder._lock.release()  # as the end of the process would
    return folder


def points(folder: RunFolder, reader: type = EventAccumulator) -> EventAccumulator:
    """Everything that the folder's event files hold, as TensorBoard reads it."""
    accumulator = reader(
        str(folder.path / "tensorboard"), size_guidance=dict.fromkeys(("scalars", "images", "tensors"), 0)
    )
    accumulator.Reload()
    return accumulator


def assert_each_point_once(folder: RunFolder) -> None:
    held = points(folder)
    for tag in OF_STEPS | OF_EPOCHS:
        assert [event.step for event in held.Scalars(tag)] == (STEPS if tag in OF_STEPS else EPOCHS), tag
    served = points(folder, ServedAccumulator)  # what its server reads, every value a tensor
    for tag in OF_STEPS | OF_EPOCHS:
        assert [event.step for event in served.Tensors(tag)] == (STEPS if tag in OF_STEPS else EPOCHS), tag
    assert len(held.Tensors("recipe")) == len(held.Images("figures/curves")) == 1


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> RunFolder:
    """A run from start to report."""
    torch.set_num_threads(1)
    return work(tmp_path_factory.mktemp("finished"), rendered=True)


def test_a_recipe_can_leave_the_figures_out(finished, tmp_path):
    """By the plugin's option; the scalars and the rest of the run do not change."""
    shutil.copytree(finished.path, tmp_path / "run", ignore=shutil.ignore_patterns("tensorboard"))
    passed = {"records": finished.records(), "predictions": None, "folder": tmp_path / "run"}
    for figures in (False, True):
        options = {"tensorboard": {"figures": figures}}
        assert CATALOG.notify("run_started", options, recipe=None, folder=tmp_path / "run") == []
        assert CATALOG.notify("run_finished", options, **passed) == []
        held = points(RunFolder(tmp_path / "run"))
        assert ("figures/curves" in held.Tags()["images"]) is figures


def test_scalars_are_the_records(finished):
    """Every epoch's figures and every step's series, at the number of steps taken."""
    held, records = points(finished), finished.records()
    assert set(held.Tags()["scalars"]) == OF_STEPS | OF_EPOCHS
    assert_each_point_once(finished)

    def values(tag):
        return [event.value for event in held.Scalars(tag)]

    assert values("loss/test") == pytest.approx([record.test_loss for record in records])
    assert values("accuracy/train") == pytest.approx([record.train_accuracy for record in records])
    unaveraged = [record.accuracy_unaveraged for record in records]
    assert values("accuracy/test_unaveraged") == pytest.approx(unaveraged)
    assert values("accuracy/test_flip_tta") == pytest.approx([record.accuracy_tta for record in records])
    assert values("speed/images_per_second") == pytest.approx([record.images_per_second for record in records])
    for tag, series in (("loss", "losses"), ("learning_rate", "lrs"), ("momentum", "momenta")):
        expected = [value for record in records for value in getattr(record, f"step_{series}")]
        assert values(f"step/{tag}") == pytest.approx(expected)


@pytest.mark.parametrize("accuracy", [0.5, None])
def test_epoch_of_mixed_images_has_no_scalar_for_the_training_accuracy(accuracy):
    """The others are there."""
    from cvkit_tensorboard.events import epoch

    record = EpochRecord(1, 1, 0.9, accuracy, 0.8, 0.6, 0.1, 100.0, 1.0, (0.9,), (0.1,), ())
    tags = {value.tag for event in epoch(record) for value in event.summary.value}
    assert ("accuracy/train" in tags) == (accuracy is not None)
    assert "accuracy/test" in tags


def test_recipe_is_text(finished):
    """The text plugin shows the recipe as the run folder holds it."""
    held = points(finished)
    (event,) = held.Tensors("recipe")
    assert finished.recipe_path.read_text() in event.tensor_proto.string_val[0].decode()
    assert held.SummaryMetadata("recipe").plugin_data.plugin_name == "text"


def test_pictures_are_those_of_the_report(finished):
    """Every PNG under figures/, byte for byte, with its size."""
    held, home = points(finished), finished.path
    pictures = {str(path.relative_to(home).with_suffix("")): path for path in (home / "figures").rglob("*.png")}
    assert set(held.Tags()["images"]) == set(pictures) >= {"figures/curves", "figures/confusion"}
    assert any(tag.startswith("figures/misclassified/") for tag in pictures)
    for tag, path in pictures.items():
        (image,) = held.Images(tag)
        assert image.encoded_image_string == path.read_bytes()
        assert image.step == 9
        assert min(image.width, image.height) > 8


def test_no_thread_outlives_a_hook(tmp_path):
    """After each epoch its points can be read, and nothing of tensorboard is still at work."""
    before = set(threading.enumerate())
    recipe, folder = checked(), RunFolder(tmp_path)
    session = Session(build_parts(recipe, recipe.dataset.build(tmp_path)), folder, tmp_path, CATALOG)
    session.start()
    for event in session.train():
        if isinstance(event, EpochRecord):
            assert points(folder).Scalars("epoch")[-1].value == event.epoch
            assert set(threading.enumerate()) == before


def test_continued_run_doubles_no_point(tmp_path):
    """An epoch that is trained again, as its checkpoint was lost, is there once, and so is everything else."""
    folder = work(tmp_path, epochs=2)
    assert [event.value for event in points(folder).Scalars("epoch")] == [1, 2]
    shutil.rmtree(max((tmp_path / "checkpoints").iterdir()))
    work(tmp_path)
    assert len(list((tmp_path / "tensorboard").iterdir())) == 2
    assert_each_point_once(folder)


def test_continued_run_misses_no_point(tmp_path):
    """Epochs that were never written, or cut short by a kill, are written when the run goes on."""
    work(tmp_path, epochs=1)
    (file,) = (tmp_path / "tensorboard").iterdir()
    file.write_bytes(file.read_bytes()[:-20])
    assert_each_point_once(work(tmp_path))


def test_run_that_finished_can_be_reported_again(finished, tmp_path):
    """Its report made once more, everything is still there once."""
    assert_each_point_once(work(shutil.copytree(finished.path, tmp_path / "again")))


def copied(finished: RunFolder, path: Path) -> Path:
    """A copy of the run's folder without its event files."""
    return Path(shutil.copytree(finished.path, path, ignore=shutil.ignore_patterns("tensorboard")))


def written(folder: Path, finished: RunFolder) -> list[str]:
    """Have the observer write all of a run again; return what it failed to do."""
    passed = {"records": finished.records(), "predictions": None, "folder": folder}
    return CATALOG.notify("run_started", recipe=None, folder=folder) + CATALOG.notify("run_finished", **passed)


def unversioned(line: str) -> str:
    """Return the line without the version of cvkit."""
    return re.sub(r"(?<=cvkit-core )[\w.+]+", "<version>", line)


def test_link_in_place_of_its_folder_is_not_followed(finished, tmp_path, wording):
    """A run folder may come from a stranger: nothing is written where the link leads."""
    folder, outside = copied(finished, tmp_path / "run"), tmp_path / "outside"
    outside.mkdir()
    (folder / "tensorboard").symlink_to(outside)
    started, ended = written(folder, finished)
    assert [unversioned(started), unversioned(ended)] == wording
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("number", ["000001", "999999"])
def test_link_in_place_of_an_event_file_is_not_written_through(finished, tmp_path, number):
    """The session's own file is another one, and holds everything."""
    folder, key = copied(finished, tmp_path / "run"), tmp_path / "key"
    key.write_bytes(b"the owner's")
    (folder / "tensorboard").mkdir()
    link = folder / "tensorboard" / f"events.out.tfevents.{number}.cvkit"
    link.symlink_to(key)
    assert written(folder, finished) == []
    assert key.read_bytes() == b"the owner's"
    link.unlink()
    assert "figures/curves" in points(RunFolder(folder)).Tags()["images"]


def test_picture_that_is_a_link_or_no_picture_is_left_out_and_told(finished, tmp_path, wording):
    """What another file of the machine holds does not come into the events; the other pictures do."""
    folder, secret = copied(finished, tmp_path / "run"), tmp_path / "secret.png"
    shutil.copy(folder / "figures" / "curves.png", secret)
    (folder / "figures" / "stranger.png").symlink_to(secret)
    (folder / "figures" / "damaged.png").write_bytes(b"\x89PNG")
    (warning,) = written(folder, finished)
    assert unversioned(warning) == wording
    held = set(points(RunFolder(folder)).Tags()["images"])
    assert "figures/curves" in held
    assert held.isdisjoint({"figures/stranger", "figures/damaged"})


def test_declaration_is_light():
    """Neither torch nor tensorboard is loaded before a run starts."""
    code = (
        "import sys, cvkit; cvkit.discover(); print('cvkit_tensorboard' in sys.modules, 'tensorboard' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["True", "False"]


@pytest.fixture(scope="module")
def without_tensorboard(tmp_path_factory):
    """Call cvkit in an environment of links to every installed package but tensorboard's."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, symlinks=True)
    (packages,) = home.glob("lib/python*/site-packages")
    for folder in {Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")}:
        for path in folder.iterdir():
            if not path.name.startswith("tensorboard") and not (packages / path.name).exists():
                (packages / path.name).symlink_to(path)

    def call(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.run(
            [home / "bin" / "python", unrendered.__file__, "cvkit", *map(str, arguments)],
            cwd=cwd,
            env={**variables, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        )

    return call


def test_without_tensorboard_it_waits_with_a_clear_line(without_tensorboard, tmp_path, wording):
    """`cvkit plugins` says what is missing and which extra brings it; that is no failure."""
    done = without_tensorboard("plugins", cwd=tmp_path)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("tensorboard")]
    assert "pip install 'cvkit-core[tensorboard]'" in line
    assert re.sub(r"\d+\.\d+ ms", "<time>", " ".join(unversioned(line).split())) == wording
    assert done.stderr == ""


def test_without_tensorboard_a_run_is_as_before(without_tensorboard, tmp_path):
    """It trains to a report and says nothing of tensorboard, on either stream."""
    (tmp_path / "watched.yaml").write_text(RECIPE)
    shorter = ("--set", "train.epochs=1", "--set", "train.ema=null")
    done = without_tensorboard("run", "watched.yaml", *shorter, cwd=tmp_path)
    assert done.stderr == ""
    assert "tensorboard" not in done.stdout.replace(str(tmp_path), "")
    (report,) = tmp_path.glob("runs/*/report.html")
    assert not (report.parent / "tensorboard").exists()
