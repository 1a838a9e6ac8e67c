"""Parts of `gpu.py` that call commands as a user does: the tests, the demo, a run killed and continued."""

from __future__ import annotations

import importlib.util
import json
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from statistics import fmean

from bench import RECIPES, Bench
from journal import Skipped

from cvkit import EpochRecord, RunFolder

SMALL = ("dataset.train_size=640", "dataset.test_size=60", "model.width=2", "report.misclassified=4")
"""Settings with which the demo's recipe takes seconds on a CPU."""


def gpu_tests(bench: Bench) -> None:
    """Run the tests that are marked ``gpu``."""
    if bench.asked == "cpu":
        raise Skipped("a GPU was not asked for; pytest runs the same tests on a pretended one")
    if importlib.util.find_spec("pytest") is None:
        raise Skipped("pytest is not installed")
    found = bench.journal.folder / "gpu-tests.xml"
    command = ("-m", "pytest", "tests/gpu", "-m", "gpu", "-rfE", "--tb=short", "-p", "no:cacheprovider")
    took = bench.call("gpu-tests.txt", *command, f"--junitxml={found}", expect=(0, 1))
    suite = next(ElementTree.parse(found).iter("testsuite"))  # noqa: S314  # a file that pytest has just written
    count = {key: int(suite.attrib[key]) for key in ("tests", "failures", "errors", "skipped")}
    passed = count["tests"] - count["failures"] - count["errors"] - count["skipped"]
    told = f"{passed} passed, {count['failures']} failed, {count['errors']} errors, {count['skipped']} skipped"
    bench.journal.figure("tests", told, f"{took:.0f} s; all of it in gpu-tests.txt", **count)
    for case in suite.iter("testcase"):
        for problem in (*case.iter("failure"), *case.iter("error")):
            bench.journal.figure(case.attrib["name"], "FAILED", (problem.attrib.get("message") or "")[:160])


def shapes(bench: Bench) -> None:
    """Run the demo as the README says, to its report."""
    smaller = (*SMALL, "train.epochs=3") if bench.asked == "cpu" else ()
    folder, took = run_to_the_end(bench, "shapes", *smaller)
    *_, last = folder.records()
    environment = folder.info()["environment"]
    bench.journal.figure("device of the run", environment["device"], f"recipes/shapes.yaml {' '.join(smaller)}")
    bench.journal.figure("test accuracy", last.test_accuracy, f"{took:.0f} s with imports, range test and report")
    seconds = [record.seconds for record in folder.records()]
    bench.journal.figure(
        "seconds an epoch", min(seconds), f"of {len(seconds)}, the fastest; {max(seconds):.2f} the slowest"
    )
    bench.journal.figure("images/s", last.images_per_second, "last epoch, evaluation left out")
    rate = json.loads((folder.path / "tuning.json").read_text(encoding="utf-8"))[0]["value"]
    bench.journal.figure("rate proposed", rate)
    for warning in folder.info()["warnings"]:
        bench.journal.figure("warning in the report", warning[:200])


def kill_and_resume(bench: Bench) -> None:
    """Kill a run by SIGKILL after a checkpoint, continue it, and hold its records against a run left alone.

    Kernels of a GPU may add in another order each time, so a second run left alone shows what that makes of it.
    """
    settings = SMALL if bench.asked == "cpu" else ("dataset.train_size=12800", "dataset.test_size=500")
    settings += ("train.epochs=3", "train.checkpoint_every=3")
    settings += ("scheduler.max_lr=0.1", "scheduler.peak_epoch=1", "tuners=[]", "explainers=[]")
    whole, _ = run_to_the_end(bench, "whole", *settings)
    killed = kill_after_a_checkpoint(bench, "killed", *settings)
    after = len(killed.records())
    bench.call("resumed.txt", "-m", "cvkit", "resume", killed.path)
    compare(bench, "killed and resumed", f"killed in epoch {after + 1}", whole.records(), killed.records())
    same = (whole.path / "predictions.csv").read_bytes() == (killed.path / "predictions.csv").read_bytes()
    bench.journal.figure("same predictions.csv", same)
    if bench.left() > 20:
        again, _ = run_to_the_end(bench, "again", *settings)
        compare(bench, "left alone, twice", "what the device's kernels make of it", whole.records(), again.records())


def compare(bench: Bench, what: str, details: str, expected: list[EpochRecord], found: list[EpochRecord]) -> None:
    """Note by how much two runs' records differ."""
    one, other = ([loss for record in records for loss in record.step_losses] for records in (expected, found))
    differences = [abs(a - b) for a, b in zip(one, other, strict=True)]
    accuracy = found[-1].test_accuracy - expected[-1].test_accuracy
    identical = not any(differences) and accuracy == 0
    close = fmean(differences) < 0.05 and abs(accuracy) < 0.03
    value = "identical" if identical else "within tolerance" if close else "BEYOND TOLERANCE"
    bench.journal.figure(
        what,
        value,
        f"{details}; of {len(one)} steps' losses the mean difference is {fmean(differences):.2g}, the largest "
        f"{max(differences):.2g} (mean below 0.05 asked); test accuracy {accuracy:+.4f} (below 0.03 asked)",
    )


def run_to_the_end(bench: Bench, name: str, *settings: str) -> tuple[RunFolder, float]:
    """Run the demo's recipe in a folder of that name, and return the run's folder and the seconds it took."""
    took = bench.call(f"{name}.txt", *command_line(bench, name, *settings))
    return the_run(bench, name), took


def kill_after_a_checkpoint(bench: Bench, name: str, *settings: str) -> RunFolder:
    """Start a run and kill it as soon as it has a record and a checkpoint after it."""
    process = bench.start(f"{name}.txt", *command_line(bench, name, *settings))
    while process.poll() is None:
        folders = list((bench.journal.folder / name).glob("*/metrics.jsonl"))
        if folders and folders[0].stat().st_size:
            process.kill()
            process.wait()
            return the_run(bench, name)
        time.sleep(0.005)
    raise RuntimeError(f"the run ended, with exit status {process.returncode}, before it could be killed")


def command_line(bench: Bench, name: str, *settings: str) -> list[object]:
    """Return the command line of a run of the demo's recipe, on the device asked for."""
    chosen = () if bench.asked == "auto" else (f"train.device={bench.asked}",)
    sets = [word for setting in (*chosen, *settings) for word in ("--set", setting)]
    return ["-m", "cvkit", "run", RECIPES / "shapes.yaml", *sets, "--output", bench.journal.folder / name]


def the_run(bench: Bench, name: str) -> RunFolder:
    """Return the newest run in the folder of that name."""
    paths: list[Path] = sorted((bench.journal.folder / name).glob("*/recipe.yaml"))
    return RunFolder(paths[-1].parent)
