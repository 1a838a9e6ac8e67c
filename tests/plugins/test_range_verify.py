"""A verification trains three candidates alike, on images that it does not judge by, and the best is proposed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from masked import without_numbers

from cvkit import RunError
from cvkit.data.loading import Reading
from cvkit.engine.trainer import Trainer
from cvkit.engine.tuning import tune
from cvkit.figures.style import render_figure
from cvkit_onecycle import verify
from cvkit_onecycle.range_test import choose_verified_rate, lr_range_test
from cvkit_onecycle.verify import STEPS, WARM_UP, RateCandidate, triangle, verified


@pytest.fixture
def short(monkeypatch):
    """A verification of a few steps, so that a test of its data takes no time."""
    monkeypatch.setattr(verify, "STEPS", 10)
    monkeypatch.setattr(verify, "WARM_UP", 2)


def test_rate_rises_to_the_candidate_and_falls_to_near_zero():
    """In straight lines, a fifth of the steps and the others."""
    rates = list(triangle(0.5))
    assert len(rates) == STEPS
    assert rates.index(max(rates)) == WARM_UP - 1
    assert max(rates) == 0.5
    assert rates[0] == pytest.approx(0.5 / WARM_UP)
    assert rates[-1] == pytest.approx(0.5 / (STEPS - WARM_UP))


def test_best_of_three_is_first(colours_run, short):
    """Half a decade apart; in so few steps the highest comes furthest, by 0.05 of the loss or more over 10 seeds."""
    ranked = verified(colours_run(), 0.01)
    assert [each.rate for each in ranked] == [0.03, 0.01, 0.00333]
    assert [each.loss for each in ranked] == sorted(each.loss for each in ranked)


def test_candidate_that_diverges_is_last(colours_run, monkeypatch):
    """None compares with no number."""
    losses = {0.00333: None, 0.01: 2.0, 0.03: 1.0}
    monkeypatch.setattr(verify, "trained", lambda run, rate: RateCandidate(rate, losses[rate], None))
    assert [each.rate for each in verified(colours_run(), 0.01)] == [0.03, 0.01, 0.00333]


def test_nothing_is_proposed_where_all_candidates_diverge(colours_run, short, wording):
    """At such rates no network stays finite; the reason names them."""
    value, reason = choose_verified_rate(verified(colours_run(), 1e19), "found")
    assert value is None
    assert all(rate in reason for rate in ("3.33e+18", "1e+19", "3e+19"))
    assert reason == wording


def test_candidate_worse_than_untrained_weights_has_diverged(colours_run, short):
    """However finite its loss is: at such a rate a network ends 50,000 times above where it began, over 10 seeds."""
    run = colours_run()
    with run.trial("lr verification", hold_out=51) as trial:
        untrained = trial.held_out().loss
        assert all(math.isfinite(loss) for loss in trial.steps_at(triangle(30.0)))
        assert untrained < trial.held_out().loss < math.inf
    assert verify.trained(run, 30.0) == RateCandidate(30.0, None, None)


def test_images_held_out_are_not_trained_on(colours_run, short, monkeypatch):
    """A fifth of the images is judged by; no batch of the trial holds one, over several epochs."""
    run = colours_run("augmentations=[]")
    trained, judged = set(), []
    with run.trial("verification", hold_out=51) as trial:
        held = {
            image.numpy().tobytes() for image in trial._held.batches(Reading(torch.arange(51), 51)).__next__().images
        }
        batches = trial._source.batches

        def seen(*arguments):
            for batch in batches(*arguments):
                trained.update(image.numpy().tobytes() for image in batch.images)
                yield batch

        object.__setattr__(trial._source, "batches", seen)
        for _ in trial.steps_at([0.01] * 21):
            pass
        judged.append(len(trial.held_out().labels))
    assert judged == [51]
    assert len(trained) == 205
    assert not trained & held


def test_images_held_out_follow_from_the_seed(colours_run):
    """The same for each candidate, others for another seed."""

    def held(run):
        with run.trial("any", hold_out=24) as trial:
            return next(trial._held.batches(Reading(torch.arange(24), 24))).images

    assert torch.equal(held(colours_run()), held(colours_run()))
    assert not torch.equal(held(colours_run()), held(colours_run("seed=1")))


def test_candidates_start_alike(colours_run, short):
    """The same rate twice has the same loss: weights, order and draws are the same."""
    run = colours_run()
    assert verify.trained(run, 0.05) == verify.trained(run, 0.05)


def test_winner_is_proposed_and_told(colours_run, short, wording):
    """In the value, the reason, the data, the caption and the picture."""
    proposal = lr_range_test(colours_run(), end_lr=30.0, steps=40, orders=1, verify=True)
    best, *others = proposal.data["candidates"]
    assert proposal.value == best["rate"]
    assert len(others) == 2
    assert f"{best['rate']:g}" in proposal.reason
    assert f"{best['rate']:g}: {best['loss']:.3f}" in proposal.caption
    assert without_numbers(proposal.reason) == wording
    seen = []
    render_figure(
        "test", proposal.title, proposal.caption, lambda canvas: (proposal.draw(canvas), seen.append(canvas))
    )
    unverified = lr_range_test(colours_run(), end_lr=30.0, steps=40, orders=1)
    render_figure(
        "test", unverified.title, unverified.caption, lambda canvas: (unverified.draw(canvas), seen.append(canvas))
    )
    with_it, without = ([label.get_text() for label in each.axes[1].get_yticklabels()] for each in seen)
    assert len(with_it) == len(without) + 1


def test_refusal_is_not_verified(colours_run, short, monkeypatch):
    """There is nothing to train around."""
    monkeypatch.setattr(verify, "trained", lambda *arguments: pytest.fail("trained"))
    proposal = lr_range_test(colours_run(), start_lr=1e-9, end_lr=1e-8, steps=20, orders=1, verify=True)
    assert proposal.value is None
    assert proposal.data["candidates"] == []


def test_training_set_too_small_to_hold_any_out_is_refused(colours_run, wording):
    """What is left would not make a batch, and the sweep would wait for one for ever."""
    with pytest.raises(RunError, match="206") as caught:
        verified(colours_run("train.batch_size=206", "train.epochs=4"), 0.1)
    assert str(caught.value) == wording


def test_run_verified_trains_as_one_given_the_value(colours_run, short):
    """Verification leaves nothing behind either."""
    tuned = colours_run("tuners.0.verify=true", "tuners.0.orders=1")
    ((_, proposal, recipe),) = tune(tuned)
    tuned = replace(tuned, recipe=recipe)
    given = colours_run(f"scheduler.max_lr={proposal.value}", "tuners=[]")
    for run in (tuned, given):
        for _ in Trainer(run).fit():
            pass
    for name, tensor in given.model.state_dict().items():
        assert torch.equal(tensor, tuned.model.state_dict()[name]), name
