"""The allocator keeps freed memory in cvkit's own processes if nobody has set it up, and changes no result."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cvkit.glibc import glibc_version

pytestmark = pytest.mark.skipif(glibc_version() is None, reason="the C library is not glibc")

LIGHT = """
import json
from cvkit.allocator import allocator, computing_on, keep_freed_memory, keep_freed_memory_on_cpu
from cvkit.glibc import maps_large_blocks
found = {}
def look(name):
    found[name] = [allocator().keeps, allocator().reason, maps_large_blocks(), str(allocator())]
look("before")
%s
look("after")
print(json.dumps(found))
"""


def clean(**variables: str) -> dict[str, str]:
    """The environment without anything that sets up an allocator, and with `variables`."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MALLOC_") and name not in ("GLIBC_TUNABLES", "LD_PRELOAD", "CVKIT_KEEP_MEMORY")
    }
    return ours | variables


def process(code: str, **variables: str) -> dict[str, list]:
    """What a fresh Python process without torch prints after doing `code`, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", LIGHT % code], env=clean(**variables), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_python_user_keeps_freed_memory_with_one_call():
    """Before the call a block of 64 MB comes from the system each time, as in any program; afterwards it does not."""
    found = process("keep_freed_memory()")
    keeps, reason, mapped, shown = found["before"]
    assert (keeps, mapped) == (False, True)
    assert "keep_freed_memory" in reason
    assert reason in shown
    assert found["after"][:3] == [True, "", False]


@pytest.mark.parametrize(("device", "kept"), [("cpu", True), ("cuda", False)])
def test_own_process_changes_the_allocator_only_for_a_cpu(device, kept):
    """Nothing is changed before the device is chosen; memory of a GPU is not glibc's."""
    found = process(f"keep_freed_memory_on_cpu()\nlook('asked')\ncomputing_on('{device}')")
    assert found["asked"][:3] == [False, "nothing was computed on a CPU", True]
    keeps, reason, mapped, _ = found["after"]
    assert (keeps, mapped) == (kept, not kept)
    assert kept or device in reason


def test_choice_of_a_device_leaves_a_strangers_process_unchanged():
    """A notebook that trains with cvkit keeps the allocator that it has."""
    assert process("computing_on('cpu')")["after"][2] is True


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CVKIT_KEEP_MEMORY", "0"),
        ("CVKIT_KEEP_MEMORY", "no"),
        ("MALLOC_ARENA_MAX", "2"),
        ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=7"),
    ],
)
def test_users_own_setting_wins(name, value):
    """Who sets up the allocator, or turns this off, finds it as it was, and reads the variable's name."""
    found = process("keep_freed_memory()", **{name: value})
    keeps, reason, mapped, shown = found["after"]
    assert (keeps, mapped) == (False, True)
    assert name in reason
    assert reason in shown


def test_tunables_of_other_parts_of_glibc_do_not_matter():
    """Only those of malloc set up the allocator."""
    assert process("keep_freed_memory()", GLIBC_TUNABLES="glibc.pthread.rseq=1")["after"][0] is True


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler makes another allocator")
def test_preloaded_allocator_is_left_alone_and_named(tmp_path):
    """As jemalloc or mimalloc would be: mallopt would not reach it."""
    source, library = tmp_path / "other.c", tmp_path / "libother.so.1"
    source.write_text(
        "#include <stddef.h>\nvoid *__libc_malloc(size_t);\nvoid *malloc(size_t n) { return __libc_malloc(n); }\n"
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    keeps, reason, _, shown = process("keep_freed_memory()", LD_PRELOAD=str(library))["after"]
    assert not keeps
    assert shown == f"libother.so.1, unchanged: {reason}"


TRAINING = """
import hashlib, json, logging, sys
import torch
import cvkit
from cvkit.data.loading import DataLoaderSource, Reading
from cvkit.glibc import maps_large_blocks

class Looking:
    def __len__(self):
        return 2
    def __getitem__(self, index):
        return torch.full((3, 2, 2), int(maps_large_blocks()), dtype=torch.uint8), 0

def trained():
    trainer = cvkit.trainer({
        "dataset": {"name": "shapes", "train_size": 320, "test_size": 20},
        "augmentations": [{"name": "random_crop", "padding": 2}, "cutout"],
        "model": {"name": "custom_resnet", "width": 4},
        "optimizer": {"name": "sgd", "lr": 0.05},
        "train": {"epochs": 1, "batch_size": 160, "device": "cpu"},
    })
    assert len([*trainer.fit()]) == 3
    state = trainer.parts.model.state_dict()
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value in state.values())).hexdigest()

def seen_by_a_worker():
    source = DataLoaderSource(Looking(), torch.device("cpu"), 1)
    (batch,) = source.batches(Reading(torch.arange(2), 2))
    return bool(batch.images.all())

found = {"weights": [trained()], "mapped": [maps_large_blocks()], "worker": [seen_by_a_worker()]}
cvkit.keep_freed_memory()
found["weights"].append(trained())
found["mapped"].append(maps_large_blocks())
found["worker"].append(seen_by_a_worker())
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def before_and_after() -> dict[str, list]:
    """Two trainings of one process, the second of which keeps freed memory."""
    done = subprocess.run([sys.executable, "-c", TRAINING], env=clean(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_weights_are_the_same_to_the_bit(before_and_after):
    """Only addresses change; and training from Python did not change the allocator by itself."""
    before, after = before_and_after["weights"]
    assert before == after
    assert before_and_after["mapped"] == [True, False]


@pytest.mark.skipif(sys.platform != "linux", reason="loaders fork only on Linux")
def test_processes_that_load_images_inherit_the_setting(before_and_after):
    """They are forked from the process that trains."""
    assert before_and_after["worker"] == [True, False]


def test_command_records_the_allocator_of_its_run(tmp_path):
    """A run from the command line keeps freed memory, and run.json says so, with the C library's version."""
    (tmp_path / "tiny.yaml").write_text(
        "dataset: {name: shapes, train_size: 16, test_size: 8}\nmodel: {name: custom_resnet, width: 2}\n"
        "optimizer: sgd\ntrain: {epochs: 1, batch_size: 8, device: cpu, max_steps: 1}\n"
        "report: {misclassified: 0, augmented: 0}\n"
    )
    command = [sys.executable, "-m", "cvkit", "run", "tiny.yaml"]
    done = subprocess.run(command, env=clean(), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (run,) = Path(tmp_path, "runs").iterdir()
    recorded = json.loads((run / "run.json").read_text())["environment"]["allocator"]
    assert recorded == f"{glibc_version()}, keeps freed memory"
