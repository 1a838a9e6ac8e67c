"""The sections about data, model and repetition in the report of a small run."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
import torch
from judged import course, predicted
from small import run_of
from torch import nn

import cvkit
from cvkit import discover
from cvkit.diagnostics.data_summary import class_balance, class_counts, class_samples, data_summary, first_images
from cvkit.diagnostics.diagnose import Diagnosis
from cvkit.engine.paired import Disagreement
from cvkit.recipe.changes import Change, set_values
from cvkit.report.finished_run import FinishedRun
from cvkit.report.headline import Earlier
from cvkit.report.model_section import model_section
from cvkit.report.report_page import report_page
from cvkit.report.reproduce_section import reproduce_section
from cvkit.runs.phases import Phases

INFO = {"environment": {"device": "cpu (CPU)", "processes": 1}, "started": "now"}


@pytest.fixture(scope="module")
def trained():
    """Return the trainer of a small run that has not begun."""
    return cvkit.Trainer(run_of(discover()))


def test_frozen_weights_are_not_called_trained():
    """Of a run that trains its last layer alone, only that layer was trained in the last epoch."""
    trainer = cvkit.Trainer(run_of(discover(), "finetune.freeze={epochs: 9}"))
    facts = dict(model_section(trainer, INFO).artifacts[0].rows)
    head = trainer.parts.model.get_submodule(trainer.parts.finetuning.head)
    assert facts["trained in the last epoch"] == f"{sum(weight.numel() for weight in head.parameters()):,}"


def test_model_section_counts_parameters_and_flops(trained):
    """The FLOPs are those of one image: of the first convolution alone, 2 x 9 x 3 x 2 x 32 x 32."""
    section = model_section(trained, INFO)
    facts = dict(section.artifacts[0].rows)
    weights = sum(weight.numel() for weight in trained.parts.model.parameters())
    assert facts["parameters"] == f"{weights:,}"
    assert facts["trained in the last epoch"] == f"{weights:,}"
    assert facts["first weights"] == "random"
    number, unit = facts["FLOPs"].split()
    assert float(number) * {"k": 1e3, "M": 1e6}[unit] > 2 * 9 * 3 * 2 * 32 * 32
    (layers,) = section.folded
    assert sum(int(row[3].replace(",", "")) for row in layers.rows) == weights
    assert layers.rows[0][2] == "2 x 32 x 32"


def test_flops_of_a_plain_convolution_are_exact(trained):
    """Two for each multiplication with its addition."""

    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 4, 1, bias=False)

        def forward(self, images):
            return self.first(images).mean((2, 3))

    model = Plain()
    own = cvkit.Trainer(replace(trained.parts, model=model))
    facts = dict(model_section(own, INFO).artifacts[0].rows)
    assert facts["FLOPs"] == "24.6 k"  # 2 x 3 x 4 x 32 x 32 = 24,576


def test_model_that_cannot_be_traced_is_said_to(trained):
    """The rest of the section is there."""

    class Refusing(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(3))

        def forward(self, images):
            raise ValueError("two images at least")

    section = model_section(cvkit.Trainer(replace(trained.parts, model=Refusing())), INFO)
    facts = dict(section.artifacts[0].rows)
    assert "two images at least" in facts["FLOPs"]
    assert facts["parameters"] == "3"


def test_data_is_counted_by_class_and_split(trained):
    """With a bar chart and a sample of each class."""
    splits = trained.parts.splits
    counts = class_counts(splits)
    assert {name: int(of.sum()) for name, of in counts.items()} == {"training": 70, "test": 30}
    table, figure, gallery = data_summary(splits)
    assert [row[1:] for row in table.rows] == [
        (f"{train}", f"{test}") for train, test in zip(counts["training"], counts["test"], strict=True)
    ]
    assert figure.name == "class_balance"
    assert [card.lines for card in gallery.cards] == [(name,) for name in splits.info.classes]


def test_data_without_labels_at_hand_is_not_read_for_a_picture(trained):
    """A million images would have to be decoded."""

    class Unlabelled:
        def __len__(self):
            return 2

        def __getitem__(self, index):
            raise AssertionError("an image was read")

    assert [*data_summary(replace(trained.parts.splits, train=Unlabelled(), test=Unlabelled()))] == []


def test_balance_names_the_ratio_and_leaves_out_the_middle():
    """Of more than 40 classes; a class without images has no ratio."""
    many = class_balance(torch.arange(1, 61), tuple(f"class {label}" for label in range(60)))
    assert "a ratio of 60.0" in many.caption
    assert "20 largest and the 20 smallest of 60 classes" in many.caption
    assert "at least one class has none" in class_balance(torch.tensor([0, 3]), ("a", "b")).caption


def test_samples_of_many_classes_are_limited(trained):
    """And the caption says so."""
    info = replace(trained.parts.info, classes=tuple(f"class {label}" for label in range(50)))
    images = torch.zeros(50, 3, 32, 32, dtype=torch.uint8)
    split = cvkit.TensorSplit(images, torch.arange(50))
    gallery = class_samples(replace(trained.parts.splits, train=split, info=info))
    assert len(gallery.cards) == 40
    assert "40 of 50 classes" in gallery.caption


def test_samples_of_many_images_and_classes_take_no_matrix(trained):
    """Of 1,000,000 images and 1,000,000 classes, a one-hot matrix would have 10^12 numbers."""

    class Wide:
        labels = torch.arange(1_000_000).flip(0)

        def __len__(self):
            return 1_000_000

        def __getitem__(self, index):
            return torch.full((3, 32, 32), index % 251, dtype=torch.uint8), int(self.labels[index])

    info = replace(trained.parts.info, classes=tuple(map(str, range(1_000_000))))
    gallery = class_samples(replace(trained.parts.splits, train=Wide(), info=info))
    assert [card.lines for card in gallery.cards] == [(str(label),) for label in range(40)]


def test_the_sample_of_a_class_is_its_first_image():
    """Of classes and of label sets; a class without an image has no sample."""
    assert first_images(torch.tensor([3, 0, 3, 0, 1])) == {0: 1, 1: 4, 3: 0}
    assert first_images(torch.tensor([[0.0, 0, 1], [1, 0, 0], [1, 0, 1]])) == {0: 1, 2: 0}


def test_values_that_a_recipe_sets_are_those_that_differ_from_defaults(trained):
    """Components without a default are among them."""
    found = {change.path: (change.before, change.now) for change in set_values(trained.parts.recipe)}
    assert found["train.epochs"] == ("10", "3")
    assert found["model.width"] == ("64", "2")
    assert "train.precision" not in found
    assert "seed" not in found


def finished(trainer, info, irreproducible=()) -> FinishedRun:
    """A run with this content of run.json, of whose results the section says nothing."""
    return FinishedRun(trainer, [], None, Diagnosis(), info, irreproducible=irreproducible)


def test_section_says_how_to_repeat_the_run(trained):
    """Command, commits, times, what the recipe sets and has changed, and what may keep others from it."""
    repository = {"folder": "/home/me/acme", "commit": "0123456789abcdef", "changed": ["a.py"]}
    slow = {"folder": "/slow", "commit": "unknown", "changed": [], "problem": "may not be committed (git is slow)"}
    info = INFO | {
        "repositories": [repository, slow],
        "sessions": [{}],
        "environment": INFO["environment"] | {"processes": 4},
    }
    earlier = Earlier("small-1", 0.5, Disagreement(1, 0, 30), (Change("train.epochs", "2", "3"),))
    phases = {"training": 61.0, "tuning": 0.0, "report": 3.0}
    section = reproduce_section(finished(trained, info, ["code was not committed"]), phases, earlier)
    tables = {table.name: table for table in section.artifacts}
    facts = dict(tables["repeat"].rows)
    assert facts["command, in the folder of this page"] == "torchrun --nproc-per-node 4 -m cvkit run recipe.yaml"
    assert facts["git commit of acme"] == "0123456789ab, 1 file not committed"
    assert facts["git commit of slow"] == "unknown, the code may not be committed (git is slow)"
    assert facts["sessions"] == "2 sessions"
    assert tables["phases"].rows == (("training", "1 min 01 s"), ("report", "3.0 s"), ("together", "1 min 04 s"))
    assert tables["recipe_changed"].rows == (("train.epochs", "2", "3"),)
    assert "code was not committed" in section.text
    unknown = reproduce_section(finished(trained, INFO), {}, replace(earlier, changes=None))
    assert "not known" in unknown.artifacts[-1].caption
    assert unknown.text == ""


def test_phases_follow_one_another():
    """Their times add up, and a phase that is begun again is continued."""
    phases = Phases()
    for name in ("training", "report", "training"):
        phases.begin(name)
    found = phases.seconds()
    assert [*found] == ["preparation", "training", "report"]
    assert all(seconds >= 0 for seconds in found.values())


def test_second_run_of_the_name_shows_the_change(tmp_path):
    """Both are measured on the same images; the contents name the sections, and the files are there."""
    recipe = {
        "name": "twice",
        "dataset": {"name": "shapes", "train_size": 20, "test_size": 20},
        "model": {"name": "custom_resnet", "width": 2},
        "optimizer": {"name": "sgd", "lr": 0.01},
        "train": {"epochs": 1, "batch_size": 10, "device": "cpu"},
        "report": {"misclassified": 0, "augmented": 0},
        "explainers": [],
    }
    first = cvkit.train(recipe, output=tmp_path, progress=False)
    second = cvkit.train(recipe, set={"seed": 1}, output=tmp_path, progress=False)
    assert "<dt>Change</dt>" not in first.report.path.read_text(encoding="utf-8")
    page = second.report.path.read_text(encoding="utf-8")
    assert "<dt>Change</dt>" in page
    assert "on the same 20 images" in page
    bar = page.split('<nav class="page-contents"')[1].split("</nav>")[0]
    named = re.findall(r'<a href="#[^"]+">([^<]+)</a>', bar)
    assert named[0] == "Findings"
    assert [title for title in named if title in ("Data", "Model", "Reproduce", "Configuration")] == [
        "Data",
        "Model",
        "Reproduce",
        "Configuration",
    ]
    for name in re.findall(r'<a href="([^#"][^"]*)">', page):
        assert (second.folder / name).exists()
    assert json.loads((second.folder / "run.json").read_text())["findings"]


def test_metric_that_the_headline_shows_is_not_repeated():
    """The balanced accuracy of uneven classes has its interval there; other metrics follow."""
    trainer = cvkit.Trainer(run_of(discover(), "metrics=[metrics/balanced_accuracy, metrics/macro_f1]"))
    uneven = torch.diag(torch.full((10,), 30)).tolist()
    uneven[0][0], uneven[0][1] = 50, 10
    records = course([0.5, 0.9])
    page = report_page(FinishedRun(trainer, records, predicted(uneven), Diagnosis(), INFO | {"components": []}))
    labels = [fact.label for fact in page.facts]
    assert labels.count("Balanced accuracy") == 1
    assert "balanced_accuracy" not in labels
    assert "macro_f1" in labels
