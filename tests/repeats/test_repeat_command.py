"""``cvkit repeat``: its runs are those of ``cvkit run``, and whatever ends it, it can be continued."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from forks import Command, in_a_fork
from photos import photo
from PIL import Image
from repeating import RECIPE, consume, job_in, train

import cvkit
from cvkit import RunError, RunFolder
from cvkit.repeats.worker import jobs_of, train_in_processes
from cvkit.runs.watching import Watch

pytestmark = pytest.mark.usefixtures("unrendered")
SEEDS = ("seed-0", "seed-1", "seed-2")


def repeat(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return Command("repeat", *arguments, cwd=cwd).finish()


def outcomes(folder: Path) -> list[bytes]:
    """Return the predictions of every seed."""
    return [(folder / seed / "predictions.csv").read_bytes() for seed in SEEDS]


@pytest.fixture
def copied(repeated, tmp_path) -> Path:
    """A copy of the finished repeat beside its recipe."""
    shutil.copytree(repeated, tmp_path / "repeat")
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    return tmp_path / "repeat"


def test_each_seed_is_the_run_that_cvkit_trains_with_this_seed(repeated, tmp_path, same):
    """To the bit, so that a seed of a repeat can be looked at alone."""
    run = cvkit.train(RECIPE, set={"seed": 1}, output=tmp_path, progress=False)
    one, other = (RunFolder(path).newest_state()[0] for path in (run.folder, repeated / "seed-1"))
    same(one["model"], other["model"])
    assert run.predictions.score == RunFolder(repeated / "seed-1").info()["result"]["score"]
    assert len(set(outcomes(repeated))) == len(SEEDS)


def test_summary_is_that_of_the_runs(repeated):
    """The file has each run, the mean of their scores, and which of them agree."""
    summary = json.loads((repeated / "repeat.json").read_text())["summary"]
    scores = [RunFolder(repeated / seed).info()["result"]["score"] for seed in SEEDS]
    assert [run["score"] for run in summary["runs"]] == scores
    assert summary["score"]["mean"] == pytest.approx(sum(scores) / 3)
    assert summary["unfinished"] == []
    assert (repeated / "repeat.html").is_file()


def test_started_again_it_trains_nothing_and_prints_the_table(copied, wording):
    """Finished runs are skipped; the page is written again."""
    (copied / "repeat.html").unlink()
    before = outcomes(copied)
    done = repeat("tiny.yaml", "--seeds", 3, "--output", "repeat", cwd=copied.parent)
    assert (done.returncode, done.stderr) == (0, "")
    table = [line for line in done.stdout.splitlines() if not line[:1].isdigit()]  # the times differ
    assert re.sub(r" *\d+\.\d+", " <n>", "\n".join(table)) == wording  # another CPU trains other networks
    assert (copied / "repeat.html").is_file()
    assert outcomes(copied) == before


def test_another_recipe_is_refused_with_what_changed(copied, wording):
    """Before anything is trained; the exit code says that nothing was."""
    before = (copied / "repeat.json").read_bytes()
    done = repeat("tiny.yaml", "--set", "train.epochs=3", "--output", "repeat", cwd=copied.parent)
    assert done.returncode == 2
    assert done.stderr == wording
    assert (copied / "repeat.json").read_bytes() == before


def test_folder_with_other_files_is_refused(tiny, wording):
    """It could be anybody's; it is left as it was."""
    (tiny.parent / "mine").mkdir()
    (tiny.parent / "mine" / "notes.txt").write_text("mine")
    done = repeat("tiny.yaml", "--output", "mine", cwd=tiny.parent)
    assert done.returncode == 2
    assert done.stderr == wording
    assert [path.name for path in (tiny.parent / "mine").iterdir()] == ["notes.txt"]


def test_mistake_of_the_recipe_leaves_no_folder(tiny):
    """Parts that do not fit together are found before a folder is created."""
    done = repeat("tiny.yaml", "--set", "train.batch_size=400", cwd=tiny.parent)
    assert done.returncode == 2
    assert "batch_size" in done.stderr
    assert not (tiny.parent / "runs").exists()


@pytest.mark.parametrize("seeds", ["none", "0", "-2"])
def test_seeds_that_are_no_seeds_are_refused(tiny, seeds):
    """As a mistake of the command line."""
    done = repeat("tiny.yaml", f"--seeds={seeds}", cwd=tiny.parent)
    assert done.returncode == 2
    assert "--seeds" in done.stderr


def test_killed_in_the_second_seed_it_ends_with_the_same_predictions(tiny, repeated):
    """The second seed continues from its checkpoint, and the first is not trained again."""

    def dying(session, events) -> None:
        for event in events:
            if isinstance(event, cvkit.Step) and session.recipe.seed == 1 and event.step == 6:
                os.kill(os.getpid(), signal.SIGKILL)

    folder = tiny.parent / "repeat"
    assert in_a_fork(lambda: train(folder, tiny, dying)) == -signal.SIGKILL
    first = (folder / "seed-0" / "run.json").read_bytes()
    assert in_a_fork(lambda: train(folder, tiny)) == 0
    assert (folder / "seed-0" / "run.json").read_bytes() == first
    assert RunFolder(folder / "seed-1").info()["sessions"][0]["after_step"] == 4
    assert outcomes(folder) == outcomes(repeated)


