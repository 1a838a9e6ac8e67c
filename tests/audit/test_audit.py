"""What an audit finds in data sets whose faults are known."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
import torch
from pages import lines_of
from photos import photo
from torch import Tensor

from cvkit.audit.audit import Audit, audit
from cvkit.audit.findings import findings
from cvkit.audit.page import audit_page
from cvkit.audit.tables import csv_files, split_table
from cvkit.data.account import DataAccount, LeftOut
from cvkit.data.framing import Framing
from cvkit.data.splits import DataInfo, Split, Splits, TensorSplit
from cvkit.errors import DataError
from cvkit.figures.page import render


def small(seed: int) -> Tensor:
    return photo(seed)[:, 4:36, 4:36]


def in_memory(seeds: list[int], labels: list[int]) -> TensorSplit:
    return TensorSplit(torch.stack([small(seed) for seed in seeds]), torch.tensor(labels))


def of(train: Split, test: Split | None = None, validation: Split | None = None, channels: int = 3) -> Splits:
    mean = (0.5,) * channels
    return Splits(train, test, DataInfo(channels, 32, 32, ("cat", "dog"), mean, mean), validation=validation)


class Files:
    """A streamed split of any sizes; None is a damaged file."""

    def __init__(self, images: list[Tensor | None], labels: list[int], names: tuple[str, ...] | None = None) -> None:
        self.images, self.labels = images, labels
        self.reads = [0] * len(images)
        if names is not None:
            self.names = names

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int, /) -> tuple[Tensor, int]:
        self.reads[index] += 1
        if (image := self.images[index]) is None:
            raise DataError(f"image {index} is cut short")
        return image, self.labels[index]


def rows(made: Audit, name: str) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(csv_files(made)[name].decode()))]


def told(made: Audit) -> str:
    return "\n".join(map(str, findings(made)))


def test_clean_data_has_no_findings():
    """Thirty different images a class, and half as many to test."""
    made = audit(of(in_memory([*range(60)], [0, 1] * 30), in_memory([*range(100, 120)], [0, 1] * 10)))
    assert findings(made) == []
    assert made.pairs == ()
    assert {name: counts.tolist() for name, counts in made.counts.items()} == {"training": [30, 30], "test": [10, 10]}


def test_test_images_with_equal_pixels_in_training_are_all_found(wording):
    """However often an image is there: each of its copies counts."""
    made = audit(of(in_memory([1, 2, 3, 1], [0, 1, 0, 0]), in_memory([1, 4, 1, 3], [0, 1, 0, 0])))
    assert made.leaked("test") == (0, 2, 3)
    assert all(pair.exact for pair in made.pairs)
    assert told(made) == wording


def test_near_duplicates_of_copies_are_found_for_every_copy():
    """Two equal test images look like a training image that is brighter; both count."""
    brighter = (small(1).float() * 0.8 + 40).to(torch.uint8)
    train = TensorSplit(torch.stack([small(9), small(1)]), torch.tensor([0, 1]))
    test = TensorSplit(torch.stack([brighter, small(5), brighter]), torch.tensor([1, 0, 1]))
    made = audit(of(train, test))
    assert made.leaked("test") == (0, 2)
    assert [pair.exact for pair in made.across] == [False, False]


def test_duplicates_across_all_three_splits_are_told_apart(wording):
    """Validation and test images are compared with each other, too; without a test split nothing is missed."""
    train, validation = in_memory([1, 2], [0, 1]), in_memory([2, 3], [1, 0])
    made = audit(of(train, in_memory([3, 4], [0, 1]), validation))
    assert (made.leaked("test"), made.leaked("validation")) == ((), (0,))
    assert told(made) == wording
    assert audit(of(train, validation=validation)).leaked("validation") == (0,)


def test_duplicates_with_different_labels_are_conflicts(wording):
    """One pair agrees, one does not."""
    made = audit(of(in_memory([1, 2, 1, 2], [0, 1, 1, 1]), in_memory([8, 9], [0, 1])))
    (pair,) = made.conflicts
    assert ((pair.first.index, pair.second.index), pair.conflict) == ((0, 2), True)
    assert [row["different_labels"] for row in rows(made, "duplicates.csv")] == ["1", "0"]
    assert told(made) == wording


def test_damaged_images_are_listed_and_the_others_are_checked(wording):
    """With their file names if the split has them; each image is read once."""
    files = Files([small(1), None, small(2)], [0, 1, 1], ("cat/a.png", "dog/b.png", "dog/c.png"))
    made = audit(of(files, in_memory([2, 3], [1, 0])))
    assert files.reads == [1, 1, 1]
    assert made.leaked("test") == (0,)
    assert made.splits[0].labels == ((0,), (), (1,))
    assert rows(made, "damaged.csv") == [
        {"split": "training", "index": "1", "name": "dog/b.png", "reason": "image 1 is cut short"}
    ]
    assert told(made) == wording


def test_damaged_files_that_the_data_set_left_out_are_told_by_what_a_run_does(wording):
    """With skip they are the least urgent finding; else the most urgent one. The table of images counts them."""
    splits = of(in_memory([1, 2], [0, 1]), in_memory([2, 3], [1, 0]))
    left_out = (LeftOut("dog/b.png", "damaged (image file is truncated)"), LeftOut(".x", "hidden"))
    splits = replace(splits, account=DataAccount({}, left_out))
    skipped, stopped = audit(splits), audit(splits, stops=True)
    assert [
        *(str(findings(skipped, " (from cvkit audit RECIPE)")[index]) for index in (0, -1)),
        str(findings(stopped)[0]),
    ] == wording
    assert split_table(skipped).rows[-1][:3] == ("left out", "", "1")


def test_a_defect_of_the_data_set_is_no_damaged_image():
    """Only cvkit's own errors count as damage; another one is a bug that must be seen."""
    files = Files([small(1), small(2)], [0, 1])
    del files.labels[1]
    with pytest.raises(IndexError):
        audit(of(files, in_memory([3], [0])))


