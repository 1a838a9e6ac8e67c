"""``cvkit search``: killed or not it ends with the same best recipe, and no trial sees the test images."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import pytest
from forks import Command, in_a_fork
from safetensors import safe_open
from searching import RECIPE, SEARCH, job_of, train, written

from cvkit import EpochRecord, RunFolder, Step, discover, read, resolve
from cvkit.searches.disk import checkpoint_size, disk_lines
from cvkit.searches.folder import SearchFolder
from cvkit.searches.trials import best_of

pytestmark = pytest.mark.usefixtures("unrendered")
STEPS = 6  # of a complete trial: 3 epochs of 2


def shown(folder: Path) -> list[dict[str, object]]:
    """Return what must be the same in two searches: all of each trial but its time."""
    return [trial.to_json() | {"seconds": 0} for trial in SearchFolder(folder).trials()]


def search(*arguments: object, cwd: Path):
    return Command("search", *arguments, cwd=cwd).finish()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, warm) -> Path:
    """The folder of a search of 12 trials that nobody killed."""
    parent = tmp_path_factory.mktemp("searched")
    assert in_a_fork(lambda: train(written(parent), parent / "whole")) == 0
    return parent / "whole"


@pytest.fixture
def copied(uninterrupted, tmp_path) -> Path:
    """A copy of that folder beside its search."""
    written(tmp_path)
    shutil.copytree(uninterrupted, tmp_path / "whole")
    return tmp_path / "whole"


def test_killed_three_times_it_ends_with_the_same_best_recipe(tmp_path, uninterrupted):
    """Killed within a trial, between two trials, and after the last step of a trial: every trial is the same."""
    file, moments = written(tmp_path), [(1, 3, False), (3, STEPS, True), (7, 1, False)]

    def killer(trial: int, step: int, after_record: bool):
        def show(session, events) -> None:
            for event in events:
                there = session.folder.path.name == f"trial-{trial:04}" and session.step >= step
                if there and isinstance(event, EpochRecord if after_record else Step):
                    os.kill(os.getpid(), signal.SIGKILL)

        return show

    folder = tmp_path / "killed"
    for moment in moments:
        assert in_a_fork(lambda moment=moment: train(file, folder, killer(*moment))) == -signal.SIGKILL
    assert in_a_fork(lambda: train(file, folder)) == 0
    assert shown(folder) == shown(uninterrupted)
    assert (folder / "best.yaml").read_text() == (uninterrupted / "best.yaml").read_text()


def test_pruning_saves_steps(uninterrupted):
    """Pruned trials took fewer steps than complete ones, and their weights are not evaluated further."""
    trials = SearchFolder(uninterrupted).trials()
    pruned = [trial for trial in trials if trial.state == "pruned"]
    assert len(trials) == 12
    assert pruned
    assert {trial.steps for trial in trials if trial.state == "complete"} == {STEPS}
    assert all(trial.steps == 2 * trial.epochs < STEPS for trial in pruned)
    for trial in pruned:
        records = RunFolder(uninterrupted / f"trial-{trial.number:04}").records()
        assert len(records) == trial.epochs


def test_no_trial_evaluates_the_test_images(uninterrupted):
    """Also with a recipe that evaluates them after each epoch; no trial has predictions or a report."""
    for number in range(12):
        folder = uninterrupted / f"trial-{number:04}"
        assert not (folder / "predictions.csv").exists()
        assert not (folder / "report.html").exists()
        assert all(record.test_loss is None for record in RunFolder(folder).records())


def test_test_images_are_left_out_whatever_the_recipe_says(tmp_path):
    """The recipe of a trial sets evaluation.test."""
    file = written(tmp_path, recipe=RECIPE + "evaluation: {test: each_epoch}\n")
    job = job_of(file, tmp_path / "unused")
    params = {"optimizer.lr": 0.1, "optimizer.momentum": 0.0, "augmentations.0.padding": "1"}
    assert job.search.trial_recipe(params, job.catalog).evaluation.test == "final"


def test_best_recipe_is_that_of_the_best_trial(copied):
    """It extends the recipe of the search, and `cvkit run` gets the values of the trial to the last digit."""
    summary = json.loads((copied / "search.json").read_text())["summary"]
    best = min((t for t in summary["trials"] if t["state"] == "complete"), key=lambda trial: trial["value"])
    assert summary["best"] == best
    catalog = discover()
    recipe = resolve(read(copied / "best.yaml"), catalog)
    trial = resolve(RunFolder(copied / f"trial-{best['number']:04}").document(), catalog)
    assert recipe.with_value("name", "base").with_value("evaluation.test", "final") == trial
    assert recipe.optimizer.options["lr"] == best["params"]["optimizer.lr"]


def test_started_again_it_prints_the_result(copied, wording):
    """Nothing is left to train; the page and the best recipe are written again."""
    (copied / "best.yaml").unlink()
    done = search("search.yaml", "--output", "whole", cwd=copied.parent)
    assert (done.returncode, done.stderr) == (0, "")
    text = done.stdout.replace(str(copied.parent), "<folder>")
    lines = [line for line in text.splitlines() if not line[:1].isdigit()]  # the trials
    assert re.sub(r"\d[\d.]*", "<n>", "\n".join(lines)) == wording  # another CPU trains other networks
    assert (copied / "best.yaml").is_file()


def test_another_search_is_refused_with_what_changed(copied, wording):
    """The trials of two spaces or recipes cannot be compared; more trials are no other search."""
    written(copied.parent, SEARCH.replace("high: 3,", "high: 4,"), RECIPE.replace("epochs: 3", "epochs: 4"))
    done = search("search.yaml", "--output", "whole", cwd=copied.parent)
    assert done.returncode == 2
    assert done.stderr == wording


def test_more_trials_are_added(copied):
    """max_trials counts all trials of the folder, not further ones."""
    file = written(copied.parent, SEARCH.replace("max_trials: 12", "max_trials: 13"))
    before = shown(copied)
    assert in_a_fork(lambda: train(file, copied)) == 0
    assert shown(copied)[:12] == before
    assert len(shown(copied)) == 13


def test_data_set_without_validation_images_is_refused(tmp_path, wording):
    """Before a folder is created."""
    written(tmp_path, recipe=RECIPE.replace("validation_size: 20, ", ""))
    done = search("search.yaml", "--output", "new", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == wording
    assert not (tmp_path / "new").exists()


def test_interrupt_saves_the_trial_and_says_how_to_continue(tmp_path):
    """The trial is open; the same command continues it."""
    written(tmp_path, SEARCH.replace("max_trials: 12", "max_trials: 2"))
    started = Command("search", "search.yaml", "--output", "s", cwd=tmp_path)
    for line in started.stdout:
        if line.startswith("    1 "):
            os.kill(started.pid, signal.SIGINT)
            break
    done = started.finish()
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1].endswith("To continue: cvkit search search.yaml --output s")
    (trial,) = SearchFolder(tmp_path / "s").trials()
    assert trial.state == "running"
    assert RunFolder(tmp_path / "s" / "trial-0000").has_checkpoints()


def test_time_limit_ends_a_trial_that_can_be_continued(tmp_path):
    """The trial is saved, not lost and not counted as ended; with more time it is finished."""
    text = SEARCH.replace("max_trials: 12", "max_trials: 1\nmax_minutes: 0.001")
    file = written(tmp_path, text, RECIPE.replace("epochs: 3", "epochs: 3000"))
    lines: list[str] = []
    train(file, tmp_path / "s", lines=lines)
    (trial,) = SearchFolder(tmp_path / "s").trials()
    assert trial.state == "running"
    assert trial.seconds > 0.06
    assert "max_minutes is used up" in lines[-1]
    assert RunFolder(tmp_path / "s" / "trial-0000").info()["status"] == "interrupted"


def test_trial_that_fails_is_noted_and_the_next_one_is_trained(tmp_path):
    """Values that do not fit together cost one trial and not the search."""
    space = "space:\n  train.batch_size: {choices: [10, 4000]}\n"
    file = written(tmp_path, f"recipe: base.yaml\n{space}max_trials: 6\nsampler: random\n")
    train(file, tmp_path / "s")
    trials = SearchFolder(tmp_path / "s").trials()
    assert {(trial.state, trial.params["train.batch_size"]) for trial in trials} == {
        ("complete", "10"),
        ("failed", "4000"),
    }
    assert all("batch_size" in trial.error for trial in trials if trial.state == "failed")


def with_checkpoints(folder: Path) -> list[int]:
    """Return the numbers of the trials that have checkpoints."""
    trials = SearchFolder(folder).trials()
    return [t.number for t in trials if RunFolder(folder / f"trial-{t.number:04}").has_checkpoints()]


def test_only_the_best_trial_keeps_its_checkpoints(uninterrupted):
    """It can be loaded; everything else of the other trials remains."""
    best = best_of(SearchFolder(uninterrupted).trials(), "min")
    assert with_checkpoints(uninterrupted) == [best.number]
    for number in range(12):
        folder = uninterrupted / f"trial-{number:04}"
        assert {"recipe.yaml", "run.json", "metrics.jsonl"} <= {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def all_kept(tmp_path_factory, warm) -> tuple[Path, list[str]]:
    """The folder of a search of three trials that keeps all checkpoints, beside its file, and what it said."""
    parent, lines = tmp_path_factory.mktemp("kept"), []
    text = SEARCH.replace("max_trials: 12", "max_trials: 3\ncheckpoints: all")
    train(written(parent, text), parent / "kept", lines=lines)
    return parent / "kept", lines


def test_all_checkpoints_are_kept_on_request_and_removed_by_a_later_start(all_kept, tmp_path):
    """As after a kill between the end of a trial and the removal; a checkpoint with other files is the user's."""
    shutil.copytree(all_kept[0].parent, tmp_path / "copy")
    folder = tmp_path / "copy" / "kept"
    assert with_checkpoints(folder) == [0, 1, 2]
    best = best_of(SearchFolder(folder).trials(), "min").number
    mine, other = (number for number in range(3) if number != best)
    newest = max((folder / f"trial-{mine:04}" / "checkpoints").iterdir())
    (newest / "notes.txt").write_text("mine")
    done = search("search.yaml", "--set", "checkpoints=best", "--output", "kept", cwd=tmp_path / "copy")
    assert (done.returncode, done.stderr) == (0, "")
    assert with_checkpoints(folder) == sorted([mine, best])
    assert [*(folder / f"trial-{mine:04}" / "checkpoints").iterdir()] == [newest]
    assert [*(folder / f"trial-{other:04}" / "checkpoints").iterdir()] == []


