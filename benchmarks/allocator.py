"""Compare training steps on a CPU with glibc's allocator unchanged and with memory that it keeps.

    python benchmarks/allocator.py                         width 16 in batches of 512, width 64 in batches of 128
    python benchmarks/allocator.py --rounds 8 --write      more rounds, into docs/results.md
    python benchmarks/allocator.py --all                   also with huge pages and other allocators

Each contestant is a short process of its own, because the setting of a process cannot be undone. In each round the
contestants run one after another, and the first one changes from round to round. The benchmark reports the median
ratio of images per second in a round with the lowest and highest, the same for images per second of CPU time, which
other programs disturb less, the minor page faults of the counted steps and the largest memory of the process. The
step is forward, backward and update of the custom ResNet on one batch, fp32, channels last. An evaluation is its
forward pass on batches of 500 images.

    unchanged     CVKIT_KEEP_MEMORY=0: what every program does that nobody set up
    kept          cvkit.keep_freed_memory(), as in cvkit's commands
    huge pages of torch           unchanged, with THP_MEM_ALLOC_ENABLE=1, which makes torch ask for huge pages
    huge pages of glibc           unchanged, with GLIBC_TUNABLES=glibc.malloc.hugetlb=1
    kept, huge pages of torch     kept, with THP_MEM_ALLOC_ENABLE=1
    kept, huge pages of glibc     the values of cvkit.keep_freed_memory() in GLIBC_TUNABLES, with huge pages
    jemalloc, mimalloc, tcmalloc  loaded with LD_PRELOAD, if they are installed
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from ctypes.util import find_library
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

TORCHS = {"THP_MEM_ALLOC_ENABLE": "1"}
KEPT = "glibc.malloc.mmap_threshold=2147483647:glibc.malloc.trim_threshold=2147483647:glibc.malloc.top_pad=67108864"
CONTESTANTS: dict[str, dict[str, str]] = {
    "unchanged": {"CVKIT_KEEP_MEMORY": "0"},
    "kept": {},
    "huge pages of torch": {"CVKIT_KEEP_MEMORY": "0", **TORCHS},
    "huge pages of glibc": {"CVKIT_KEEP_MEMORY": "0", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
    "kept, huge pages of torch": TORCHS,
    "kept, huge pages of glibc": {"CVKIT_KEEP_MEMORY": "0", "GLIBC_TUNABLES": f"glibc.malloc.hugetlb=1:{KEPT}"},
}
"""The environment of each contestant."""
OTHERS = ("jemalloc", "mimalloc", "tcmalloc_minimal")
"""The names of other allocators' libraries."""
CASES = (("step", 16, 512, 3), ("step", 64, 128, 2), ("evaluation", 16, 500, 5))
"""What is timed, the width of the network, the batch size, and the number of counted batches."""


