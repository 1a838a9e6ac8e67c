"""Run the measurements of `cvkit speed` on three recipes of this project, and print what they found as tables.

    python benchmarks/speeds.py                              two minutes for each recipe
    python benchmarks/speeds.py --minutes 5 --write          into docs/results.md
    python benchmarks/speeds.py --device cuda

Each recipe is measured in a process of its own, which keeps freed memory as cvkit's commands do.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

RECIPES = ("shapes.yaml", "cifar10_resnet_small.yaml", "cifar10_resnet.yaml")
FOLDER = Path(__file__).parents[1] / "recipes"


def main() -> None:
    """Measure every recipe and print the tables, or one recipe as JSON if ``--one`` is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0, help="time for each recipe")
    parser.add_argument("--device", default="auto", help="device, as in train.device of a recipe")
    parser.add_argument("--only", nargs="+", choices=RECIPES, default=RECIPES, help="recipes to measure")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/results.md")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(measured(arguments.one, arguments.minutes, arguments.device)))
        return
    from machine import Load, described
    from section import write_section

    load, found = Load(), {}
    for name in arguments.only:
        found[name] = in_a_process(name, arguments)
        print(name, found[name], file=sys.stderr, flush=True)
        load.note()
    device = "cuda" if any(str(each.get("device")).startswith("cuda") for each in found.values()) else "cpu"
    command = f"python benchmarks/speeds.py --minutes {arguments.minutes:g} --device {arguments.device}"
    text = "\n\n".join([described(command, load, device), recipes_table(found), steps_table(found), *left_out(found)])
    print(text)
    if arguments.write:
        write_section("speeds", text)


def in_a_process(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what is measured of a recipe in a new process, or its error."""
    call = [
        sys.executable,
        __file__,
        "--one",
        name,
        "--minutes",
        str(arguments.minutes),
        "--device",
        arguments.device,
    ]
    done = subprocess.run(call, env={"GOMP_SPINCOUNT": "10000", **os.environ}, capture_output=True, text=True)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(name: str, minutes: float, device: str) -> dict[str, Any]:
    """Return what `cvkit speed` measures of a recipe, as JSON has it."""
    from cvkit.allocator import keep_freed_memory_on_cpu

    keep_freed_memory_on_cpu()
    from cvkit import build_parts, discover
    from cvkit.engine.building import open_dataset
    from cvkit.recipe import read, resolve
    from cvkit.runs.data_folder import data_folder
    from cvkit.speed.budget import Budget
    from cvkit.speed.measuring import measure

    recipe = resolve(read(FOLDER / name, [f"train.device={device}"]), discover())
    parts = build_parts(recipe, open_dataset(recipe, data_folder(None)))
    found = measure(parts, Budget(60 * minutes), lambda line: print(line, file=sys.stderr, flush=True))
    return {
        "device": found.device,
        "epochs": found.epochs,
        "now": str(found.now),
        "best": str(found.best),
        "steps": {str(variant): [timed.rate, *timed.ratios] for variant, timed in found.steps.items()},
        "as_it_is": found.as_it_is.seconds,
        "fastest": found.fastest.seconds,
        "shares": found.as_it_is.shares,
        "left_out": found.left_out,
    }


def recipes_table(found: dict[str, dict[str, Any]]) -> str:
    """Return the table with a row for each recipe."""
    from cvkit.formatting import duration

    lines = [
        "| recipe | its step | images/s | fastest step | ratio | time as it is | time, fastest settings | spent on |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, each in found.items():
        if "error" in each:
            lines.append(f"| {name} | not measured: {each['error']} | | | | | | |")
            continue
        rate, *_ = each["steps"][each["now"]]
        shares = ", ".join(f"{part} {100 * share:.0f} %" for part, share in each["shares"].items())
        as_it_is, fastest = (duration(each["epochs"] * each[what]) for what in ("as_it_is", "fastest"))
        ratio = shown(each["steps"][each["best"]])
        lines.append(
            f"| {name} | {each['now']} | {rate:,.0f} | {each['best']} | {ratio} | {as_it_is} | {fastest} | {shares} |"
        )
    return "\n".join(lines)


def steps_table(found: dict[str, dict[str, Any]]) -> str:
    """Return the table with a row for each variant of the step, as ratios to the step of the recipe."""
    whole = {name: each for name, each in found.items() if "error" not in each}
    variants = dict.fromkeys(variant for each in whole.values() for variant in each["steps"])
    lines = [f"| step | {' | '.join(whole)} |", f"| --- |{' --- |' * len(whole)}"]
    for variant in variants:
        cells = [shown(each["steps"][variant]) if variant in each["steps"] else "" for each in whole.values()]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return "\n".join(lines)


def shown(timed: list[float]) -> str:
    """Return the median ratio to the recipe's step, with the lowest and the highest of the rounds."""
    _, middle, least, most = timed
    return f"{middle:.2f} ({least:.2f} to {most:.2f})"


def left_out(found: dict[str, dict[str, Any]]) -> list[str]:
    """Return the list of what was not measured."""
    lines = [f"- {name}: {sentence}" for name, each in found.items() for sentence in each.get("left_out", ())]
    return ["Not measured:\n\n" + "\n".join(lines)] if lines else []


if __name__ == "__main__":
    main()
