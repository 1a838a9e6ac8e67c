"""Parts of `gpu.py` that need several processes or other programs: torchrun, doctor, speed and other trainers."""

from __future__ import annotations

import json
import os
import time

import torch
from bench import Bench
from gpu_commands import SMALL, command_line, compare, run_to_the_end, the_run
from journal import Skipped

from cvkit.world.world import World

TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1", "-m")


def one_process(bench: Bench) -> None:
    """Compare a run that ``torchrun`` starts in one process with one that nobody starts, and time an all-reduce.

    With one process nothing is exchanged, so the all-reduce shows whether NCCL works here.
    """
    settings = SMALL if bench.asked == "cpu" else ("dataset.train_size=12800", "dataset.test_size=500")
    settings += ("train.epochs=1", "scheduler.max_lr=0.1", "scheduler.peak_epoch=0.5", "tuners=[]", "explainers=[]")
    alone, _ = run_to_the_end(bench, "alone", *settings)
    _, *words = command_line(bench, "torchrun", *settings)
    took = bench.call("torchrun.txt", *TORCHRUN, *words)
    compare(
        bench, "torchrun with one process", f"{took:.0f} s", alone.records(), the_run(bench, "torchrun").records()
    )
    with bench.journal.attempt("all-reduce"):
        all_reduce(bench)


def all_reduce(bench: Bench) -> None:
    """Record the time of an all-reduce of 4 MB in a world of this process."""
    os.environ |= {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    World.join()
    numbers = torch.ones(1 << 20, device=bench.device)
    torch.distributed.all_reduce(numbers)  # NCCL sets itself up
    started = time.perf_counter()
    for _ in range(10):
        torch.distributed.all_reduce(numbers)
    total = float(numbers.sum())  # which waits for the device
    took = (time.perf_counter() - started) / 10
    backend = "NCCL" if bench.device.type == "cuda" else "gloo"
    bench.journal.figure("all-reduce of 4 MB, ms", 1000 * took, f"{backend}, sum {total:,.0f} of {1 << 20:,}")


def doctor(bench: Bench) -> None:
    """Record what `cvkit doctor` finds wrong on this machine."""
    took = bench.call("doctor.txt", "-m", "cvkit", "doctor", "--json", expect=(0, 1))
    text = (bench.journal.folder / "doctor.txt").read_text(encoding="utf-8")
    found = json.loads(text[text.index("{") :])
    checks = found["checks"]
    told = f"{len(checks)} checks in {took:.0f} s; the output is in doctor.txt"
    bench.journal.figure("doctor: can train here", found["usable"], told)
    for check in checks:
        if check["state"] != "ok":
            bench.journal.figure(f"doctor: {check['name']}", check["state"], f"{check['found']}; {check['advice']}")


def speed(bench: Bench) -> None:
    """Record the steps that `cvkit speed` finds fastest for the recipes of this project."""
    names = ("shapes.yaml",) if bench.asked == "cpu" else ("shapes.yaml", "cifar10_resnet.yaml")
    for name in names:
        minutes = max(0.1, min(2.0, 0.6 * bench.left() / 60 / len(names)))
        what = f"speed: {name}"
        with bench.journal.attempt(what):
            log = f"speed-{name}.txt"
            words = ("--one", name, "--minutes", f"{minutes:.2f}", "--device", bench.asked)
            bench.call(log, "benchmarks/speeds.py", *words)
            found = json.loads((bench.journal.folder / log).read_text(encoding="utf-8").splitlines()[-1])
            for variant, (rate, middle, least, most) in found["steps"].items():
                told = f"{rate:,.0f} images/s, ratio to the recipe {least:.2f} to {most:.2f}"
                bench.journal.figure(f"{what}, {variant}", middle, told)
            told = f"seconds for an epoch, {found['as_it_is']:.2f} as it is; the fastest step: {found['best']}"
            bench.journal.figure(f"{what}, with the fastest settings", found["fastest"], told)


def peers(bench: Bench) -> None:
    """Record the speed of cvkit and of other trainers, by ``peers.py``."""
    out = bench.journal.folder / "peers.json"
    if bench.asked == "cpu":
        words = ["--width", "2", "--batch-size", "16", "--steps", "5", "--skipped", "1", "--rounds", "1"]
        words += ["--only", "cvkit"]
    else:
        words = ["--width", "64", "--steps", "60", "--skipped", "20", "--rounds", "2", "--precision", "bf16"]
        words += ["--device", "cuda", "--workers", str(min(8, os.cpu_count() or 1))]
    if bench.left() < (15 if bench.asked == "cpu" else 120):
        raise Skipped(f"no time was left; run python benchmarks/peers.py {' '.join(words)}")
    bench.call("peers.txt", "benchmarks/peers.py", *words, "--json", out)
    for title, trainers in json.loads(out.read_text(encoding="utf-8")).items():
        for name, found in trainers.items():
            told = f"{found['rate']:,.0f} images/s, {found['memory']:,.0f} MB, loss {found['train_loss']:.3f}"
            bench.journal.figure(f"{title}: {name} / bare loop", found["ratio"], told)
