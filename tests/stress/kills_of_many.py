"""Runs of several processes that are killed and continued, in the same or in other numbers of processes."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, count, product, zip_longest
from pathlib import Path

import torch
from divided import RECIPE, STEPS, weights
from forks import Command
from worlds import Commands

from cvkit.runs.folder import RunFolder

SIZES = (1, 2, 3, 4)
IMAGES_OF = (8, 8, 8, 8, 2)
"""The images of each step of an epoch; of the last step, some processes have none."""
SECONDS = 3.0  # about as long as a run on a free core
KILLS_OF_A_RUN = 4
DEADLINE = "20"
"""Seconds after which a process that waits for a killed one ends; torchrun would end it at once."""

TRACED = """
import hashlib
import json
import os
from pathlib import Path

from cvkit import Component, hookimpl, progress
from cvkit_resnet.network import custom_resnet


@hookimpl
def cvkit_models():
    yield Component("traced", "traced:traced", "A network that notes which images it is trained on")


def traced(info, *, folder: str):
    model = custom_resnet(info, width=2)
    model.register_forward_pre_hook(  # copies of the model try the recipe before a run
        lambda module, given: note(folder, given[0]) if module is model and module.training else None
    )
    return model


def note(folder, images):
    rows = [hashlib.sha256(image.contiguous().numpy().tobytes()).hexdigest()[:16] for image in images]
    rank, size, now = os.environ["RANK"], os.environ["WORLD_SIZE"], progress()
    place = Path(folder, f"{now.step:04}-of-{size}-{rank}")
    temporary = place.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(rows))
    temporary.replace(place)