def main() -> None:
    """Run the benchmark and print its table, or one contestant if a case is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4, help="processes of each contestant")
    parser.add_argument("--all", action="store_true", help="also with huge pages and other allocators")
    parser.add_argument("--write", action="store_true", help="write the table into docs/results.md")
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case is not None:
        print(json.dumps(measured(*CASES[arguments.case])))
        return
    contestants = {name: CONTESTANTS[name] for name in ("unchanged", "kept")}
    if arguments.all:
        found_libraries = {name: find_library(name) for name in OTHERS}
        contestants = CONTESTANTS | {name: {"LD_PRELOAD": file} for name, file in found_libraries.items() if file}
    names = [*contestants]
    loads = [os.getloadavg()[0]]
    lines = []
    for case, (what, width, batch, _) in enumerate(CASES):
        found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for turn in range(arguments.rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                found[name].append(in_a_process(case, contestants[name]))
                print(case, name, found[name][-1], file=sys.stderr, flush=True)
        loads.append(os.getloadavg()[0])
        lines += rows(f"{what}, width {width}, batch {batch}", found)
    text = "\n".join([heading(arguments, loads), *lines])
    if arguments.all and (missing := [name for name, file in found_libraries.items() if not file]):
        text += f"\n\nNot measured, because they are not installed: {', '.join(missing)}."
    print(text)
    if arguments.write:
        from section import write_section

        write_section("allocator", text)


def heading(arguments: argparse.Namespace, loads: list[float]) -> str:
    """Return the line about the machine, and the header of the table."""
    return (
        f"`python benchmarks/allocator.py --rounds {arguments.rounds}{' --all' * arguments.all}`, {date.today()}, "
        f"{platform.machine()}, {os.cpu_count()} cores, {platform.libc_ver()[0]} {platform.libc_ver()[1]}, torch "
        f"{version('torch')}; other programs used the machine as well (load average {min(loads):.1f} to "
        f"{max(loads):.1f}).\n\n"
        "| | images/s | ratio to unchanged | ratio by CPU time | minor faults | memory |\n"
        "| --- | --- | --- | --- | --- | --- |"
    )


def rows(title: str, found: dict[str, list[dict[str, float]]]) -> list[str]:
    """Return the rows of a case."""
    lines = []
    for name, each in found.items():
        rates = [one["rate"] for one in each]
        shown = [ratio(measure, each, found["unchanged"]) for measure in ("rate", "cpu_rate")]
        memory = statistics.median(one["memory"] for one in each)
        share = memory / statistics.median(one["memory"] for one in found["unchanged"])
        lines.append(
            f"| {title}: {name} | {min(rates):,.0f} to {max(rates):,.0f} | {' | '.join(shown)} "
            f"| {statistics.median(one['faults'] for one in each):,.0f} "
            f"| {memory:,.0f} MB ({100 * (share - 1):+.0f} %) |"
        )
    return lines


def ratio(measure: str, each: list[dict[str, float]], base: list[dict[str, float]]) -> str:
    """Return the median ratio of a measure over the rounds, with the lowest and the highest."""
    found = [one[measure] / other[measure] for one, other in zip(each, base, strict=True)]
    return f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def in_a_process(case: int, environment: dict[str, str]) -> dict[str, float]:
    """Return what a contestant measures in a new process."""
    ours = {"CVKIT_KEEP_MEMORY", "THP_MEM_ALLOC_ENABLE", "GLIBC_TUNABLES", "LD_PRELOAD"}
    variables = {name: value for name, value in os.environ.items() if name not in ours} | environment
    variables.setdefault("GOMP_SPINCOUNT", "10000")  # as in cvkit's commands
    call = [sys.executable, str(Path(__file__)), "--case", str(case)]
    done = subprocess.run(call, env=variables, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def measured(what: str, width: int, batch: int, count: int) -> dict[str, float]:
    """Return images/s, also of CPU time, the minor faults of the counted batches, and this process's memory in MB."""
    import cvkit

    cvkit.keep_freed_memory()  # nothing, if CVKIT_KEEP_MEMORY is 0
    import torch
    from rounds import Stopwatch

    from cvkit_resnet.network import custom_resnet

    info = cvkit.DataInfo(3, 32, 32, tuple("0123456789"), (0.5,) * 3, (0.25,) * 3)
    model = custom_resnet(info, width=width).to(memory_format=torch.channels_last)
    images = torch.rand(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(batch) % 10
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)

    def take(number: int) -> None:
        if what == "step":
            for _ in range(number):
                optimizer.zero_grad(set_to_none=True)
                torch.nn.functional.cross_entropy(model(images), labels).backward()
                optimizer.step()
        else:
            with torch.no_grad(), cvkit.eval_mode(model):
                for _ in range(number):
                    model(images)

    take(1)
    before: Any = resource.getrusage(resource.RUSAGE_SELF)
    with Stopwatch(images.device) as watch:
        take(count)
    used: Any = resource.getrusage(resource.RUSAGE_SELF)
    seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return {
        "rate": count * batch / watch.seconds,
        "cpu_rate": count * batch / seconds,
        "faults": used.ru_minflt - before.ru_minflt,
        "memory": used.ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
