"""A run folder as a stranger might make it does no harm: nothing outside changes, nothing leaks, nothing hangs."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
import torch
from hostile import COMMANDS, VARIANTS, Outcome, attempt, attempts, build_run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the harness forks, which this system cannot")
SAMPLE = [
    ("report.html is a link to a key file", "resume"),
    ("tensorboard is a link to somebody's folder", "resume"),
    ("an event file is a link", "resume"),
    ("a picture is a link to a secret", "resume"),
    ("checkpoints is a link to somebody's folder", "resume"),
    ("figures is a link to somebody's folder", "extend"),
    ("metrics.jsonl is a link to another run's", "resume"),
    ("run.json and its copy: name leads up", "extend"),
    ("run.json and its copy: environment lacks cvkit", "resume"),
    ("run.json: data is new", "resume"),
    ("the copy of tuning: name leads up", "resume"),
    ("recipe.yaml extends a file outside", "explain"),
    ("state.json: model is a list", "explain"),
    ("tensors.safetensors is huge", "explain"),
    ("no copies are kept; run.json is a pipe", "explain"),
    ("the copy of tuning: sets leads nowhere", "extend"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run that was stopped, which nobody has spoilt."""
    torch.set_num_threads(1)  # a fork cannot use the threads of its parent
    return build_run(tmp_path_factory.mktemp("stopped"))


def described(outcome: Outcome) -> str:
    """Return what went wrong, in a few lines."""
    end = "\n".join(outcome.output.splitlines()[-12:])
    return f"{outcome.command}, {outcome.variant}: {outcome.how} ({outcome.code}); {outcome.harm}\n{end}"


@pytest.mark.parametrize(("variant", "command"), SAMPLE)
def test_folder_of_a_stranger_does_no_harm(tmp_path, run, variant, command):
    """A sample; `make stress` does all."""
    outcome = attempt(run, tmp_path, variant, command)
    assert outcome.good, described(outcome)


def test_harness_sees_harm_and_tracebacks(tmp_path, run, monkeypatch):
    """What is written through a link, a secret in a page and an error that escapes are each told."""
    monkeypatch.setitem(VARIANTS, "nothing", lambda folder, outside: None)
    harms = {
        "writes": lambda runs, outside: (outside / "authorized_keys").write_text("mine"),
        "leaks": lambda runs, outside: (runs / "report.html").write_bytes((outside / "secret.svg").read_bytes()),
        "makes": lambda runs, outside: (runs / "taken").mkdir(),
        "raises": lambda runs, outside: 1 / 0,
    }
    seen = {}
    for name, harm in harms.items():
        stage = tmp_path / name
        stage.mkdir()
        with monkeypatch.context() as patched:
            patched.setattr(
                "cvkit.cli.resume.resume_run", lambda *_, do=harm, at=stage, **__: do(at / "runs", at / "outside")
            )
            seen[name] = attempt(run, stage, "nothing", "resume").how
    assert seen == {"writes": "harmful", "leaks": "harmful", "makes": "harmful", "raises": "traceback"}


@pytest.mark.stress
def test_every_hostile_folder(tmp_path, run, capsys):
    """Every way to spoil a folder, with every command."""
    done: dict[str, Counter[str]] = {command: Counter() for command in COMMANDS}
    wrong = []
    for outcome in attempts(run, tmp_path):
        done[outcome.command][outcome.how] += 1
        if not outcome.good:
            wrong.append(described(outcome))
            with capsys.disabled():
                print(f"\n{wrong[-1]}")
    with capsys.disabled():
        print(f"\n{len(VARIANTS)} hostile folders: { {command: dict(counts) for command, counts in done.items()} }")
    assert wrong == []
