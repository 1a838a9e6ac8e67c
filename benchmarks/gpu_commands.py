"""Parts of `gpu.py` that run commands as a user would: the tests, the demo, and a killed and resumed run."""

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
"""Settings with which the recipe of the demo takes a few seconds on a CPU."""


def gpu_tests(bench: Bench) -> None:
    """Run the tests with the marker ``gpu``."""
    if bench.asked == "cpu":
        raise Skipped("the benchmark runs on the CPU; plain pytest runs the same tests with a simulated GPU")
    if importlib.util.find_spec("pytest") is None:
        raise Skipped("pytest is not installed")
    found = bench.journal.folder / "gpu-tests.xml"
    command = ("-m", "pytest", "tests/gpu", "-m", "gpu", "-rfE", "--tb=short", "-p", "no:cacheprovider")
    took = bench.call("gpu-tests.txt", *command, f"--junitxml={found}", expect=(0, 1))
    suite = next(ElementTree.parse(found).iter("testsuite"))  # noqa: S314  # a file that pytest has just written
    count = {key: int(suite.attrib[key]) for key in ("tests", "failures", "errors", "skipped")}
    passed = count["tests"] - count["failures"] - count["errors"] - count["skipped"]
    told = f"{passed} passed, {count['failures']} failed, {count['errors']} errors, {count['skipped']} skipped"
    bench.journal.figure("tests", told, f"{took:.0f} s; the output is in gpu-tests.txt", **count)
    for case in suite.iter("testcase"):
        for problem in (*case.iter("failure"), *case.iter("error")):
            bench.journal.figure(case.attrib["name"], "FAILED", (problem.attrib.get("message") or "")[:160])


def shapes(bench: Bench) -> None:
    """Run the demo of the README, including its report."""
    smaller = (*SMALL, "train.epochs=3") if bench.asked == "cpu" else ()
    folder, took = run_to_the_end(bench, "shapes", *smaller)
    *_, last = folder.records()
    environment = folder.info()["environment"]
    bench.journal.figure("device of the run", environment["device"], f"recipes/shapes.yaml {' '.join(smaller)}")
    bench.journal.figure("test accuracy", last.test_accuracy, f"{took:.0f} s with imports, range test and report")
    seconds = [record.seconds for record in folder.records()]
    bench.journal.figure(
        "seconds per epoch", min(seconds), f"fastest of {len(seconds)} epochs; the slowest took {max(seconds):.2f}"
    )
    bench.journal.figure("images/s", last.images_per_second, "last epoch, without evaluation")
    rate = json.loads((folder.path / "tuning.json").read_text(encoding="utf-8"))[0]["value"]
    bench.journal.figure("proposed learning rate", rate)
    for warning in folder.info()["warnings"]:
        bench.journal.figure("warning in the report", warning[:200])


def kill_and_resume(bench: Bench) -> None:
    """Kill a run by SIGKILL after a checkpoint, resume it, and compare its records with an uninterrupted run.

    GPU kernels may add numbers in a different order each time. A second uninterrupted run shows the effect of that.
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
        compare(
            bench, "uninterrupted, twice", "effect of the kernels of the device", whole.records(), again.records()
        )


def compare(bench: Bench, what: str, details: str, expected: list[EpochRecord], found: list[EpochRecord]) -> None:
    """Record the difference between the records of two runs."""
    one, other = ([loss for record in records for loss in record.step_losses] for records in (expected, found))
    differences = [abs(a - b) for a, b in zip(one, other, strict=True)]
    accuracy = found[-1].test_accuracy - expected[-1].test_accuracy
    identical = not any(differences) and accuracy == 0
    close = fmean(differences) < 0.05 and abs(accuracy) < 0.03
    value = "identical" if identical else "within tolerance" if close else "BEYOND TOLERANCE"
    bench.journal.figure(
        what,
        value,
        f"{details}; losses of {len(one)} steps: mean difference {fmean(differences):.2g} (must be below 0.05), "
        f"largest {max(differences):.2g}; test accuracy {accuracy:+.4f} (must be within 0.03)",
    )


def run_to_the_end(bench: Bench, name: str, *settings: str) -> tuple[RunFolder, float]:
    """Run the recipe of the demo in the folder `name`, and return the run folder and the seconds it took."""
    took = bench.call(f"{name}.txt", *command_line(bench, name, *settings))
    return the_run(bench, name), took


def kill_after_a_checkpoint(bench: Bench, name: str, *settings: str) -> RunFolder:
    """Start a run and kill it as soon as its first record, and so its first checkpoint, is written."""
    process = bench.start(f"{name}.txt", *command_line(bench, name, *settings))
    while process.poll() is None:
        folders = list((bench.journal.folder / name).glob("*/metrics.jsonl"))
        if folders and folders[0].stat().st_size:
            process.kill()
            process.wait()
            return the_run(bench, name)
        time.sleep(0.005)
    raise RuntimeError(f"the run ended with exit status {process.returncode} before it could be killed")


def command_line(bench: Bench, name: str, *settings: str) -> list[object]:
    """Return the command line that runs the recipe of the demo on the requested device."""
    chosen = () if bench.asked == "auto" else (f"train.device={bench.asked}",)
    sets = [word for setting in (*chosen, *settings) for word in ("--set", setting)]
    return ["-m", "cvkit", "run", RECIPES / "shapes.yaml", *sets, "--output", bench.journal.folder / name]


def the_run(bench: Bench, name: str) -> RunFolder:
    """Return the newest run in the folder `name`."""
    paths: list[Path] = sorted((bench.journal.folder / name).glob("*/recipe.yaml"))
    return RunFolder(paths[-1].parent)
