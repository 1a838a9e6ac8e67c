"""The predictions.csv of a run is read, and a damaged one is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from compared_runs import digest, write_label_run, write_run

from cvkit import FolderError, MultiLabelPredictions, Predictions, RunError
from cvkit.comparison.run_results import read_run
from cvkit.runs.multi_label_csv import multi_label_csv
from cvkit.runs.predictions_csv import predictions_csv
from cvkit.runs.predictions_table import read_predictions

HEAD = "index,true,predicted,correct,probability_true,loss\n"


def test_what_a_run_writes_is_read():
    """Also a class name that a spreadsheet would run as a formula."""
    logits = torch.tensor([[2.0, 0.0], [1.0, 3.0], [1.0, 0.5]])
    written = "".join(predictions_csv(Predictions(logits, torch.tensor([0, 0, 1]), 0.5), ("=cat", "dog")))
    table = read_predictions(written.encode())
    assert table.true == ("=cat", "=cat", "dog")
    assert table.correct.tolist() == [True, False, False]
    assert table.true_probability.tolist() == pytest.approx([0.8808, 0.1192, 0.3775], abs=1e-4)
    assert (table.files, table.several) == (None, False)


def test_pieces_of_a_large_table_are_the_table(monkeypatch):
    """Rows are computed and written some at a time, and no row differs at the border of two pieces."""
    found = Predictions(
        torch.randn(7, 2, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1] * 3 + [0]), 0.5
    )
    given = (replace(found, names=tuple("abcdefg")), ("cat", "dog"), tuple("0123456"))
    complete = "".join(predictions_csv(*given))
    monkeypatch.setattr("cvkit.runs.predictions_csv._CHUNK", 3)
    monkeypatch.setattr("cvkit.figures.csv_export._LINES", 2)
    pieces = [*predictions_csv(*given)]
    assert len(pieces) == 4
    assert "".join(pieces) == complete
    assert [line.split(",")[:3] for line in complete.splitlines()[5:7]] == [["4", "e", "4"], ["5", "f", "5"]]


def test_sets_of_labels_are_read():
    """Flags and probabilities are those of the predictions, by label."""
    logits, labels = torch.tensor([[2.0, -1.0], [-1.0, -3.0]]), torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    found = MultiLabelPredictions(logits, labels, 0.5)
    table = read_predictions("".join(multi_label_csv(found, ("sky", "tree"))).encode())
    assert table.labels == ("sky", "tree")
    assert torch.equal(table.flags(table.true), labels.bool().T)
    assert torch.equal(table.flags(table.predicted), found.predicted.T)
    assert torch.allclose(table.probabilities, found.probabilities.double().T, atol=1e-6)
    assert table.correct.tolist() == found.correct.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        "index,true,predicted,correct\n0,cat,cat,1\n",
        f"{HEAD}1,cat,cat,1,0.9,0.1\n",
        f"{HEAD}0,cat,cat,yes,0.9,0.1\n",
        f"{HEAD}0,cat,cat,1,nan,0.1\n",
        f"{HEAD}0,cat,cat,1,0.9,\n",
        f"digest,{HEAD}abc,0,cat,cat,1,0.9,0.1\n",
        "index,true,predicted,correct,probability sky\n0,sea,,0,0.5\n",
        f'{HEAD}0,"{"x" * 200_000}",cat,1,0.9,0.1\n',
    ],
    ids=["empty", "no line", "no loss", "index", "correct", "nan", "no number", "digest", "label", "huge"],
)
def test_damaged_file_is_refused(text, wording):
    """The message names the line and the column."""
    with pytest.raises(ValueError, match=r"line|column|no predictions") as refused:
        read_predictions(text.encode())
    assert str(refused.value) == wording


def test_empty_digests_are_none():
    """A run may know the digests of no image."""
    assert read_predictions(f"digest,{HEAD},0,cat,cat,1,0.9,0.1\n".encode()).digests is None
    known = read_predictions(f"digest,{HEAD}{digest(1)},0,cat,cat,1,0.9,0.1\n".encode())
    assert known.digests == (digest(1),)


def test_unfinished_and_damaged_runs_are_refused(tmp_path):
    """The folder and what to do are in the message; a run at work may still change."""
    with pytest.raises(RunError, match="has not finished"):
        read_run(write_run(tmp_path / "a", [1, 0], status="running"))
    damaged = write_run(tmp_path / "b", [1, 0])
    (damaged / "predictions.csv").write_text(HEAD)
    with pytest.raises(FolderError, match=r"predictions\.csv' is damaged"):
        read_run(damaged)
    (damaged / "predictions.csv").unlink()
    with pytest.raises(FolderError, match="cvkit resume"):
        read_run(damaged)


def test_rows_are_taken_in_order(tmp_path):
    """Every column follows."""
    table = read_run(
        write_label_run(tmp_path / "a", [[0.9, 0.1, 0.2], [0.3, 0.6, 0.1]], [[1, 0, 0], [0, 1, 1]])
    ).table
    turned = table.rows([1, 0])
    assert turned.true == ("tree|water", "sky")
    assert turned.digests == (digest(1), digest(0))
    assert torch.equal(turned.probabilities, table.probabilities.flip(1))
    assert turned.true_probability.tolist() == pytest.approx([(0.7 + 0.6 + 0.1) / 3, (0.9 + 0.9 + 0.8) / 3])
