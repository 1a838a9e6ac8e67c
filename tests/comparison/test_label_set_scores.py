"""Scores of sets of labels on resampled images, compared with scikit-learn."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score

from cvkit.comparison.label_set_scores import by_label, macro_f1, mean_average_precision
from cvkit.runs.predictions_table import PredictionsTable

NAMES = ("sky", "tree", "water")


@pytest.fixture(scope="module")
def table():
    """Predictions of 60 images with equal probabilities among them."""
    generator = torch.Generator().manual_seed(0)
    given = torch.rand(3, 60, generator=generator) < 0.4
    chances = ((torch.rand(3, 60, generator=generator) + given.float() * 0.5) * 8).round().double() / 12
    cells = [
        tuple("|".join(n for n, flag in zip(NAMES, column, strict=True) if flag) for column in flags.T.tolist())
        for flags in (given, chances >= 0.5)
    ]
    nothing = torch.zeros(60)
    return PredictionsTable(*cells, nothing.bool(), nothing, None, NAMES, chances, None, None)


def test_scores_of_drawn_images_are_those_of_scikit_learn(table):
    """An image that is drawn twice counts as two images, one that is not drawn as none."""
    counts = torch.randint(0, 3, (4, 60), generator=torch.Generator().manual_seed(1)).double()
    precision, f1 = mean_average_precision([table])(counts), macro_f1([table])(counts)
    given, chances = table.flags(table.true).T.numpy(), table.probabilities.T.numpy()
    predicted = table.flags(table.predicted).T.numpy()
    for row, weights in enumerate(counts.numpy()):
        expected = average_precision_score(given, chances, sample_weight=weights)
        assert float(precision[row]) == pytest.approx(expected)
        assert float(f1[row]) == pytest.approx(f1_score(given, predicted, average="macro", sample_weight=weights))


def test_scores_of_several_runs_are_their_mean(table):
    """A run that is given twice does not change the score."""
    every = torch.ones(1, 60, dtype=torch.float64)
    assert mean_average_precision([table, table])(every) == mean_average_precision([table])(every)
    assert float(by_label(table).mean()) == pytest.approx(float(mean_average_precision([table])(every)))


def test_labels_that_no_drawn_image_has_are_left_out(table):
    """Their average precision is not defined, as in the score of a run."""
    counts = (~table.flags(table.true)[0]).double()[None]
    found = mean_average_precision([table])(counts)
    others = average_precision_score(
        table.flags(table.true)[1:].T.numpy(), table.probabilities[1:].T.numpy(), sample_weight=counts[0].numpy()
    )
    assert float(found) == pytest.approx(others)
