"""``cvkit doctor``: what it finds on this machine, and what it says about machines that lack something."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cvkit import discover
from cvkit.data import workers
from cvkit.doctor import all_reduce as reducing
from cvkit.doctor import disk as disks
from cvkit.doctor import examine as examining
from cvkit.doctor import machine
from cvkit.doctor.all_reduce import all_reduce
from cvkit.doctor.check import Check, guarded
from cvkit.doctor.disk import disk, shared_memory
from cvkit.doctor.loading import decoding

NAMES = ["versions", "plugins", "processor", "gpu", "cores", "allocator", "memory", "disk", "decoding", "all-reduce"]


def only(checks: Iterator[Check]) -> Check:
    """The one check that is yielded."""
    (check,) = checks
    return check


@pytest.fixture(scope="module")
def examined(tmp_path_factory) -> list[Check]:
    """Every check of this machine, for runs that go to a folder that does not exist yet."""
    return [*examining.examine(discover(), tmp_path_factory.mktemp("place") / "runs")]


def test_every_check_is_made_in_order(examined):
    """And none of them fails on a machine that runs these tests; shared memory is checked where there is a folder."""
    names = dict.fromkeys(check.name for check in examined)
    assert [name for name in names if name != "shared memory"] == NAMES
    assert {check.name for check in examined if check.state == "problem"} == set()


def test_measurements_are_plausible(examined):
    """Numbers with units, which a bug report can be compared by."""
    values = {check.name: check.values for check in examined}
    assert values["versions"]["torch"] == torch.__version__
    assert values["cores"]["threads"] == torch.get_num_threads()
    if sys.platform == "linux":  # other systems do not report it
        assert 0 < values["cores"]["physical_cores"] <= values["cores"]["processors"]
    assert values["disk"]["write_megabytes_per_second"] > 0
    assert values["decoding"]["photos_per_second_without_workers"] > 0
    assert values["decoding"]["photos_per_second_with_two_workers"] > 0
    assert 0 < values["all-reduce"]["seconds"] < reducing.DEADLINE
    assert values["plugins"]["torch"].startswith("cvkit-core")


def test_nothing_is_left(examined, tmp_path):
    """The folder for runs is not even created."""
    check = only(disk(tmp_path / "runs" / "deep"))
    assert check.state != "problem"
    assert os.listdir(tmp_path) == []


@pytest.fixture
def quick(monkeypatch) -> None:
    """Only checks that take no time, so that the command is tested and not the machine."""
    for slow in ("decoding", "all_reduce", "disk"):
        monkeypatch.setattr(examining, slow, lambda *_: iter(()))


def test_command_prints_a_line_for_each_check_and_exits_with_0(cvkit, quick, monkeypatch, tmp_path):
    """A warning is no reason to exit with another code: cvkit works."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CVKIT_DISABLE_PLUGINS", "nothing")
    monkeypatch.setattr(examining, "memory", lambda: iter([Check("memory", "1.0 GB free", "Close some", "warning")]))
    answer = cvkit("doctor")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0].startswith("ok       versions      cvkit ")
    at = lines.index("warning  memory        1.0 GB free")
    assert lines[at + 1] == f"{'':23}Close some"
    assert lines[-1].startswith("cvkit can train on this machine, with ")
    assert os.listdir(tmp_path) == []


def test_problem_exits_with_1_and_json_has_the_same(cvkit, quick, monkeypatch):
    """A script sees whether the machine is usable; the other checks are made although one failed."""

    def broken() -> Iterator[Check]:
        raise OSError("no such device\nsecond line")
        yield

    monkeypatch.setattr(examining, "devices", broken)
    answer = cvkit("doctor", "--json")
    assert answer.code == 1
    found = json.loads(answer.out)
    assert found["usable"] is False
    states = {check["name"]: check["state"] for check in found["checks"]}
    assert states["devices"] == "problem"
    assert states["versions"] == states["memory"] == "ok"
    (failed,) = [check for check in found["checks"] if check["name"] == "devices"]
    assert failed["found"] == "failed: no such device"


