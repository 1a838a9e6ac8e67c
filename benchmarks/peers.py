"""Compare cvkit with other trainers: the same network, images, augmentation, optimizer, schedule and steps.

    pip install -r benchmarks/peers.txt
    python benchmarks/peers.py                                   made-up images, width 16, batches of 512
    python benchmarks/peers.py --data cifar10 --write            CIFAR-10, into docs/results.md
    python benchmarks/peers.py --device cuda --width 64 --precision bf16
    python benchmarks/peers.py --width 4 --batch-size 64 --steps 12 --rounds 2        shows that it works

Each training is a process of its own. cvkit is `cvkit run`; the others are used as their documentation has it
(`peer_trainers.py`), without logging, saving and evaluation. In each round all trainers run one after another, and
the first one changes from round to round. A clock in the network notes the beginning of each step, so the same thing
is measured for all: images/s from the first counted step to the last, with loading. Ratios are those of a round, as
medians with the lowest and the highest.

There are two tables, and with ``--loader images batches`` two for each way of loading:

    as started      every trainer in a process as its users start it
    memory kept     all processes keep freed memory and spin for a shorter time, as cvkit's commands always do

    images          torchvision augments one image after another in the loader's processes
    batches         the loader's processes crop and flip a batch by one indexing, which few users write

cvkit augments batches in the process that trains, and needs no loader for images in memory. The bare step trains on
one batch in memory again and again; the bare loop is the loop of torch's documentation.

Before the rounds, each trainer takes five steps on the same images without augmentation from the same first weights.
The largest difference of its weights from those of the bare loop shows whether all train the same thing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import torch
from machine import Load, described
from peer_task import Task, make_images
from peer_trainers import TRAINERS
from rounds import ratios
from section import write_section

from cvkit.runs.data_folder import data_folder

BASE = "bare loop"
NOT_PEERS = ("bare step", BASE, "cvkit")
SETTINGS = {"as started": False, "memory kept": True}
OF_ALLOCATORS = ("CVKIT_KEEP_MEMORY", "GLIBC_TUNABLES", "GOMP_SPINCOUNT", "LD_PRELOAD")
AIM = 1.15
"""The least ratio of cvkit to the best of the others, all of them as their users start them."""

Found = dict[str, float]


def main() -> None:
    """Run the benchmark and print its tables."""
    arguments = parsed()
    load = Load()
    trainers = {"bare step": "torch", BASE: "torch", "cvkit": "cvkit"} | {
        name: of for name, (of, _) in TRAINERS.items()
    }
    missing = [name for name, module in trainers.items() if find_spec(module) is None]
    names = [name for name in trainers if name not in missing and name in (BASE, *(arguments.only or trainers))]
    with tempfile.TemporaryDirectory() as folder:
        task = task_of(arguments, Path(folder))
        differences = compared(names, task, Path(folder))
        tables, figures = [], {}
        for loader in arguments.loader:
            for setting, kept in SETTINGS.items():
                tell(f"{setting}, {loader}")
                measured = rounds(names, replace(task, loader=loader), kept, arguments.rounds, load)
                figures[f"{setting}, {loader}"] = medians(measured)
                tables.append(table(f"{setting}, {loader}", measured, missing, differences))
    packages = ("lightning", "transformers", "accelerate", "fastai")
    command = " ".join(["python benchmarks/peers.py", *(word for word in sys.argv[1:] if word != "--write")])
    text = "\n\n".join([described(command, load, task.device, packages), *tables])
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures))
    if arguments.write:
        write_section("peers", text)


def parsed() -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=("random", "cifar10"), default="random", help="made-up images, or CIFAR-10")
    parser.add_argument("--width", type=int, default=16, help="width of the network")
    parser.add_argument("--batch-size", type=int, default=512, help="images per step")
    parser.add_argument("--steps", type=int, default=20, help="optimizer steps in an epoch")
    parser.add_argument("--epochs", type=int, default=1, help="epochs; cvkit evaluates 1,000 images after each")
    parser.add_argument("--skipped", type=int, default=4, help="steps at the beginning that are not counted")
    parser.add_argument("--rounds", type=int, default=4, help="processes of each trainer for each table")
    parser.add_argument("--workers", type=int, default=2, help="processes that load images")
    parser.add_argument("--loader", nargs="+", choices=("images", "batches"), default=["batches"], help="see above")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32", help="number format")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="device of all trainers")
    parser.add_argument("--only", nargs="+", choices=("cvkit", *TRAINERS), help="trainers besides the bare loop")
    parser.add_argument("--json", type=Path, help="file for the medians of each trainer")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/results.md")
    arguments = parser.parse_args()
    if arguments.steps * arguments.epochs < arguments.skipped + 2:
        parser.error("--steps times --epochs must be at least --skipped plus 2")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no GPU; use --device cpu")
    return arguments


def task_of(arguments: argparse.Namespace, folder: Path) -> Task:
    """Return what is trained, with its images in a file."""
    file = folder / "images.pt"
    make_images(file, arguments.batch_size * arguments.steps, arguments.data, data_folder(None))
    names = ("width", "batch_size", "steps", "epochs", "skipped", "workers", "precision", "device")
    return Task(str(file), **{name: getattr(arguments, name) for name in names})


def compared(names: list[str], task: Task, folder: Path) -> dict[str, str]:
    """Return by how much the weights of each trainer differ from those of the bare loop after five equal steps."""
    file = folder / "few.pt"
    make_images(file, 32, "random", folder)
    few = Task(str(file), 4, 32, steps=1, epochs=5, skipped=0, augmented=False, device=task.device, workers=1)
    weights: dict[str, list[torch.Tensor]] = {}
    for name in names:
        place = folder / "weights.pt"
        tell(f"five steps of {name}")
        if in_a_process(name, few, False, "--weights", str(place)) is not None:
            weights[name] = torch.load(place, weights_only=True)
    if BASE not in weights:
        raise SystemExit("the bare loop failed, so nothing can be compared")
    found = {}
    for name, own in weights.items():
        pairs = zip(own, weights[BASE], strict=True)
        found[name] = f"{max(float((one - other).abs().max()) for one, other in pairs):.1g}"
    return found


def rounds(names: list[str], task: Task, kept: bool, count: int, load: Load) -> dict[str, list[Found | None]]:
    """Return what each trainer measured in each round; None if it failed."""
    found: dict[str, list[Found | None]] = {name: [] for name in names}
    for turn in range(count):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            found[name].append(in_a_process(name, task, kept))
            tell(f"round {turn + 1} of {count}, {name}: {found[name][-1]}")
        load.note()
    return found


def in_a_process(name: str, task: Task, kept: bool, *words: str) -> Found | None:
    """Return what a trainer measures in a new process; None, after its message, if it fails."""
    program = Path(__file__).with_name("peer_process.py")
    call = [sys.executable, str(program), name, json.dumps(asdict(task)), *["--kept"] * kept, *words]
    variables = {key: value for key, value in os.environ.items() if key not in OF_ALLOCATORS}
    variables = {key: value for key, value in variables.items() if not key.startswith("MALLOC_")}
    done = subprocess.run(call, env=variables, capture_output=True, text=True)
    if done.returncode:
        tell(f"{name} failed with exit status {done.returncode}:\n{done.stderr[-3000:]}")
        return None
    result: Found = json.loads(done.stdout.splitlines()[-1])
    return result


def table(
    title: str, measured: dict[str, list[Found | None]], missing: list[str], differences: dict[str, str]
) -> str:
    """Return a table of the trainers, and below it the ratio of cvkit to the best of the others."""
    lines = [
        f"| {title} | images/s | ratio to the {BASE} | memory | ratio | faults per step | loss, accuracy | weights |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    whole = complete(measured)
    figures = medians(measured)
    for name, own in figures.items():
        lines.append(
            f"| {name} | {own['rate']:,.0f} | {shown(whole[name], whole[BASE])} | {own['memory']:,.0f} MB "
            f"| {own['memory'] / figures[BASE]['memory']:.2f} | {own['faults']:,.0f} | {own['train_loss']:.3f}, "
            f"{100 * own['test_accuracy']:.1f} % | {differences.get(name, 'not compared')} |"
        )
    lines += [f"| {name} | failed, see the output | | | | | | |" for name in measured if name not in whole]
    lines += [f"| {name} | not installed: benchmarks/peers.txt | | | | | | |" for name in missing]
    return "\n".join([*lines, "", conclusion(whole)])


def complete(measured: dict[str, list[Found | None]]) -> dict[str, list[Found]]:
    """Return the trainers that did not fail in any round; the bare loop must be one of them."""
    each = {name: [found for found in rounds if found is not None] for name, rounds in measured.items()}
    whole = {name: found for name, found in each.items() if len(found) == len(measured[name])}
    if BASE not in whole:
        raise SystemExit("the bare loop failed, so there are no ratios")
    return whole


def medians(measured: dict[str, list[Found | None]]) -> dict[str, Found]:
    """Return the median of each measurement of each trainer, and the median `ratio` to the bare loop."""
    whole, found = complete(measured), {}
    for name, rounds in whole.items():
        found[name] = {what: median(each[what] for each in rounds) for what in rounds[0]}
        found[name]["ratio"], *_ = ratios([each["rate"] for each in rounds], [each["rate"] for each in whole[BASE]])
    return found


def shown(found: list[Found], base: list[Found]) -> str:
    """Return the median ratio of images/s over the rounds, with the lowest and the highest."""
    middle, least, most = ratios([each["rate"] for each in found], [each["rate"] for each in base])
    return f"{middle:.2f} ({least:.2f} to {most:.2f})"


def conclusion(whole: dict[str, list[Found]]) -> str:
    """Return a sentence about cvkit and the fastest of the others."""
    others = {name: found for name, found in whole.items() if name not in NOT_PEERS}
    if "cvkit" not in whole or not others:
        return "No other trainer, or not cvkit, was measured."
    best = max(others, key=lambda name: median(each["rate"] for each in others[name]))
    ratio = shown(whole["cvkit"], others[best])
    return f"cvkit is {ratio} times as fast as {best}, the fastest of the others; the aim is {AIM} as started."


def tell(text: str) -> None:
    """Print a line about progress, apart from the tables."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
