"""A run trains what its recipe says, the same each time, and stops with a reason."""

from __future__ import annotations

import math
import re

import pytest
import torch

from cvkit import CheckpointError, ComponentError, CvkitError, DeviceError, DivergedError, EpochRecord, RunError
from cvkit.engine.loop import EpochBatches
from cvkit.engine.trainer import Step


def test_fit_yields_every_step_and_a_record_an_epoch(make_run):
    """70 images in batches of 8, the last 6 dropped: 8 steps an epoch."""
    events = list(make_run().fit())
    steps = [event for event in events if isinstance(event, Step)]
    records = [event for event in events if isinstance(event, EpochRecord)]
    assert [step.step for step in steps] == list(range(1, 25))
    assert [record.epoch for record in records] == [1, 2, 3]
    assert [record.step for record in records] == [8, 16, 24]
    assert all(len(record.step_losses) == len(record.step_lrs) == len(record.step_momenta) == 8 for record in records)


def test_record_survives_json(make_run):
    """What a folder writes it can read."""
    record = next(event for event in make_run().fit() if isinstance(event, EpochRecord))
    assert EpochRecord.from_json(record.to_json()) == record


def test_same_recipe_gives_the_same_weights(make_run, weights_of, same):
    """Bit for bit, on one machine with one number of threads."""
    same(weights_of(make_run()), weights_of(make_run()))


def test_other_seed_gives_other_weights(make_run, weights_of):
    """The seed reaches initialisation and order."""
    one, other = weights_of(make_run()), weights_of(make_run("seed=1"))
    assert not torch.equal(one["linear.weight"], other["linear.weight"])


def test_what_others_draw_changes_nothing(make_run, weights_of, same):
    """Code that draws from the global generators between steps disturbs nobody."""
    expected = weights_of(make_run())
    run = make_run()
    for _ in run.fit():
        torch.rand(7)
    same(expected, run.parts.model.state_dict())


@pytest.mark.parametrize(
    "knobs",
    [
        ("train.channels_last=true",),
        ("train.precision=bf16",),
        ("train.accumulate=3",),
        ("train.clip_norm=0.5", "train.drop_last=false"),
        ("train.ema=0.9",),
        ("optimizer={name: adamw, lr: 0.01}",),
        ("train.resident=false", "train.workers=0"),
    ],
)
def test_state_taken_midway_continues_bit_identically(make_run, weights_of, same, knobs):
    """Interrupted after every kind of step, under every knob: weights and records are those of the whole run."""
    whole = make_run(*knobs)
    expected = list(whole.fit())
    stop = len([e for e in expected if isinstance(e, Step)]) // 2 + 1
    first = make_run(*knobs)
    for event in first.fit():
        if isinstance(event, Step) and event.step == stop:
            state = first.state()
            break
    second = make_run(*knobs)
    second.restore(state)
    records = [event for event in second.fit() if isinstance(event, EpochRecord)]
    same(whole.parts.model.state_dict(), second.parts.model.state_dict())
    if whole.parts.ema is not None:
        same(whole.parts.ema.state_dict(), second.parts.ema.state_dict())
    untimed = {"seconds": 0, "images_per_second": 0}
    wanted = [r.to_json() | untimed for r in expected if isinstance(r, EpochRecord)][-len(records) :]
    assert [r.to_json() | untimed for r in records] == wanted


def test_accumulation_counts_optimizer_steps():
    """Three batches a step: the last step of an epoch takes what is left."""
    batching = EpochBatches(samples=70, batch_size=8, accumulate=3)
    assert (batching.used, batching.steps) == (64, 3)
    assert [batching.samples_in(step) for step in range(3)] == [24, 24, 16]
    assert EpochBatches(samples=70, batch_size=8, drop_last=False).steps == 9


def test_schedule_ends_at_its_floor(make_run):
    """The last step's rate is max_lr / div / final_div, and the optimizer takes no step beyond the plan."""
    records = [event for event in make_run().fit() if isinstance(event, EpochRecord)]
    assert records[-1].learning_rate == pytest.approx(0.1 / 25 / 1e4)
    assert max(records[1].step_lrs + records[0].step_lrs) == pytest.approx(0.1, rel=0.05)


def test_max_steps_stops_early_and_still_evaluates(make_run):
    """The schedule is still planned for all epochs."""
    run = make_run("train.max_steps=11")
    events = list(run.fit())
    records = [event for event in events if isinstance(event, EpochRecord)]
    assert run.step == 11
    assert [record.epoch for record in records] == [1, 2]
    assert len(records[1].step_losses) == 3
    assert run.parts.plan.total_steps == 24


def test_run_interrupted_on_its_very_last_step_still_records_the_epoch(make_run):
    """The state then holds all steps and no record yet."""
    run = make_run("train.max_steps=3")
    for event in run.fit():
        if event.step == 3:
            break
    again = make_run("train.max_steps=3")
    again.restore(run.state())
    assert [type(event) for event in again.fit()] == [EpochRecord]
    assert again.step == 3


def test_loss_that_explodes_ends_the_run_with_the_step_and_the_rate(make_run, wording):
    """No traceback of ours, no silent NaN."""
    run = make_run("scheduler={name: constant}", "optimizer.lr=1e20")
    with pytest.raises(DivergedError, match=r"\bstep \d.*1e\+20") as caught:
        list(run.fit())
    told = re.sub(r"\b(nan|inf)\b", "<loss>", str(caught.value))
    assert re.sub(r"step \d+", "step <n>", told) == wording


