"""The progress of training is a function of counters, and there is none outside training steps."""

from __future__ import annotations

import subprocess
import sys

import pytest

import cvkit
from cvkit.step_progress import during


def test_progress_counts_from_0_and_its_fraction_stays_below_1():
    """Three epochs of four steps, the last one cut off after its second step."""
    seen = [cvkit.Progress.of(epoch, step, 4, 10) for epoch in range(3) for step in range(4)][:10]
    assert [(one.epoch, one.step) for one in seen] == [(number // 4, number) for number in range(10)]
    assert {(one.epochs, one.steps) for one in seen} == {(3, 10)}
    assert [one.fraction for one in seen] == [number / 10 for number in range(10)]


def test_trial_that_is_longer_than_the_run_stays_at_the_last_step():
    """So its fraction is below 1 too."""
    assert cvkit.Progress.of(7, 3, 4, 10) == cvkit.Progress(2, 9, 3, 10)


def test_there_is_none_outside_training_steps():
    """The error says so, and what to do; a default is taken instead."""
    with pytest.raises(RuntimeError, match=r"evaluation and prediction have no progress.*default=") as caught:
        cvkit.progress()
    assert "self.training" in str(caught.value)
    midway = cvkit.Progress(1, 4, 3, 12)
    assert cvkit.progress(default=midway) is midway


def test_blocks_are_nested_and_end():
    """An evaluation within a step has none, and the step has its own again afterwards."""
    midway = cvkit.Progress(1, 4, 3, 12)
    with during(midway):
        assert cvkit.progress(default=cvkit.Progress(0, 0, 1, 1)) is midway
        with during(None), pytest.raises(RuntimeError):
            cvkit.progress()
        assert cvkit.progress() is midway
    with pytest.raises(RuntimeError):
        cvkit.progress()


def test_asking_does_not_load_torch():
    """A plugin may import the function where it declares its components."""
    code = "import sys, cvkit; cvkit.progress; cvkit.Progress; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
