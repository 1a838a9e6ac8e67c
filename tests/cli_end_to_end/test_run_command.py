"""`cvkit run` and `cvkit resume`, as a user meets them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from forks import Command
from pages import outline, without_any_number


def folder_named_in(output: str):
    """Return the path at the end of its first line."""
    return output.partition("\n")[0].partition(": ")[2]


def in_a_fresh_process(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cvkit", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def numbers_in(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def continuing_in(output: str) -> str:
    """Return the line with the step after which a run continues."""
    return next(line for line in output.splitlines() if line.startswith("continuing"))


def read_up_to_epoch(number: int, command: Command) -> None:
    """Read the lines of a run up to that of an epoch; it goes on meanwhile."""
    next(line for line in command.stdout if re.match(rf"\s+{number}\s", line))


OF_THE_NETWORK = "most confused: |wrong: |look: |good: |the report has "
"""Lines that depend on the trained network, so that another CPU may have others."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory, recipe_text):
    """One run from recipe to report, in a process that nothing was done to; returns (completed process, folder)."""
    tmp_path = tmp_path_factory.mktemp("finished")
    (tmp_path / "small.yaml").write_text(recipe_text)
    done = in_a_fresh_process("run", "small.yaml", "--output", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return done, Path(folder_named_in(done.stdout))


def test_run_says_where_it_is_first_and_where_the_report_is_last(finished, wording):
    """Absolute paths, a line an epoch, no control characters in a pipe."""
    done, folder = finished
    lines = done.stdout.splitlines()
    assert folder.is_absolute()
    assert folder.is_dir()
    assert lines[-1].endswith(f" {folder / 'report.html'}")
    assert [line.split()[0] for line in lines if re.match(r"\s+\d+\s", line)] == ["1", "2", "3"]
    assert "\x1b" not in done.stdout
    assert lines[1].startswith("device: ")
    said = [
        without_any_number(line.replace(str(folder), "<run>"))
        for line in lines
        if not re.match(rf"\s+\d+\s|device: |{OF_THE_NETWORK}", line)
    ]
    assert "\n".join(said) == wording


def test_run_folder_is_self_sufficient(finished):
    """Recipe, records, checkpoints, predictions, figures and report."""
    _, folder = finished
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 3
    assert len((folder / "predictions.csv").read_text().splitlines()) == 31
    assert len(list((folder / "checkpoints").iterdir())) == 2
    info = json.loads((folder / "run.json").read_text())
    assert info["status"] == "finished"
    assert {"model": "resnet/custom_resnet", "dataset": "datasets/shapes"}.items() <= {
        c["place"]: c["id"] for c in info["components"]
    }.items()
    assert info["environment"]["torch"]
    figures = {path.stem for path in (folder / "figures").glob("*.svg")}
    assert {"curves", "schedule", "confusion"} <= figures
    assert not list(folder.rglob(".tmp-*"))


def test_resolved_recipe_checks_and_holds_the_defaults(finished, cvkit):
    """It is a recipe like any other."""
    _, folder = finished
    assert cvkit("check", folder / "recipe.yaml").returncode == 0
    text = (folder / "recipe.yaml").read_text()
    assert "resnet/custom_resnet" in text
    assert "logit_scale: 0.125" in text


def test_report_holds_everything_and_needs_nothing(finished, wording):
    """Headline without TTA, pointing game beside its baselines, no request to anywhere."""
    _, folder = finished
    html = (folder / "report.html").read_text()
    assert "\n".join(outline(html)) == wording(name="outline")
    rows = re.findall(r'<th scope="row"><bdi>(.*?)</bdi></th>', html)
    assert rows[rows.index("grad_cam") :][:5] == wording(name="explainers and baselines")
    assert not re.search(r"""(src|href)=["']https?:""", html)


def test_second_run_gets_a_folder_of_its_own(finished, cvkit):
    """Nothing is ever overwritten."""
    _, folder = finished
    again = cvkit(
        "run",
        folder.parent.parent / "small.yaml",
        "--output",
        folder.parent,
        "--set",
        "train.epochs=1",
        "--set",
        "scheduler={name: constant}",
    )
    assert again.returncode == 0, again.stderr
    assert folder_named_in(again.stdout) != str(folder)


def test_resuming_a_finished_run_only_says_so(finished, cvkit, wording):
    """Nothing is trained or written again."""
    _, folder = finished
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    done = cvkit("resume", folder)
    assert done.returncode == 0
    assert done.stdout.replace(str(folder), "<run>") == wording
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_typo_in_a_recipe_costs_nothing(recipe, cvkit, tmp_path, wording):
    """Place, caret, choices; exit 2; no folder, no traceback."""
    recipe.write_text(recipe.read_text().replace("padding: 2", "paddding: 2"))
    done = cvkit("run", recipe)
    assert done.returncode == 2
    assert "'paddding'" in done.stderr
    assert re.search(r"small\.yaml:3:\d+", done.stderr)
    assert "'padding'" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr == wording
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("override", "named", "code"),
    [
        ("train.batch_size=100", "batch_size", 2),
        ("optimizer.lr=1e30", "1e+30", 1),
        ("scheduler.peak_fraction=0.01", "one_cycle", 2),
        ("train.device=cuda:7", "cuda:7", 2),
    ],
)
def test_run_that_cannot_go_on_says_why_without_a_traceback(recipe, cvkit, override, named, code):
    """Exit 1 for a loss that diverged; exit 2 for what is found before anything starts."""
    extra = ("--set", "scheduler={name: constant}") if "optimizer" in override else ()
    done = cvkit("run", recipe, *extra, "--set", override)
    assert done.returncode == code
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_tuner_without_a_value_for_auto_ends_the_run(recipe, cvkit, wording):
    """The reason is there, and `auto` is not called a value that stays."""
    options = "start_lr: 1e-9, end_lr: 1e-8, steps: 20, orders: 1"
    sweep = f"tuners=[{{name: lr_range_test, set: scheduler.max_lr, {options}}}]"
    done = cvkit("run", recipe, "--set", "scheduler.max_lr=auto", "--set", sweep)
    assert done.returncode == 1
    folder = folder_named_in(done.stdout)
    assert "Set a value: scheduler.max_lr=" in done.stderr
    said = re.sub("^device: .*\n", "", done.stdout, flags=re.M)  # the machine may have a GPU
    assert said.replace(folder, "<run>") == wording(name="stdout")
    assert done.stderr.replace(folder, "<run>") == wording(name="stderr")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_run_saves_and_can_be_resumed(recipe, cvkit, tmp_path, number, code):
    """Ctrl-C finishes the step, saves, says how to go on; `run --resume` goes on."""
    recipe.write_text(
        recipe.read_text().replace("epochs: 3", "epochs: 20").replace("checkpoint_every: 3", "workers: 0")
    )
    command = Command("run", recipe, cwd=tmp_path)
    read_up_to_epoch(2, command)
    os.kill(command.pid, number)
    done = command.finish()
    assert done.returncode == code, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert f"cvkit resume {folder}" in done.stderr
    done = cvkit("run", recipe, "--resume")
    assert done.returncode == 0, done.stderr
    (session,) = json.loads((folder / "run.json").read_text())["sessions"]
    assert session["after_step"] >= 2 * 8
    assert session["after_step"] in numbers_in(continuing_in(done.stdout))
    epochs = [json.loads(line)["epoch"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert epochs == list(range(1, 21))


def test_killed_process_is_resumed_from_the_command_line(recipe, cvkit, tmp_path, wording):
    """SIGKILL from outside, in the middle of training."""
    recipe.write_text(recipe.read_text().replace("epochs: 3", "epochs: 20"))
    command = Command("run", recipe, cwd=tmp_path)
    folder = folder_named_in(command.stdout.readline())
    read_up_to_epoch(3, command)
    os.kill(command.pid, signal.SIGKILL)
    assert command.finish().returncode == -signal.SIGKILL
    done = cvkit("resume", folder)
    assert done.returncode == 0, done.stderr
    continuing, last = continuing_in(done.stdout), done.stdout.splitlines()[-1]
    assert numbers_in(continuing)[0] >= 3 * 8
    assert without_any_number(continuing) == wording
    assert last.endswith(f" {folder}/report.html")


def test_two_processes_do_not_work_in_one_folder(recipe, cvkit, tmp_path, wording):
    """The second run gets an error that names the reason."""
    from cvkit.host.discovery import discover
    from cvkit.recipe import dump, read, resolve
    from cvkit.runs.folder import RunFolder

    folder = RunFolder.create(tmp_path / "runs", "small")
    folder.write_recipe(dump(resolve(read(recipe), discover())))
    folder.write_info({"status": "running"})
    folder.lock()
    done = cvkit("resume", folder.path)
    assert done.returncode == 2
    assert done.stderr.replace(str(folder.path), "<run>") == wording


def test_resuming_what_is_not_a_run_folder_is_refused(cvkit, wording, tmp_path):
    """Named, with what is missing."""
    done = cvkit("resume", tmp_path)
    assert done.returncode == 2
    assert "recipe.yaml" in done.stderr
    assert done.stderr == wording


def test_model_that_cannot_be_compiled_here_is_said_so(recipe, tmp_path, monkeypatch):
    """A machine without a compiler; in a fresh process, as torch looks for one when its compiler loads."""
    monkeypatch.setenv("CXX", "/nonexistent/compiler")
    monkeypatch.setenv("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "1")
    compiled = ("--set", "train.compile=true", "--set", "train.max_steps=1")
    done = in_a_fresh_process("run", recipe, *compiled, cwd=tmp_path)
    assert done.returncode == 1
    assert "train.compile" in done.stderr
    assert "Traceback" not in done.stderr
