"""The checks of sections: a right one passes each, and each catches a section made to break it."""

from __future__ import annotations

import random

import pytest

from cvkit import Figure, Section, Table
from cvkit.testing import SectionSuite, Suite


def accuracies(records, predictions, info, folder, *, digits: int = 3):
    """Return the accuracy of each epoch.

    Args:
        records: The records.
        predictions: The predictions.
        info: The classes.
        folder: The run folder.
        digits: Decimal places.
    """
    rows = tuple((str(one.epoch), f"{one.accuracy:.{abs(digits) % 9}f}") for one in records)
    return Section("Accuracies", (Table("accuracies", "Accuracies", "", ("epoch", "accuracy"), rows),))


class TestRight(SectionSuite):
    factory = staticmethod(accuracies)


class TestRightWithPredictionsAlone(SectionSuite):
    factory = staticmethod(lambda predictions: Section("Count", (), f"{len(predictions.labels)} images"))
    skips = {"docstring": "it is written in one line"}


class TestRightWithSetsToo(SectionSuite):
    factory = staticmethod(lambda records, predictions: Section("Score", (), f"{records[-1].score} {predictions}"))
    tasks = ("single_label", "multi_label")
    skips = {"docstring": "it is written in one line"}


class TestRightWithSetsAlone(SectionSuite):
    factory = staticmethod(lambda predictions: Section("F1", (), f"{predictions.f1.tolist()}"))
    tasks = ("multi_label",)
    skips = {"docstring": "it is written in one line"}


def table_alone(records):
    return Table("t", "T", "", ("epoch",), ())


def two_of_a_name(records):
    table = Table("t", "T", "", ("epoch",), ())
    return Section("Two", (table, table))


def leaves_the_folder(records):
    return Section("Out", (Table("../../out", "T", "", ("epoch",), ()),))


def svg_as_bytes(records):
    return Section("Drawing", (Figure("drawing", "Drawing", "", 5, b""),))


def reads_the_test_loss(records):
    return Section("Loss", (), f"{records[-1].test_loss:.3f}")


def compares_two_epochs(records):
    return Section("Change", (), f"{records[1].loss - records[0].loss:.3f}")


def draws(records):
    return Section("Luck", (), str(random.random()))


def sorts_in_place(predictions):
    predictions.logits.copy_(predictions.logits.sort(dim=1).values)
    return Section("Sorted")


def shows_an_accuracy(records):
    return Section("Accuracy", (), f"{100 * records[-1].test_accuracy:.1f}")


def writes_a_file(folder):
    (folder / "mine.txt").write_text("x")
    return Section("File")


TWINS = [
    ("section", table_alone, "a Table"),
    ("section", two_of_a_name, "two artifacts with the name 't'"),
    ("section", leaves_the_folder, "the artifact name '../../out'"),
    ("shown", svg_as_bytes, "AttributeError"),
    ("any_outcome", reads_the_test_loss, "for validation images with names, it raised TypeError"),
    ("any_outcome", compares_two_epochs, "for one epoch, it raised IndexError"),
    ("repeatable", draws, "another section"),
    ("input", sorts_in_place, "others afterwards"),
    ("files", writes_a_file, "it wrote 'mine.txt'"),
]


@pytest.mark.parametrize(("check", "twin", "words"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, _ in TWINS])
def test_check_catches_its_broken_twin(check, twin, words, seen):
    """What the twin does wrong is what the failure says was seen."""
    assert words in seen(SectionSuite, check, twin)


SET_TWINS = [("label_sets", shows_an_accuracy, "for sets of labels and right predictions, it raised TypeError")]


@pytest.mark.parametrize(("check", "twin", "words"), SET_TWINS)
def test_check_catches_a_section_that_takes_sets_for_classes(check, twin, words, seen):
    """It works on classes, and declares that it works on sets; without the declaration, the check does not apply."""
    assert words in seen(SectionSuite, check, twin, tasks=("single_label", "multi_label"))
    getattr(type("One", (SectionSuite,), {"factory": staticmethod(twin)})(), f"test_{check}")()


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    assert {check for check, *_ in TWINS + SET_TWINS} == SectionSuite.checks() - Suite.checks()
