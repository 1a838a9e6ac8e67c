"""Worker processes that are killed, stopped or short of something end a run in a sentence and leave nothing."""

from __future__ import annotations

import gc
import os
import re
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing import active_children

import pytest
import torch

from cvkit import MachineError, RunError
from cvkit.data import workers
from cvkit.data.loading import DataLoaderSource, Reading

CPU = torch.device("cpu")


class Doing:
    """Black images; what else an image does, the test says."""

    def __init__(self, act=lambda index: None, count=40, size=4):
        self.act, self.count, self.size = act, count, size

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.act(index)
        return torch.zeros(3, self.size, self.size, dtype=torch.uint8), 0


def read(act, workers=2, **options) -> int:
    """Read every image in batches of four, and return how many batches came."""
    source = DataLoaderSource(Doing(act, **options), CPU, workers)
    return sum(1 for _ in source.batches(Reading(torch.arange(len(source)), 4)))


def signalled(number: int):
    """Let the worker that loads image 17 send itself a signal."""

    def act(index):
        if index == 17:
            os.kill(os.getpid(), number)

    return act


def without_pid(error: Exception) -> str:
    return re.sub(r"pid \d+", "pid <n>", str(error))


@pytest.fixture(autouse=True)
def no_worker_is_left():
    """However the loading ended."""
    yield
    gc.collect()
    assert active_children() == []


def test_killed_worker_is_a_sentence_with_the_setting(wording):
    """As the system kills one where memory runs out."""
    with pytest.raises(MachineError, match=r"train\.workers") as caught:
        read(signalled(signal.SIGKILL))
    assert without_pid(caught.value) == wording


def test_worker_that_cannot_write_to_shared_memory_names_it(wording):
    """The system ends it with SIGBUS."""
    with pytest.raises(MachineError, match=r"/dev/shm.*train\.workers.*--shm-size") as caught:
        read(signalled(signal.SIGBUS))
    assert without_pid(caught.value) == wording


def test_crashed_worker_is_no_fault_of_the_machine(wording):
    """It would crash each time, so a run that is started again and again must not go on with it."""
    with pytest.raises(RunError, match="SIGSEGV") as caught:
        read(signalled(signal.SIGSEGV))
    assert not isinstance(caught.value, MachineError)
    assert without_pid(caught.value) == wording


def test_worker_that_ends_itself_is_told_with_its_exit_code(wording):
    """A data set that calls `exit`."""
    with pytest.raises(RunError, match=r"\b3\b") as caught:
        read(lambda index: os._exit(3) if index == 17 else None)
    assert without_pid(caught.value) == wording