def test_size_of_a_checkpoint_is_known_before_training(all_kept):
    """It is that of the tensors in the checkpoint of a run, the momentum of SGD included."""
    job = job_of(all_kept[0].parent / "search.yaml", all_kept[0])
    size = checkpoint_size(job.prepare()[2])
    (file, _) = (all_kept[0] / "trial-0000" / "checkpoints").glob("*/tensors.safetensors")
    with safe_open(file, "pt") as opened:
        tensors = [opened.get_tensor(name) for name in opened.keys()]  # noqa: SIM118  # it is no mapping
    assert size == pytest.approx(sum(tensor.numel() * tensor.element_size() for tensor in tensors), rel=0.01)


def test_disk_space_is_said_before_the_search(all_kept, tmp_path):
    """With the rule, and with a warning if the disk is too small; an unknown size is said to be unknown."""
    job = job_of(all_kept[0].parent / "search.yaml", all_kept[0])
    line, short = disk_lines(job.search, 10**6, 1, tmp_path / "new")
    assert "1.0 MB" in line
    assert "at most 7.0 MB" in line
    assert not short
    line, short = disk_lines(job.search, 10**15, 2, tmp_path)
    assert short.startswith("the checkpoints may take 8000000.0 GB, but only ")
    assert "not known" in disk_lines(job.search, None, 1, tmp_path)[0]


