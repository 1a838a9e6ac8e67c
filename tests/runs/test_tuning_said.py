"""What a run says of its tuners: what they will do before they do it, and rates that are not usual."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from cvkit import Component, Origin, Proposal, RunFolder, build_parts, discover, hookimpl
from cvkit.recipe import read_text, resolve
from cvkit.runs.execute import Noted, TrainingStarted, Tuned, Warned, execute, noted_end
from cvkit.runs.session import Session

RECIPE = """\
name: tuned
dataset: {name: shapes, train_size: 16, test_size: 4}
model: {name: custom_resnet, width: 2}
optimizer: {name: adamw, lr: auto}
tuners: [{name: bold, set: optimizer.lr, rate: 0.3}]
train: {epochs: 1, batch_size: 8}
"""


def bold(run, target, *, rate: float):
    assert target == "optimizer.lr"
    return Proposal(rate, "it is bold", "Bold")


def bold_forecast(run, target, *, rate: float):
    return f"trying {rate} for {target},\nwithout a step"


class Plugin:
    @hookimpl
    def cvkit_tuners(self):
        yield Component("bold", f"{__name__}:bold", "Bold", forecast=f"{__name__}:bold_forecast")


def events(tmp_path, *overrides):
    """Return the session of a run, and its events up to its first step."""
    catalog = discover(distributions=["cvkit-core"])
    catalog.admit(Origin("acme", "in-process", "0"), Plugin())
    recipe = resolve(read_text(RECIPE, overrides), catalog)
    parts = build_parts(recipe, recipe.dataset.build(Path("unused")))
    session, seen = Session(parts, RunFolder(tmp_path), tmp_path, catalog), []
    with noted_end(session), closing(execute(session)) as happening:
        for event in happening:
            if isinstance(event, TrainingStarted):
                session.set_status("interrupted")
                break
            seen.append(event)
    return session, seen


def test_forecast_comes_before_the_proposal_and_an_unusual_rate_after_it(tmp_path, wording):
    """Where the user looks: in the terminal at once, and in run.json, from which the report repeats it."""
    session, seen = events(tmp_path)
    assert [type(event) for event in seen] == [Noted, Tuned, Warned]
    assert seen[0].line == "bold for optimizer.lr: trying 0.3 for optimizer.lr, without a step"
    assert seen[2].message == wording
    assert seen[2].message in session.folder.info()["warnings"]


@pytest.mark.parametrize("overrides", [["tuners.0.rate=0.01"], ["optimizer.lr=0.01"]], ids=["usual", "not used"])
def test_usual_rate_is_not_reported(tmp_path, overrides):
    """Nor is a proposal that the recipe does not use."""
    session, seen = events(tmp_path, *overrides)
    assert not [event for event in seen if isinstance(event, Warned)]
    assert session.recipe.value("optimizer.lr") == 0.01
