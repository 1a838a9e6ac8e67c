"""What follows from measurements: the fastest settings, the sentences, and the recipe that is written."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from cvkit import resolve
from cvkit.errors import CvkitError
from cvkit.recipe import read
from cvkit.speed.budget import Budget, OutOfTimeError, within
from cvkit.speed.measured import EpochTime
from cvkit.speed.sentences import lines, loading_rows, size_line, size_rows, step_rows
from cvkit.speed.steps import Timed
from cvkit.speed.variant import Variant
from cvkit.speed.written import recipe_text, require_free, write

FP32, LAST = Variant("fp32", channels_last=False), Variant("fp32", channels_last=True)
BF16 = Variant("bf16", channels_last=True)


def test_fastest_variant_is_proposed_with_only_what_differs(found):
    """Of two that are faster, the faster one; its memory order and its precision are changes."""
    made = found({FP32: 100, LAST: 150, BF16: 200})
    assert made.best == BF16
    assert made.changes == {"precision": "bf16", "channels_last": True}


def test_difference_within_noise_is_no_proposal(found):
    """Less than 5 %, or slower in one round."""
    assert found({FP32: 100, LAST: 104}).changes == {}
    steps = {FP32: Timed(100, (1.0, 1.0), (1.0, 1.0)), LAST: Timed(100, (0.5, 1.1), (1.0, 1.0))}
    assert found({FP32: 100}, steps=steps).changes == {}


@pytest.mark.parametrize(
    ("loading", "workers"),
    [
        ({0: 100, 2: 1000, 4: 2000}, 2),  # ten times what the model needs
        ({0: 90, 2: 100, 4: 200, 8: 205}, 4),  # eight are no faster than four
        ({0: 120, 2: 100}, 0),
        ({0: 100, 2: 100, 4: 103}, 2),
    ],
)
def test_processes_are_proposed_if_loading_limits_training(found, loading, workers):
    """The smallest number that loads as fast as the fastest; the recipe's if it does not matter."""
    assert found({FP32: 100}, loading=loading).best_workers == workers


def test_batch_size_is_never_a_change(found):
    """It changes training, so it is only a sentence that says so."""
    made = found({FP32: 100}, sizes={50: 80, 100: 100, 200: 160})
    assert made.changes == {}
    assert made.best_size == 200
    (line,) = size_line(made)
    assert "1.60" in line
    assert "changes training" in line
    assert [*size_line(found({FP32: 100}, sizes={100: 100, 200: 102}))] == []


def test_tables_mark_the_recipe_and_the_fastest(found):
    """The fastest variant comes first; numbers of processes and batch sizes are in their own order."""
    made = found({FP32: 100, LAST: 150}, loading={0: 50, 2: 100}, sizes={50: 80, 100: 100})
    assert step_rows(made) == [
        ["fp32, channels_last, eager", "150", "1.50", "1.50 to 1.50", "fastest"],
        ["fp32, contiguous, eager", "100", "1.00", "1.00 to 1.00", "the recipe"],
    ]
    assert loading_rows(made) == [["0", "50", "0.50", ""], ["2", "100", "1.00", "the recipe"]]
    assert size_rows(made) == [["50", "80", "0.80", ""], ["100", "100", "1.00", "the recipe"]]


def test_sentences_say_what_limits_and_how_long_the_recipe_takes(found, snapshot):
    """Before and after, and that another precision changes the numbers."""
    slow, fast = EpochTime(30.0, 5.0, 60.0, 5.0), EpochTime(15.0, 5.0, 0.0, 5.0)
    made = found(
        {FP32: 100, BF16: 200},
        loading={2: 50, 4: 200},
        as_it_is=slow,
        fastest=fast,
        compile_seconds=31.0,
    )
    assert "\n".join(lines(made)) == snapshot
    assert "\n".join(lines(found({FP32: 100}))) == snapshot


RECIPE = "dataset: shapes\nmodel: custom_resnet\noptimizer: sgd\ntrain: {epochs: 4, batch_size: 100}\n"


def test_written_recipe_extends_the_measured_one(found, tmp_path, catalog):
    """From another folder; everything but the proposed settings is as it was."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "fast").mkdir()
    output = tmp_path / "fast" / "recipe.yaml"
    made = found({FP32: 100, BF16: 200}, sizes={100: 100, 200: 160})
    write(output, recipe_text(made, tmp_path / "recipe.yaml", output, with_size=False))
    before, after = (resolve(read(path), catalog) for path in (tmp_path / "recipe.yaml", output))
    assert after.train == before.train.model_copy(update={"precision": "bf16", "channels_last": True})
    assert (after.model, after.dataset, after.seed) == (before.model, before.dataset, before.seed)
    asked = recipe_text(made, tmp_path / "recipe.yaml", output, with_size=True)
    assert "batch_size: 200" in asked


def test_nothing_is_written_if_nothing_is_faster(found):
    """A recipe without a change would look like a result."""
    assert recipe_text(found({FP32: 100}), Path("recipe.yaml"), Path("fast.yaml"), with_size=True) == ""


def test_file_that_exists_is_not_replaced(tmp_path):
    """Nor is a folder created."""
    (tmp_path / "there.yaml").write_text("")
    for path, word in ((tmp_path / "there.yaml", "exists"), (tmp_path / "none" / "x.yaml", "not a folder")):
        with pytest.raises(CvkitError, match=word):
            require_free(path)
    with pytest.raises(CvkitError, match="could not write"):
        write(tmp_path, "text")


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="the system has no alarm")
def test_call_that_takes_too_long_is_ended():
    """And what handled the signal before handles it again."""
    before = signal.getsignal(signal.SIGALRM)
    begun = time.monotonic()
    with pytest.raises(OutOfTimeError, match="longer"), within(0.2):
        time.sleep(30)
    assert time.monotonic() - begun < 10
    assert signal.getsignal(signal.SIGALRM) is before
    with within(30):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_budget_gives_shares_of_the_whole_and_never_more_than_is_left():
    """A part that was slow takes from the last ones."""
    budget = Budget(100)
    assert budget.part(0.25).left == pytest.approx(25, abs=1)
    spent = Budget(0.0)
    assert spent.part(0.5).left == spent.left == 0