def test_state_with_a_non_finite_weight_is_never_given_out(make_run, wording):
    """So no checkpoint holds one; a buffer may be infinite by design, as attention masks are."""
    run = make_run()
    run.parts.model.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    assert "mask" in run.state()["model"]
    with torch.no_grad():
        run.parts.model.linear.weight[0, 0] = torch.inf
    with pytest.raises(DivergedError, match=r"linear\.weight") as caught:
        run.state()
    assert str(caught.value) == wording


def test_averaged_weights_are_the_ones_evaluated(make_run):
    """With a decay of nearly 1 the average stays near its start and scores otherwise than the weights."""
    run = make_run("train.ema=0.999")
    records = [event for event in run.fit() if isinstance(event, EpochRecord)]
    assert run.parts.trained_model is run.parts.ema.module
    assert run.final_predictions().loss == records[-1].test_loss
    assert not torch.equal(run.parts.ema.module.linear.weight, run.parts.model.linear.weight)


def test_flip_tta_is_kept_apart_from_the_headline(make_run):
    """Its score has a field of its own."""
    plain = [e for e in make_run().fit() if isinstance(e, EpochRecord)]
    flipped = [e for e in make_run("evaluation.flip_tta=true").fit() if isinstance(e, EpochRecord)]
    assert [r.test_accuracy for r in plain] == [r.test_accuracy for r in flipped]
    assert plain[0].accuracy_tta is None
    assert 0 <= flipped[0].accuracy_tta <= 1


def test_evaluation_counts_every_image_once(make_run):
    """30 test images in batches of 7, modes as found."""
    run = make_run("evaluation.batch_size=7")
    run.parts.model.train()
    predictions = run.evaluator.predict()
    assert len(predictions.labels) == 30
    assert torch.equal(predictions.labels, run.parts.splits.test.labels)
    assert predictions.accuracy == int((predictions.logits.argmax(1) == predictions.labels).sum()) / 30
    assert all(module.training for module in run.parts.model.modules())
    assert math.isclose(
        predictions.loss,
        float(torch.nn.functional.cross_entropy(predictions.logits, predictions.labels)),
        rel_tol=1e-5,
    )


def test_batch_larger_than_the_training_set_is_refused(make_run, wording):
    """Rather than an epoch without a step."""
    with pytest.raises(RunError, match=r"\bbatch_size\b") as caught:
        make_run("train.batch_size=128")
    assert str(caught.value) == wording


def test_device_that_is_missing_is_refused(make_run):
    """By its name; what torch says of it differs."""
    with pytest.raises(DeviceError, match="cuda:99"):
        make_run("train.device=cuda:99")


def test_precision_that_a_cpu_has_not_is_refused_with_a_way_out(make_run, wording):
    """Loss scaling is for GPUs."""
    with pytest.raises(DeviceError, match="fp16") as caught:
        make_run("train.device=cpu", "train.precision=fp16")
    assert str(caught.value) == wording


def test_model_of_another_width_does_not_take_the_state(make_run, wording):
    """It says which weight differs."""
    state = make_run().state()
    with pytest.raises(CheckpointError) as caught:
        make_run("model.width=4").restore(state)
    assert str(caught.value) == wording


def test_trial_leaves_nothing_behind(make_run, weights_of, same):
    """Weights, buffers, generators, data order: a run with a trial before it trains as one without."""
    expected = weights_of(make_run())
    run = make_run()
    torch.manual_seed(5)
    state = torch.get_rng_state()
    with run.parts.trial("probe") as trial:
        steps = trial.steps()
        trial.learning_rate = 0.5
        losses = [float(next(steps)) for _ in range(20)]
    assert torch.equal(torch.get_rng_state(), state)
    assert len(set(losses)) == 20
    same(expected, weights_of(run))


def test_trials_of_different_repeats_see_different_orders(make_run):
    """And the same repeat sees the same."""

    def losses(repeat):
        with make_run().parts.trial("probe", repeat) as trial:
            steps = trial.steps()
            return [float(next(steps)) for _ in range(3)]

    assert losses(0) == losses(0) != losses(1)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("augmentations=[{name: random_crop, size: 24}]", ("/custom_resnet'", "float32 (2, 3, 24, 24)")),
        (
            "model=torchvision/alexnet",
            ("torchvision/alexnet'", "float32 (2, 3, 32, 32)", "too small"),
        ),  # torch's words
        ("model=timm/inception_v3", ("timm/inception_v3'", "float32 (2, 3, 32, 32)")),
        ("model={name: timm/test_resnet, arguments: {features_only: true}}", ("timm/test_resnet'", "list")),
        ("scheduler.peak_fraction=0.01", ("one_cycle",)),
        ("optimizer={name: sgd, momentum: 0, nesterov: true}", ("nesterov",)),
    ],
)
def test_parts_that_do_not_fit_together_are_refused_before_training(make_run, override, named):
    """When the run is built: not after a range test, and not on the first step."""
    with pytest.raises(CvkitError) as caught:
        make_run(override)
    assert [part for part in named if part not in str(caught.value)] == []


def test_schedule_without_room_is_refused_though_its_rate_is_still_auto(make_run, wording):
    """The range test would cost minutes before the mistake showed."""
    tuner = "tuners=[{name: lr_range_test, set: scheduler.max_lr}]"
    with pytest.raises(ComponentError, match="one_cycle") as caught:
        make_run("scheduler.max_lr=auto", "scheduler.peak_fraction=0.01", tuner)
    assert str(caught.value) == wording


def test_data_set_of_one_image_can_be_trained_on(make_run):
    """However little sense it makes."""
    run = make_run("dataset.train_size=1", "train.batch_size=1", "train.epochs=4")
    assert sum(isinstance(event, Step) for event in run.fit()) == 4