def test_stopped_worker_is_not_waited_for_for_ever(monkeypatch, wording):
    """Nobody would notice otherwise."""
    monkeypatch.setattr(workers, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(workers, "PATIENCE", 0.5)
    with pytest.raises(MachineError, match=r"\b0\.5\b") as caught:
        read(signalled(signal.SIGSTOP))
    assert str(caught.value) == wording


def test_slow_worker_is_waited_for(monkeypatch):
    """Looking whether workers live is not giving up."""
    monkeypatch.setattr(workers, "LOOK_EVERY", 0.05)
    assert read(lambda index: time.sleep(0.3) if index == 17 else None) == 10


def test_death_of_a_worker_is_told_where_batches_are_waited_for_and_nowhere_else():
    """Torch's handler of SIGCHLD would raise at whatever line the program is, as in the middle of a step."""
    source = DataLoaderSource(Doing(count=400), CPU, workers=2)
    batches = source.batches(Reading(torch.arange(400), 4))
    next(batches)
    for worker in active_children():
        os.kill(worker.pid, signal.SIGKILL)
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        pass
    with pytest.raises(MachineError, match=r"\bpid \d"):
        list(batches)


def test_reading_that_is_broken_off_does_not_wait_for_its_workers():
    """They are at work on images that nobody needs any more."""
    source = DataLoaderSource(Doing(lambda index: time.sleep(60) if index >= 4 else None), CPU, workers=2)
    batches = source.batches(Reading(torch.arange(40), 4))
    next(batches)
    (*before,) = active_children()
    batches.close()
    assert [worker.is_alive() for worker in before] == [False, False]


def test_lock_of_a_killed_worker_does_not_keep_the_end_waiting(monkeypatch):
    """A worker that is killed while it asks whether to end keeps the lock of that question."""
    monkeypatch.setattr(workers, "_TO_SHUT_DOWN", 0.2)
    pool = workers.WorkerPool(Doing(), 1, list, pin_memory=False)
    batches = pool.load([[0], [1], [2]])
    next(batches)
    lock = pool._loader._iterator._workers_done_event._cond
    lock.acquire()
    batches.close()
    assert pool.idle
    lock.release()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_to_the_whole_group_leave_the_workers_at_work(number):
    """A terminal sends Ctrl-C to all its processes, a service manager SIGTERM: the parent finishes its step."""
    assert read(signalled(number)) == 10


@pytest.mark.parametrize("free", [3, 8, 13])
def test_too_few_descriptors_are_told_with_the_way_to_more(free):
    """Whether the parent lacks them, when it starts a worker, or either when images are handed over."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = [os.open(os.devnull, os.O_RDONLY) for _ in range(64)]  # a limit is one of numbers: gaps below are filled
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(used) + 1 + free, before[1]))
    try:
        with pytest.raises(MachineError, match="ulimit -n"):
            read(lambda index: None)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for descriptor in used:
            os.close(descriptor)


def epochs(source, count, **options) -> list[set[int]]:
    """Load all images so often, and return the processes that loaded each time."""
    found = []
    for seed in range(count):
        batches = source.batches(Reading(torch.arange(len(source)), 4, seed))
        found.append({int(label) for _ in range(len(source) // 4) for label in next(batches).labels})
    return found


class Named(Doing):
    """The label of an image is the process that loaded it."""

    def __getitem__(self, index):
        return super().__getitem__(index)[0], os.getpid()


def test_workers_stay_over_epochs_within_the_block_and_end_with_it():
    """Also if nobody asks for more than the last batch, as a training does; no descriptor is left open."""
    source = DataLoaderSource(Named(), CPU, workers=2)
    epochs(source, 1)
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    with source.kept_open():
        first, *others = epochs(source, 3)
        assert len(first) == 2
        assert others == [first, first]
        assert {worker.pid for worker in active_children()} == first
    assert active_children() == []
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before
    assert first.isdisjoint(*epochs(source, 1))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_worker_that_dies_or_stops_between_two_epochs_is_replaced(number, monkeypatch):
    """Nothing is lost: it had no batch."""
    monkeypatch.setattr(workers, "LOOK_EVERY", 0.3)
    source = DataLoaderSource(Named(), CPU, workers=2)
    with source.kept_open():
        (first,) = epochs(source, 1)
        os.kill(min(first), number)
        time.sleep(0.1)
        (second,) = epochs(source, 1)
    assert first.isdisjoint(second)


def test_two_iterations_at_once_do_not_disturb_each_other():
    """The second one gets processes of its own."""
    source = DataLoaderSource(Doing(), CPU, workers=1)
    with source.kept_open():
        one = source.batches(Reading(torch.arange(40), 4))
        next(one)
        assert len([*source.batches(Reading(torch.arange(40), 4))]) == 10
        assert len([*one]) == 9


def test_iteration_that_gave_its_processes_to_another_does_not_end_them():
    """It has yielded its last batch, and is closed while the other one reads."""
    source = DataLoaderSource(Doing(), CPU, workers=1)
    with source.kept_open():
        one = source.batches(Reading(torch.arange(8), 4))
        next(one), next(one)
        other = source.batches(Reading(torch.arange(40), 4))
        next(other)
        one.close()
        assert len([*other]) == 9


def test_iteration_that_is_broken_off_does_not_reach_the_next():
    """Batches that were on their way are not taken for those of the next epoch."""
    source = DataLoaderSource([(torch.full((3, 2, 2), i, dtype=torch.uint8), i) for i in range(40)], CPU, workers=2)
    with source.kept_open():
        broken = source.batches(Reading(torch.arange(40), 4))
        next(broken)
        broken.close()
        labels = torch.cat([batch.labels for batch in source.batches(Reading(torch.arange(39, -1, -1), 4))])
    assert labels.tolist() == [*range(39, -1, -1)]


class Logged(Doing):
    """The label of an image is its number, and a file gets a byte for each image that is read."""

    def __init__(self, file, count=40):
        super().__init__(count=count)
        self.file = file

    def __getitem__(self, index):
        with self.file.open("ab") as log:
            log.write(b".")
        return super().__getitem__(index)[0], index


def labels_of(batches) -> list[int]:
    return torch.cat([batch.labels for batch in batches]).tolist()


def logged(tmp_path, workers=2):
    """Return a source, how many images were read so far, and a function that waits until there are more."""
    file = tmp_path / "reads"
    source = DataLoaderSource(Logged(file), CPU, workers)

    def more_than(count: int) -> bool:
        deadline = time.monotonic() + 20
        while file.stat().st_size <= count and time.monotonic() < deadline:
            time.sleep(0.02)
        return file.stat().st_size > count

    return source, file, more_than


FORWARDS, BACKWARDS = Reading(torch.arange(40), 4), Reading(torch.arange(39, -1, -1), 4)


def test_announced_reading_is_loaded_before_anybody_asks_for_it(tmp_path):
    source, file, more_than = logged(tmp_path)
    with source.kept_open():
        assert labels_of(source.batches(FORWARDS)) == [*range(40)]
        source.prefetch(BACKWARDS)
        assert more_than(40)
        assert labels_of(source.batches(replace(BACKWARDS))) == [*range(39, -1, -1)]
        assert file.stat().st_size == 80  # nothing was read twice


@pytest.mark.parametrize("change", [{"batch_size": 8}, {"first": 4}, {"order": torch.arange(40)}, {"seed": 1}])
def test_other_reading_than_the_announced_one_gets_its_own_images(change, tmp_path):
    source, _, more_than = logged(tmp_path)
    other = replace(BACKWARDS, **change)
    with source.kept_open():
        labels_of(source.batches(FORWARDS))
        source.prefetch(BACKWARDS)
        assert more_than(40)
        assert labels_of(source.batches(other)) == other.order[other.first :].tolist()
        assert labels_of(source.batches(FORWARDS)) == [*range(40)]


@pytest.mark.parametrize("count", [1, 2])
def test_worker_that_dies_with_announced_images_is_replaced(count, tmp_path):
    source, _, more_than = logged(tmp_path)
    with source.kept_open():
        labels_of(source.batches(FORWARDS))
        source.prefetch(BACKWARDS)
        assert more_than(40)
        for worker in active_children()[:count]:
            worker.kill()
            worker.join()
        assert labels_of(source.batches(BACKWARDS)) == [*range(39, -1, -1)]


def test_workers_that_cannot_begin_ahead_are_reported_when_their_images_are_needed(tmp_path, monkeypatch):
    """Until then, a checkpoint may be written."""
    source, *_ = logged(tmp_path)

    def lacks(self, requests):
        raise MachineError("no process can start")

    with source.kept_open():
        labels_of(source.batches(FORWARDS))
        with monkeypatch.context() as lacking:
            lacking.setattr(workers.WorkerPool, "_start", lacks)
            source.prefetch(BACKWARDS)
            with pytest.raises(MachineError, match="no process can start"):
                labels_of(source.batches(BACKWARDS))
        assert labels_of(source.batches(BACKWARDS)) == [*range(39, -1, -1)]


def test_announcement_without_waiting_workers_does_nothing(tmp_path):
    """Before the first batches, without workers, and outside the block, in which workers are kept."""
    source, file, _ = logged(tmp_path)
    with source.kept_open():
        source.prefetch(FORWARDS)
        assert active_children() == []
        labels_of(source.batches(FORWARDS))
    source.prefetch(FORWARDS)
    alone, *_ = logged(tmp_path, workers=0)
    with alone.kept_open():
        labels_of(alone.batches(FORWARDS))
        alone.prefetch(FORWARDS)
    assert active_children() == []
    assert file.stat().st_size == 80


def test_program_that_ends_without_closing_its_workers_does_not_hang(tmp_path):
    """multiprocessing would wait for them for ever, because they ignore its SIGTERM."""
    script = tmp_path / "open.py"
    script.write_text(
        "import torch\n"
        "from cvkit.data.loading import DataLoaderSource, Reading\n"
        "from test_workers import Doing, epochs\n"
        "source = DataLoaderSource(Doing(), torch.device('cpu'), workers=1)\n"
        "source.kept_open().__enter__()\n"
        "epochs(source, 1)\n"
        "batches = source.batches(Reading(torch.arange(40), 4))\n"
        "next(batches)\n"
        "raise KeyboardInterrupt\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(__file__)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, timeout=120)
    assert "KeyboardInterrupt" in done.stderr
    assert "Error" not in done.stderr


def test_small_shared_memory_is_told_in_a_sentence(tmp_path):
    """As in a container with docker's 64 MB, here smaller; each worker hands over 600 kB an image."""
    script = tmp_path / "small.py"
    script.write_text(
        "import torch\n"
        "from cvkit import MachineError\n"
        "from cvkit.data.loading import DataLoaderSource, Reading\n"
        "from test_workers import Doing\n"
        "source = DataLoaderSource(Doing(size=448), torch.device('cpu'), workers=2)\n"
        "try:\n    list(source.batches(Reading(torch.arange(40), 20)))\n"
        "except MachineError as error:\n    print(error)\n"
    )
    mount = "mount -t tmpfs -o size=4m tmpfs /dev/shm && exec "
    own = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*own, f"{mount} true"], capture_output=True).returncode:
        pytest.skip("this machine does not let a test mount a /dev/shm of its own")
    paths = {"PYTHONPATH": os.path.dirname(__file__)}
    call = [*own, f"{mount} {sys.executable} {script}"]
    done = subprocess.run(call, capture_output=True, text=True, env={**os.environ, **paths}, timeout=120)
    assert "/dev/shm" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
