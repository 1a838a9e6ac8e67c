"""Compare cvkit's training loop and evaluation on a CPU with a bare loop, as people write it and with kept memory.

    python benchmarks/loop.py                                 width 16, batches of 512
    python benchmarks/loop.py --width 64 --batch-size 128     the network of the full recipe
    python benchmarks/loop.py --rounds 15 --write             more rounds, into docs/results.md
    python benchmarks/loop.py --set train.precision=bf16      another setting of the small ResNet, for all

    bare                       forward, backward and update on one batch in memory, or the forward pass
    bare, memory kept          the same after cvkit.keep_freed_memory()
    cvkit                      the loop of `cvkit run` with crop, flip and cutout, or its evaluation of a split

The first one has a process of its own, because memory that is kept cannot be given back; the other two share one. In
each round the contestants run one after another, and the first one changes from round to round. A ratio compares
images per second within a round, of the clock or of CPU time, which other programs disturb less. Images are random
bytes. The aim for cvkit's loop is 0.98 of the bare step with kept memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

CONTESTANTS = {"bare": "0", "bare, memory kept": "1", "cvkit": "1"}
"""The value of CVKIT_KEEP_MEMORY in the process of each contestant."""
TITLES = {"train": "training", "evaluate": "evaluation"}


def main() -> None:
    """Run the benchmark and print its table, or serve the contestants of one process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=16, help="width of the network")
    parser.add_argument("--batch-size", type=int, default=512, help="images per step")
    parser.add_argument("--steps", type=int, default=4, help="optimizer steps per round, and batches per evaluation")
    parser.add_argument("--rounds", type=int, default=9, help="number of rounds")
    parser.add_argument("--set", dest="overrides", action="append", default=[], help="recipe override")
    parser.add_argument("--write", action="store_true", help="write the table into docs/results.md")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments)
        return
    from machine import Load, described
    from section import write_section

    load = Load()
    rates = measured(arguments)
    words = [word for word in sys.argv[1:] if word != "--write"]
    text = "\n\n".join([described(" ".join(["python benchmarks/loop.py", *words]), load), table(rates)])
    print(text)
    if arguments.write:
        write_section("loop", text)


Rates = dict[str, dict[str, list[tuple[float, float]]]]
"""For training and for evaluation, images/s of each contestant in each round: of the clock, and of CPU time."""


def measured(arguments: argparse.Namespace) -> Rates:
    """Return what the contestants of both processes measure."""
    processes = {kept: started(kept) for kept in dict.fromkeys(CONTESTANTS.values())}
    rates: Rates = {what: {name: [] for name in CONTESTANTS} for what in TITLES}
    names = [*CONTESTANTS]
    images = arguments.steps * arguments.batch_size
    try:
        for turn in range(arguments.rounds + 1):  # the first round warms up
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                for what in TITLES:
                    clock, used = asked(processes[CONTESTANTS[name]], f"{what} {name.split(',')[0]}")
                    if turn:
                        rates[what][name].append((images / clock, images / used))
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    return rates


def started(kept: str) -> subprocess.Popen[str]:
    """Start a process that serves contestants, with or without kept memory."""
    variables = {"GOMP_SPINCOUNT": "10000", **os.environ, "CVKIT_KEEP_MEMORY": kept}  # as in cvkit's commands
    call = [sys.executable, str(Path(__file__)), "--serve", *sys.argv[1:]]
    return subprocess.Popen(call, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def asked(process: subprocess.Popen[str], question: str) -> tuple[float, float]:
    """Return the seconds that a contestant took, and its seconds of CPU time."""
    assert process.stdin is not None
    assert process.stdout is not None
    print(question, file=process.stdin, flush=True)
    answer = process.stdout.readline()
    if not answer:
        raise SystemExit(f"the process that measures '{question}' ended with {process.wait()}")
    clock, used = json.loads(answer)
    return clock, used


def serve(arguments: argparse.Namespace) -> None:
    """Read the name of a contestant from standard input, let it run, and print its seconds, until the input ends."""
    import cvkit

    cvkit.keep_freed_memory()  # nothing, if CVKIT_KEEP_MEMORY is 0
    contestants = contestants_of(arguments)
    for line in sys.stdin:
        before = time.process_time()
        clock = contestants[line.strip()]()
        print(json.dumps([clock, time.process_time() - before]), flush=True)


def contestants_of(arguments: argparse.Namespace) -> dict[str, Callable[[], float]]:
    """Return functions that take the steps or the evaluation of a round, and return their seconds."""
    import throughput
    import torch
    from rounds import Stopwatch

    from cvkit import Splits
    from cvkit.engine.eval_mode import eval_mode

    size = arguments.batch_size
    arguments.overrides += ["train.device=cpu", f"evaluation.batch_size={size}"]
    images = throughput.random_data(size * arguments.steps * (arguments.rounds + 1))
    evaluated = throughput.random_data(size * arguments.steps).train
    data = Splits(images.train, evaluated, images.info)
    bare, other = (throughput.build(arguments, data) for _ in range(2))
    batch = bare.parts.preprocessor.for_evaluation(evaluated.images[:size])

    @torch.no_grad()
    def forward() -> float:
        step = bare.train_step.forward
        with eval_mode(step.model), Stopwatch(batch.device) as watch:
            for _ in range(arguments.steps):
                with step.autocast():
                    step.call(batch)
        return watch.seconds

    def evaluation() -> float:
        with Stopwatch(batch.device) as watch:
            other.evaluator.predict("test")
        return watch.seconds

    return {
        "train bare": throughput.bare_step(bare, arguments.steps),
        "train cvkit": throughput.cvkit_loop(other, arguments.steps),
        "evaluate bare": forward,
        "evaluate cvkit": evaluation,
    }


def table(rates: Rates) -> str:
    """Return the table of images/s and ratios."""
    from rounds import ratios

    lines = [
        "| | images/s | ratio to bare | by CPU time | ratio to bare, memory kept | by CPU time |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for what, of in rates.items():
        for name, each in of.items():
            shown = []
            for base in ("bare", "bare, memory kept"):
                for mine, other in zip(zip(*each, strict=True), zip(*of[base], strict=True), strict=True):
                    median, least, greatest = ratios([*mine], [*other])
                    shown.append(f"{median:.3f} ({least:.2f} to {greatest:.2f})")
            rate = statistics.median(clock for clock, _ in each)
            lines.append(f"| {TITLES[what]}: {name} | {rate:,.0f} | {' | '.join(shown)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