"""


@dataclass
class KilledRun:
    """A run in a folder of its own, and what happened to it.

    Attributes:
        place: The folder.
        folder: The run folder after it has finished.
        kills: For each kill, the number of processes that trained and the ranks that were killed.
        sizes: The number of processes of each attempt.
    """

    place: Path
    folder: RunFolder
    kills: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def images(self) -> dict[int, list[tuple[str, ...]]]:
        """Return what each step was trained on, once for each number of processes that took it completely."""
        found: dict[int, list[tuple[str, ...]]] = {}
        traces = {path.name for path in (self.place / "traces").iterdir()}
        for step, size in product(range(STEPS + 1), SIZES):
            names = [f"{step:04}-of-{size}-{rank}" for rank in range(min(size, IMAGES_OF[step % len(IMAGES_OF)]))]
            if traces.issuperset(names):
                ranks = [json.loads((self.place / "traces" / name).read_text()) for name in names]
                rows = (row for row in chain.from_iterable(zip_longest(*ranks)) if row is not None)
                found.setdefault(step, []).append(tuple(rows))
        return found

    def predictions(self) -> bytes:
        """Return the predictions of the run for the test images."""
        return (self.folder.path / "predictions.csv").read_bytes()


def finished_in(place: Path) -> RunFolder | None:
    """Return the run that has finished; one that was killed before its recipe was written is not continued."""
    folders = [RunFolder(path) for path in place.glob("runs/*") if (path / "run.json").is_file()]
    return next((folder for folder in folders if folder.info().get("status") == "finished"), None)


def killed_run(place: Path, sizes: list[int], kills: int, draws: random.Random) -> KilledRun:
    """Start and continue a run until it has finished; kill some of its processes `kills` times, or until it is done.

    Half of the kills are at a random time, which may be while processes start or meet; the others after some step.
    """
    (place / "traces").mkdir(parents=True)
    (place / "traced.py").write_text(TRACED)
    model = f"model: {{name: traced, folder: {place / 'traces'}}}"
    recipe = RECIPE.replace("model: {name: custom_resnet, width: 2}", model)
    assert model in recipe
    (place / "divided.yaml").write_text(recipe)
    run = KilledRun(place, RunFolder(place))
    for attempt in count():
        size = draws.choice(sizes)
        run.sizes.append(size)
        words = ("run", "divided.yaml", "--resume", "--plugin-path", "traced.py")
        commands = Commands(size, *words, cwd=place)
        ranks = tuple(sorted(draws.sample(range(size), draws.randint(1, size))))
        if len(run.kills) < kills:
            _wait(place, draws)
            if finished_in(place) is None:
                for rank in ranks:
                    with suppress(ProcessLookupError):
                        os.kill(commands.each[rank].pid, signal.SIGKILL)
        done = commands.finish()
        if any(each.returncode == -signal.SIGKILL for each in done):
            run.kills.append((size, ranks))
        if (folder := finished_in(place)) is not None:
            run.folder = folder
            return run
        assert len(run.kills) > attempt or attempt > 2 * kills, done[0].stderr
    raise AssertionError


def _wait(place: Path, draws: random.Random) -> None:
    """Wait for a random time, or until a random step that is still to come was taken, and a moment longer."""
    begun = time.monotonic()
    if draws.random() < 0.5:
        time.sleep(draws.uniform(0, SECONDS))
        return
    taken = len({path.name[:4] for path in (place / "traces").iterdir()})
    wanted = draws.randint(taken + 1, max(taken + 1, STEPS))
    while time.monotonic() - begun < 10 * SECONDS:
        if len({path.name[:4] for path in (place / "traces").iterdir()}) >= wanted:
            break
        time.sleep(0.005)
    time.sleep(draws.uniform(0, 0.05))


def evaluated(run: KilledRun) -> bytes:
    """Return the predictions of the final weights of a run, as one process computes them afterwards."""
    words = ("evaluate", run.folder.path, "--output", "evaluated", "--plugin-path", "traced.py")
    done = Command(*words, cwd=run.place).finish()
    assert done.returncode == 0, done.stderr
    (found,) = run.place.glob("evaluated/*/predictions.csv")
    return found.read_bytes()


def faults_of(run: KilledRun, whole: dict[int, KilledRun]) -> list[str]:
    """Return how a killed run differs from what is promised.

    `whole` has an uninterrupted run for each number of processes, also for one.
    """
    faults = []
    expected = {step: images[0] for step, images in whole[1].images().items()}
    found = run.images()
    if found.keys() != expected.keys():
        faults.append(f"steps {sorted(found.keys() ^ expected.keys())} are missing or too many")
    faults += [f"step {step} had other images" for step in found if {*found[step]} != {expected.get(step)}]
    if run.folder.newest_state()[0]["step"] != STEPS:
        faults.append("the last step is missing")
    if [record.epoch for record in run.folder.records()] != [1, 2]:
        faults.append("an epoch is missing, or there twice")
    if run.predictions() != evaluated(run):
        faults.append("the evaluation differs from that of one process")
    if len({*run.sizes}) == 1:
        own, other = weights(run.folder), weights(whole[run.sizes[0]].folder)
        if own.keys() != other.keys() or not all(torch.equal(own[name], other[name]) for name in own):
            faults.append("the weights differ from those of an uninterrupted run")
        if run.predictions() != whole[run.sizes[0]].predictions():
            faults.append("the predictions differ from those of an uninterrupted run")
    return faults


def rounds(place: Path, kills: int, seed: int) -> Iterator[tuple[str, KilledRun, list[str]]]:
    """Carry out runs until `kills` kills are done; yield the title of each, the run, and what was wrong in it.

    Runs of 1, 2, 3 and 4 processes, which continue in as many, alternate with runs that continue in any number.
    """
    draws = random.Random(seed)
    whole = {size: killed_run(place / f"whole-{size}", [size], 0, draws) for size in SIZES}
    done = 0
    for number in count():
        if done >= kills:
            return
        size = SIZES[number // 2 % len(SIZES)]
        sizes = [size] if number % 2 == 0 else [*SIZES]
        run = killed_run(place / f"run-{number}", sizes, min(KILLS_OF_A_RUN, kills - done), draws)
        done += len(run.kills)
        title = f"{size}, continued in {size}" if sizes == [size] else "1 to 4, continued in 1 to 4"
        yield title, run, faults_of(run, whole)