def test_plugin_that_does_not_work_is_a_warning_with_a_command(broken_plugin):
    """Its line is not lost among those that work."""
    working, failed = machine.plugins(discover())
    assert "acme" not in working.values
    assert failed.state == "warning"
    assert "nowhere_at_all" in failed.found
    assert "cvkit plugins --why acme" in failed.advice


def test_folder_that_cannot_be_written_is_a_problem(tmp_path, monkeypatch):
    """A run there would fail, so its checks say so before."""

    def refuse(folder: Path) -> float:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(disks, "_write_speed", refuse)
    check = only(disk(tmp_path / "runs"))
    assert check.state == "problem"
    assert "Permission denied" in check.found
    assert "--output" in check.advice


def test_small_shared_memory_is_a_warning(tmp_path, monkeypatch):
    """Docker gives a container 64 MB, in which a batch of photos does not fit."""
    monkeypatch.setattr(disks, "_LEAST_SHARED", 1 << 62)
    assert "--shm-size" in only(shared_memory(tmp_path)).advice
    assert [*shared_memory(tmp_path / "missing")] == []


def test_more_threads_than_the_container_may_use_are_a_warning(tmp_path, monkeypatch):
    """torch counts the cores of the machine, not those of the container."""
    quota = tmp_path / "cpu.max"
    quota.write_text("50000 100000\n")
    assert machine.cpu_quota(quota) == 0.5
    monkeypatch.setattr(machine, "cpu_quota", lambda: 0.5)
    check = only(machine.processors())
    assert check.state == "warning"
    assert "OMP_NUM_THREADS=1" in check.advice


@pytest.mark.parametrize("text", ["max 100000\n", "", None])
def test_container_without_a_limit_has_no_quota(tmp_path, text):
    """Nor has a machine without control groups."""
    file = tmp_path / "cpu.max"
    if text is not None:
        file.write_text(text)
    assert machine.cpu_quota(file) is None


def test_allocator_that_is_turned_off_is_a_warning(monkeypatch):
    """The line names the variable; the process has it for good, so the answer is replaced, not the allocator."""
    from cvkit.allocator import Allocator

    off = Allocator("glibc 2.36", keeps=False, reason="CVKIT_KEEP_MEMORY is 0")
    monkeypatch.setattr(machine, "keep_freed_memory", lambda: off)
    check = only(machine.allocator())
    assert (check.state, check.found) == ("warning", str(off))
    assert "remove CVKIT_KEEP_MEMORY" in check.advice


def test_worker_processes_that_die_are_a_problem(monkeypatch):
    """As under a limit of processes or of memory."""

    def dying(worker: int) -> None:
        os._exit(1)

    monkeypatch.setattr(workers, "_begin_worker", dying)
    check = only(decoding())
    assert check.state == "problem"
    assert "Processes that load images do not work" in check.advice


def test_all_reduce_that_does_not_end_has_a_deadline(monkeypatch):
    """It is a warning, as one process still trains; and both processes are killed."""
    started = []
    begin = reducing.subprocess.Popen

    def waiting(call, **options):
        started.append(begin([sys.executable, "-c", "import time; time.sleep(600)"], **options))
        return started[-1]

    monkeypatch.setattr(reducing.subprocess, "Popen", waiting)
    check = only(all_reduce(deadline=0.5))
    assert check.state == "warning"
    assert "longer than 0.5 seconds" in check.advice
    assert [process.returncode for process in started] == [-9, -9]


def test_all_reduce_that_fails_says_why(monkeypatch):
    """The last line of the process has the reason."""
    begin = reducing.subprocess.Popen

    def failing(call, **options):
        return begin([sys.executable, "-c", "raise OSError('no interface')"], **options)

    monkeypatch.setattr(reducing.subprocess, "Popen", failing)
    assert "OSError: no interface" in only(all_reduce()).advice


def test_check_that_raises_becomes_a_problem_after_what_it_found():
    """What was found before is kept."""

    def halfway() -> Iterator[Check]:
        yield Check("one", "fine")
        raise ValueError("then not")

    first, second = guarded("halfway", halfway)
    assert (first.state, second.state, second.found) == ("ok", "problem", "failed: then not")
