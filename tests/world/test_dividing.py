"""Steps and evaluations of 1, 2 and 3 processes: the same images, augmented alike, and the same gradients."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from dividing import BLENDED, LAST, REPEATED, SINGLE, UNEVEN, Plain, in_order, of_worlds, plain, stepping
from small import run_of
from torch import Tensor, nn
from worlds import together

from cvkit import discover
from cvkit.engine.evaluator import Evaluator
from cvkit.world.world import World


@pytest.mark.parametrize("overrides", [(), ("train.accumulate=2",), ("train.clip_norm=0.01",), (BLENDED,)])
@pytest.mark.parametrize("last", [False, True])
def test_gradients_are_those_of_one_process(overrides, last):
    """Within rounding, also in a batch with fewer images than processes; and every process has the same bits."""
    parts = plain(*overrides)
    first = (parts.batching.steps - 1) * last

    def work(world: World):
        step, taken, _ = stepping(parts, world, first)
        grads = {name: weight.grad for name, weight in step.forward.model.named_parameters()}
        return grads, taken.loss, int(taken.hits), step.forward.model.state_dict()

    ((expected, loss, hits, _),), *others = of_worlds(work)
    assert expected["unused.weight"] is None
    for of_ranks in others:
        for grads, own_loss, own_hits, state in of_ranks:
            assert grads["unused.weight"] is None
            for name, grad in grads.items():
                if grad is not None:
                    torch.testing.assert_close(grad, expected[name], atol=1e-6, rtol=0)
            torch.testing.assert_close(own_loss, loss, atol=1e-6, rtol=0)
            assert own_hits == hits or max(own_hits, hits) < 0
            for name, value in state.items():
                assert torch.equal(value, of_ranks[0][3][name]), name
            assert state["seen"] == parts.recipe.train.accumulate if not last else state["seen"] >= 1
            assert torch.equal(state["mask"], torch.full((2,), float("-inf")))


@pytest.mark.parametrize("overrides", [(), (BLENDED,), (SINGLE, "train.workers=1"), (REPEATED,)])
@pytest.mark.parametrize("first", [5, LAST])
def test_every_image_is_used_once_and_augmented_alike(overrides, first):
    """To the bit, whatever the number of processes, and also from a step within the epoch on."""
    parts = plain(*overrides)
    (expected,), *others = of_worlds(lambda world: stepping(parts, world, first)[2])
    assert len(torch.cat(expected)) == parts.batching.samples_in(first)
    for of_ranks in others:
        assert torch.equal(in_order(of_ranks), torch.cat(expected))


@pytest.mark.parametrize("size", [4, 10, 500])
def test_evaluation_has_the_same_bits(size):
    """With batch normalisation too, and with fewer batches than processes."""
    parts = run_of(discover(), *UNEVEN, f"evaluation.batch_size={size}")

    def work(world: World):
        own = replace(parts, world=world)
        found = Evaluator(own).predict("test", flip=True)
        return found.logits, found.labels, found.loss

    ((logits, labels, loss),), *others = of_worlds(work)
    for of_ranks in others:
        for own_logits, own_labels, own_loss in of_ranks:
            assert torch.equal(own_logits.view(torch.int32), logits.view(torch.int32))
            assert torch.equal(own_labels, labels)
            assert own_loss == loss


def test_processes_have_the_same_statistics_of_batch_normalisation():
    """Those of the running means are the means of all images, so that the first process can save them for all."""
    parts = run_of(discover(), *UNEVEN)

    def work(world: World):
        step, _, _ = stepping(parts, world, 0)
        return step.forward.model.state_dict()

    (expected,), *others = of_worlds(work)
    for of_ranks in others:
        for state in of_ranks:
            for name, value in state.items():
                assert torch.equal(value, of_ranks[0][name]), name
            first = next(name for name in state if name.endswith("running_mean"))
            torch.testing.assert_close(state[first], expected[first], atol=1e-6, rtol=0)


def test_dropout_differs_between_processes():
    """Otherwise images that differ in rank only would lose the same units."""

    class Dropped(Plain):
        def forward(self, images: Tensor) -> Tensor:
            self.kept = nn.functional.dropout(torch.ones(50), 0.5)
            return self.body(images)

    parts = replace(plain(), model=Dropped())
    one, other = together(2, lambda world: stepping(parts, world, 0)[0].forward.model.kept)
    assert not torch.equal(one, other)


def test_trials_are_those_of_one_process():
    """Their losses within rounding, and their held-out predictions."""
    parts = plain()

    def work(world: World):
        with replace(parts, world=world).trial("rates", hold_out=9) as trial:
            return [*trial.steps_at([0.01] * 4)], trial.held_out().logits

    (expected,), *others = [together(size, work) for size in (1, 2, 3)]
    for of_ranks in others:
        for losses, logits in of_ranks:
            assert losses == of_ranks[0][0]
            torch.testing.assert_close(torch.tensor(losses), torch.tensor(expected[0]), atol=1e-5, rtol=0)
            torch.testing.assert_close(logits, expected[1], atol=1e-5, rtol=0)
            assert torch.equal(logits, of_ranks[0][1])
