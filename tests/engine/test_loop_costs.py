"""What the loop does in a step beyond forward, backward and update, counted in operations on tensors.

Counts do not depend on the machine. A GPU, pretended, is in tests/gpu/test_training.py: there no step waits.
"""

from __future__ import annotations

from collections import Counter

import pytest
import small
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cvkit import Trainer
from cvkit.data.loading import Reading
from cvkit.engine.step import training_mode
from cvkit.engine.trainer import Step
from cvkit.host.discovery import discover

pytestmark = pytest.mark.usefixtures("one_thread")
READS = ("aten._local_scalar_dense.default", "aten.nonzero.default", "aten.equal.default", "aten.is_nonzero.default")
"""Operations for which the host waits for a GPU."""


class Counting(TorchDispatchMode):
    """Counts operations by name."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.counts[str(func)] += 1
        return func(*args, **(kwargs or {}))

    @property
    def reads(self) -> int:
        """How many operations wait for a GPU."""
        return sum(self.counts[name] for name in READS)


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    """A trainer of the small recipe, with crop, flip and cutout, which has taken two steps."""
    made = Trainer(small.run_of(discover()))
    steps = made.fit()
    next(steps)
    next(steps)
    made.steps = steps
    return made


def bare_step(trainer: Trainer) -> Counter[str]:
    """Count the operations of forward, backward and update on a batch in memory."""
    step, source = trainer.train_step, trainer.parts.train_source
    batch = next(source.batches(Reading(torch.arange(8), 8)))
    inputs = trainer.parts.preprocessor.for_evaluation(batch.images)
    with Counting() as counting, training_mode(step.optimizer, step.forward.guards.optimizer):
        step.optimizer.zero_grad(set_to_none=True)
        step.forward.loss(step.forward.call(inputs), batch.labels).backward()
        step.optimizer.step()
    return counting.counts


def test_step_reads_nothing(trainer):
    """Neither augmentation, loss, counts nor update: on a GPU the host would wait."""
    batch = next(trainer.parts.train_source.batches(Reading(torch.arange(8), 8)))
    with Counting() as counting:
        trainer.train_step.take([batch], 8)
    assert counting.counts["aten.convolution_backward.default"]
    assert counting.reads == 0


def test_loop_adds_few_operations_to_a_bare_step(trainer):
    """Half of them draw and move pixels; on a CPU the losses are read, in three operations, for runs that diverge."""
    bare = bare_step(trainer)
    with Counting() as counting:
        assert isinstance(next(trainer.steps), Step)
    assert counting.counts["aten.convolution_backward.default"] == bare["aten.convolution_backward.default"]
    assert counting.reads <= 3
    assert 0 < counting.counts.total() - bare.total() <= 115


def test_evaluation_reads_as_often_for_many_batches_as_for_few(trainer):
    """Logits, labels and losses of all batches are brought together once."""
    splits = trainer.parts.splits
    reads = []
    for batch_size in (30, 10):
        evaluator = Trainer(small.run_of(discover(), f"evaluation.batch_size={batch_size}")).evaluator
        with Counting() as counting:
            predictions = evaluator.predict("test")
        assert len(predictions.labels) == len(splits.test)
        reads.append(counting.reads)
    assert reads[0] == reads[1] > 0