def test_time_of_the_rest_is_said_once_after_the_first_complete_trial(all_kept):
    """Before, it is not known."""
    said = [line for line in all_kept[1] if line.startswith("a complete trial takes ")]
    assert len(said) == 1
    assert "the other 2 trials will take at most about " in said[0]


def test_trials_on_other_data_than_the_first_fail(all_kept, tmp_path):
    """Also if the checkpoints of the first trial are gone; the digest is in search.json."""
    shutil.copytree(all_kept[0].parent, tmp_path / "copy")
    folder = SearchFolder(tmp_path / "copy" / "kept")
    content = json.loads((folder.path / "search.json").read_text())
    assert content["data"] == RunFolder(folder.path / "trial-0000").data_digest()
    (folder.path / "search.json").write_text(json.dumps(content | {"data": content["data"] + "0"}))
    text = (tmp_path / "copy" / "search.yaml").read_text().replace("max_trials: 3", "max_trials: 4")
    train(written(tmp_path / "copy", text), folder.path)
    assert "not what this run was trained on" in folder.trials()[3].error


def test_trial_of_another_process_is_left_to_it(tmp_path):
    """Each process takes another trial, and none is trained twice."""
    file = written(tmp_path, SEARCH.replace("max_trials: 12", "max_trials: 2"))
    job = job_of(file, tmp_path / "s")
    job.folder.begin(job.search, "loss", "min")
    first = job._take("min")
    second = job._take("min")
    assert (first[0].number, second[0].number) == (0, 1)
    assert job._take("min") is None
    second[1].unlock()
    assert job._take("min")[0] == second[0]


def test_two_processes_share_the_trials(tmp_path):
    """All trials are trained once, and the lines say which one they are of."""
    written(tmp_path, SEARCH.replace("max_trials: 12", "max_trials: 4"))
    done = search("search.yaml", "--output", "s", "--processes", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [trial.state for trial in SearchFolder(tmp_path / "s").trials()] == ["complete"] * 4
    assert all(f"trial-000{number}: " in done.stdout for number in range(4))


def test_missing_optuna_is_said_with_how_to_install_it(tmp_path, wording):
    """The search is checked before; nothing is started."""

    def without() -> None:
        from cvkit.cli import main

        sys.modules["optuna"] = None
        main()

    written(tmp_path)
    done = Command("search", "search.yaml", cwd=tmp_path, program=without).finish()
    assert done.returncode == 2
    assert done.stderr == wording
    assert not (tmp_path / "runs").exists()
