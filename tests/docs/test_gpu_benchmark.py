"""The script for a GPU machine keeps what it has found, whatever its parts do."""

from __future__ import annotations

import importlib
import itertools
import json
import sys
import time

import pytest

from cvkit.doctor.check import Check


@pytest.fixture
def gpu(benchmark_module):
    return benchmark_module("gpu")


def fails(bench):
    bench.journal.figure("first", 1.5, "a | b")
    raise KeyError("lost")


def hangs(bench):
    time.sleep(60)


def succeeds(bench):
    bench.journal.figure("last", True)


def test_parts_that_fail_or_hang_do_not_cost_the_others(gpu, monkeypatch, tmp_path, capfd, wording):
    """A figure is kept that was known before, a failure with its traceback, and the time is kept."""
    parts = {"one": (100, fails), "two": (1, hangs), "three": (99, succeeds)}  # the second has 0.6 s
    monkeypatch.setattr(gpu, "PARTS", parts)
    monkeypatch.setattr(gpu, "GRACE", 0.1)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--minutes", "1", "--out", str(tmp_path), "--device", "cpu"])
    gpu.main()
    entries = [json.loads(line) for line in (tmp_path / "figures.jsonl").read_text().splitlines()]
    assert [entry["part"] for entry in entries] == ["one", "one", "two", "three"]
    first, failed, stopped, last = ((entry["what"], entry["value"]) for entry in entries)
    assert (first, last) == (("first", 1.5), ("last", True))
    assert [failed, stopped] == wording
    rows = [line for line in (tmp_path / "figures.md").read_text().splitlines() if line.startswith("| ")]
    assert rows[2] == "| one | first | 1.5 | a / b |"
    assert {row.count("|") for row in rows} == {5}
    assert "KeyError: 'lost'" in (tmp_path / "failures.txt").read_text()
    assert "first: 1.5" in capfd.readouterr().out


def test_part_for_which_no_time_is_left_is_told(gpu, monkeypatch, tmp_path, wording):
    """Rather than left out."""
    monkeypatch.setattr(gpu, "PARTS", {"one": (1, succeeds)})
    monkeypatch.setattr(sys, "argv", ["gpu.py", "--minutes", "0", "--out", str(tmp_path), "--device", "cpu"])
    gpu.main()
    (entry,) = map(json.loads, (tmp_path / "figures.jsonl").read_text().splitlines())
    assert entry["part"] == "one"
    assert [entry["value"], entry["details"]] == wording


def test_trainings_alternate_between_the_precisions(gpu):
    """Each is known before the next is asked for, as there is no last one."""
    trainings = importlib.import_module("gpu_training").trainings(("bf16", "fp32"))
    assert list(itertools.islice(trainings, 3)) == [(0, "bf16"), (0, "fp32"), (1, "bf16")]


def test_most_important_parts_come_first(gpu):
    """Each with a share of the time."""
    assert list(gpu.PARTS)[:4] == ["machine", "gpu tests", "shapes", "cifar10"]
    assert all(share > 0 for share, _ in gpu.PARTS.values())


def test_speedrun_is_skipped_where_its_recipe_is_missing(gpu, monkeypatch, tmp_path):
    """And says so, rather than failing."""
    training, journal, bench = (importlib.import_module(name) for name in ("gpu_training", "journal", "bench"))
    monkeypatch.setattr(training, "RECIPES", tmp_path)
    with pytest.raises(journal.Skipped, match="missing"):
        training.speedrun(bench.Bench(journal.Journal(tmp_path, "speedrun"), "cpu", time.monotonic() + 9))


def test_scripts_find_the_modules_beside_them(gpu, tmp_path):
    """Those that other scripts of the folder need; `--help` imports them."""
    journal, bench = (importlib.import_module(name) for name in ("journal", "bench"))
    of_cpu = bench.Bench(journal.Journal(tmp_path, "peers"), "cpu", time.monotonic() + 99)
    of_cpu.call("peers.txt", "benchmarks/peers.py", "--help")
    assert "--loader" in (tmp_path / "peers.txt").read_text()


def test_what_the_doctor_finds_wrong_is_a_figure(gpu, monkeypatch, tmp_path):
    """With what is there and what to do."""
    journal, bench, processes = (importlib.import_module(name) for name in ("journal", "bench", "gpu_processes"))
    check = Check("disk", "1 MB is free", "Make room", "problem", {})

    def answer(self, log, *command, **more) -> float:
        (tmp_path / log).write_text(json.dumps({"usable": False, "checks": [check.to_json()]}))
        return 1.0

    monkeypatch.setattr(bench.Bench, "call", answer)
    processes.doctor(bench.Bench(journal.Journal(tmp_path, "doctor"), "cpu", time.monotonic() + 9))
    figures = [json.loads(line) for line in (tmp_path / "figures.jsonl").read_text().splitlines()]
    assert [(figure["what"], figure["value"]) for figure in figures][1:] == [("doctor: disk", "problem")]
    assert figures[1]["details"] == "1 MB is free; Make room"