def test_images_of_any_size_and_shape_are_compared(wording):
    """A photo is its reduced copy's duplicate; long images are reported."""
    wide = torch.cat([photo(1, 96), photo(2, 96), photo(3, 96)], dim=2)
    half = torch.nn.functional.interpolate(photo(5, 96)[None].float(), (48, 48), mode="area")[0].to(torch.uint8)
    splits = of(Files([photo(5, 96), wide], [0, 1]), Files([half, photo(7, 64)], [0, 1]))
    made, squashed = (
        audit(replace(splits, info=replace(splits.info, framing=Framing(mode)))) for mode in ("crop", "squash")
    )
    assert "square crop" in told(made)
    assert "square crop" not in told(squashed)
    assert made.leaked("test") == (0,)
    assert made.splits[0].sizes.tolist() == [[96, 96], [96, 288]]
    assert told(made) == wording


def test_grey_images_stored_as_colours_are_counted_by_class(wording):
    """All of one class, so that a model could learn it."""
    images = [small(seed)[:1].expand(3, -1, -1) if seed % 2 else small(seed) for seed in range(8)]
    made = audit(of(TensorSplit(torch.stack(images), torch.tensor([0, 1] * 4)), in_memory([20, 21], [0, 1])))
    assert [row["grey"] for row in rows(made, "classes.csv")] == ["0", "4"]
    assert told(made) == wording


def test_images_of_one_channel_are_not_stored_as_colours():
    """Neither are those of two or five."""
    for channels in (1, 2, 5):
        images = torch.stack([small(seed)[:1].expand(channels, -1, -1) for seed in range(4)])
        made = audit(
            of(
                TensorSplit(images, torch.tensor([0, 1] * 2)),
                TensorSplit(images[:1], torch.tensor([0])),
                channels=channels,
            )
        )
        assert not any(facts.grey.any() for facts in made.splits)
        assert made.leaked("test") == (0,)


def test_unbalanced_and_missing_classes_are_told(wording):
    """The ratio and the smallest class; a class without test images."""
    made = audit(of(in_memory([*range(44)], [0] * 40 + [1] * 4), in_memory([50, 51], [0, 0])))
    assert told(made) == wording


def test_advice_on_rare_labels_is_something_that_the_task_supports():
    """Balanced accuracy and a balanced sampler are refused for sets of labels."""
    rare = in_memory([*range(44)], [0] * 40 + [1] * 4)
    sets = TensorSplit(rare.images, torch.eye(2)[rare.labels])
    splits = of(sets, sets)
    made = audit(replace(splits, info=replace(splits.info, task="multi_label")))
    (said,) = [line for line in map(str, findings(made)) if "times as many" in line]
    assert "loss bce, pos_weight balanced" in said


def test_page_and_tables_contain_the_pairs():
    """Class names of strangers are escaped; damaged images are not read again."""
    files = Files([small(1), None, small(2)], [0, 1, 1], ("cat/<b>.png", "dog/b.png", "dog/c.png"))
    splits = of(files, in_memory([2, 1], [0, 0]))
    made = audit(splits)
    html = render(audit_page(made, splits, "pets", ["A note."]))
    lines = lines_of(html)
    assert "Audit of pets" in lines
    assert "A note." in lines
    assert "<b>" not in html
    assert html.count("data-values") == 1 + 2  # one conflict; two pairs across splits
    assert files.reads[1] == 1
    assert [row["second_name"] for row in rows(made, "duplicates.csv")] == ["test image 1", "test image 0"]