def test_interrupt_saves_once_and_says_how_to_continue(tiny, repeated):
    """The same command then finishes the repeat with the same predictions."""
    command = ("repeat", "tiny.yaml", "--seeds", "3", "--output", "repeat")
    started = Command(*command, cwd=tiny.parent)
    for line in started.stdout:
        if line.startswith("    1 "):
            os.kill(started.pid, signal.SIGINT)
            break
    done = started.finish()
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1].endswith(f"To continue: cvkit {' '.join(command)}")
    assert not (tiny.parent / "repeat" / "seed-1").exists()
    assert repeat(*command[1:], cwd=tiny.parent).returncode == 0
    assert outcomes(tiny.parent / "repeat") == outcomes(repeated)


def test_failure_of_a_seed_does_not_end_the_others(copied, wording):
    """The summary has the other seeds, and the exit code says that one is missing."""
    shutil.rmtree(copied / "seed-1")
    (copied / "seed-1").write_text("a file in place of the folder")
    shutil.rmtree(copied / "seed-2")
    done = repeat("tiny.yaml", "--seeds", 3, "--output", "repeat", cwd=copied.parent)
    assert done.returncode == 1
    assert done.stderr == wording
    summary = json.loads((copied / "repeat.json").read_text())["summary"]
    assert [run["seed"] for run in summary["runs"]] == [0, 2]


def test_run_that_another_process_trains_is_skipped(copied):
    """Two repeats in one folder do not disturb each other."""
    shutil.rmtree(copied / "seed-1")
    (copied / "seed-1").mkdir()
    other = RunFolder(copied / "seed-1")
    other.lock()
    try:
        done = repeat("tiny.yaml", "--seeds", 3, "--output", "repeat", cwd=copied.parent)
    finally:
        other.unlock()
    assert done.returncode == 1
    assert "seed 1 is skipped: another process is using" in done.stderr


def test_seed_is_not_trained_on_other_data_than_the_first(tmp_path):
    """The mean of runs on different data would mean nothing."""
    for split in ("train", "test"):
        for label in ("a", "b"):
            (tmp_path / "data" / split / label).mkdir(parents=True)
            for number in range(6):
                pixels = photo(100 * len(split) + 10 * (label == "a") + number, 32).permute(1, 2, 0).numpy()
                Image.fromarray(pixels).save(tmp_path / "data" / split / label / f"{number}.png")
    data = f"dataset: {{name: image_folder, path: {tmp_path / 'data'}, size: 32}}"
    text = RECIPE.replace("dataset: {name: shapes, train_size: 40, test_size: 20}", data)
    (tmp_path / "photos.yaml").write_text(text.replace("batch_size: 10", "batch_size: 4, workers: 0"))
    assert repeat("photos.yaml", "--seeds", "0,", "--output", "repeat", cwd=tmp_path).returncode == 0
    (tmp_path / "data" / "train" / "a" / "0.png").unlink()
    done = repeat("photos.yaml", "--seeds", "0,1", "--output", "repeat", cwd=tmp_path)
    assert done.returncode == 1
    assert "seed 1 failed" in done.stderr
    assert not (tmp_path / "repeat" / "seed-1" / "run.json").exists()


def test_several_processes_train_the_same_runs(tiny, repeated):
    """Each process trains other seeds; all lines have the seed in front."""
    done = repeat("tiny.yaml", "--seeds", 2, "--processes", 2, "--output", "repeat", cwd=tiny.parent)
    assert done.returncode == 0, done.stderr
    for seed in ("seed-0", "seed-1"):
        assert f"{seed.replace('-', ' ')}: writing the report" in done.stdout
        predictions = (tiny.parent / "repeat" / seed / "predictions.csv").read_bytes()
        assert predictions == (repeated / seed / "predictions.csv").read_bytes()
        environment = json.loads((tiny.parent / "repeat" / seed / "run.json").read_text())["environment"]
        assert "from Python" not in environment["allocator"]  # the processes are cvkit's own


def test_failures_in_several_processes_have_their_reasons(copied):
    """Python gets the reason of each seed, as with one process, not only that it has not finished."""
    for seed in SEEDS[1:]:
        shutil.rmtree(copied / seed)
        (copied / seed).write_text("a file in place of the folder")
    with pytest.raises(RunError, match=r"seed 1: could not create .*; seed 2: could not create .*File exists"):
        cvkit.repeat(RECIPE, 3, output=copied, processes=2, progress=False)


def test_process_that_ends_early_is_the_reason_of_its_seeds(tiny):
    """A process that was killed cannot say why; its exit code is what is known."""
    job = job_in(tiny.parent / "repeat", tiny, (0, 1))
    (job.folder.path / "repeat.json").write_text("damaged")
    watch = Watch(lambda line: None, lambda line: None, consume)
    failures = train_in_processes(job, (0, 1), 2, (), (), watch)
    assert failures == dict.fromkeys((0, 1), "its process ended with exit code 1")


def test_worker_ends_when_the_process_that_started_it_is_gone(tiny):
    """It saves its step first, so nothing trains unseen and the folder is free."""
    text = RECIPE.replace("epochs: 2", "epochs: 2000")
    tiny.write_text(text)
    (job,) = jobs_of(job_in(tiny.parent / "repeat", tiny, (0,)), (0,), 2, (), ())
    worker = subprocess.Popen(
        [sys.executable, "-m", "cvkit.repeats.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    worker.stdin.write(json.dumps(job) + "\n")
    worker.stdin.flush()
    for line in worker.stdout:
        if line.startswith("seed 0:     1 "):
            break
    worker.stdin.close()
    assert worker.wait(60) == 128 + signal.SIGTERM
    worker.stdout.close()
    assert RunFolder(tiny.parent / "repeat" / "seed-0").info()["status"] == "interrupted"
