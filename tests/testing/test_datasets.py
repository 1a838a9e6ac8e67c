"""The checks of data sets: right ones pass each, and each catches a data set made to break it."""

from __future__ import annotations

import time
import urllib.request
from dataclasses import replace

import pytest
import torch
from masked import without_numbers, without_quotes

from cvkit import DataInfo, Framing, Splits, TensorSplit
from cvkit.testing import DatasetSuite, Suite

INFO = DataInfo(1, 8, 10, classes=("dark", "light"), mean=(0.5,), std=(0.3,))


def half(seed, size=12):
    labels = torch.arange(size) % 2
    noise = torch.randint(0, 128, (size, 1, 8, 10), generator=torch.Generator().manual_seed(seed))
    return TensorSplit((noise + 128 * labels[:, None, None, None]).to(torch.uint8), labels)


def shades(root):
    """Draw dark and light noise."""
    return Splits(half(0), half(1, size=4), INFO, digest="shades-1")


class Stream:
    """The same, one image at a time; `change` is applied to every image and label."""

    def __init__(self, split, change=None):
        self.split, self.change = split, change

    def __len__(self):
        return len(self.split)

    def __getitem__(self, index):
        image, label = self.split[index]
        return self.change(image, label) if self.change else (image, label)


def streamed(root):
    """Draw dark and light noise, read one by one."""
    return Splits(Stream(half(0)), Stream(half(1)), INFO)


class TestRight(DatasetSuite):
    factory = staticmethod(shades)


class TestRightStreamed(DatasetSuite):
    factory = staticmethod(streamed)


class TestRightInAFolderOfTheTests(DatasetSuite):
    factory = staticmethod(shades)

    @pytest.fixture
    def root(self, tmp_path):
        (tmp_path / "shades").mkdir()
        return tmp_path

    def test_the_fixture_gives_the_root(self):
        """What the factory gets is the folder that the fixture made."""
        assert (self.supplied()[0] / "shades").is_dir()


def cut_short(image, label):
    """Return the image with a height that depends on its label."""
    return image[:, : 4 + label], label


def frames_images_of_any_size(root):
    """Draw noise of several sizes, with a validation half and no test half."""
    info = replace(INFO, framing=Framing("pad"))
    return Splits(Stream(half(0), cut_short), None, info, validation=Stream(half(1)))


class TestRightOfAnySize(DatasetSuite):
    factory = staticmethod(frames_images_of_any_size)


def changed(change):
    """Make a factory whose training images and labels are changed by a function."""

    def make(root):
        return replace(shades(root), train=Stream(half(0), change))

    return make


def has_no_test_images(root):
    return replace(shades(root), test=half(1, size=0))


def has_no_validation_and_no_test_images(root):
    return replace(shades(root), test=None)


def has_an_empty_validation_half(root):
    return replace(shades(root), validation=half(1, size=0))


def frames_images_of_three_channels(root):
    train = Stream(half(0), lambda image, label: (image.expand(3, -1, -1), label))
    return replace(shades(root), info=replace(INFO, framing=Framing()), train=train)


def is_a_pair(root):
    return half(0), half(1)


def downloads(root):
    with urllib.request.urlopen("http://cvkit.invalid/shades.zip", timeout=1) as answer:
        return answer.read()


def asks_and_goes_on(root):
    try:
        return downloads(root)
    except OSError:
        return shades(root)


def names_a_class_twice(root):
    return replace(shades(root), info=replace(INFO, classes=("dark", "dark")))


def counts_classes_from_one(root):
    train = half(0)
    return replace(shades(root), train=TensorSplit(train.images, train.labels + 1))


def has_short_labels(root):
    train = half(0)
    return replace(shades(root), train=TensorSplit(train.images, train.labels.to(torch.int32)))


gives_tensors_as_labels = changed(lambda image, label: (image, torch.tensor(label)))
gives_floats = changed(lambda image, label: (image / 255, label))
gives_rows_for_columns = changed(lambda image, label: (image.mT, label))
gives_arrays = changed(lambda image, label: (image.numpy(), label))
flips_at_random = changed(lambda image, label: (image.flip(-1) if torch.rand(()) < 0.5 else image, label))


def has_float_masks(root):
    train = half(0)
    return replace(shades(root), train=replace(train, masks=torch.ones(12, 8, 10)))


def has_weights(*weights):
    """Make a factory whose training images have these weights."""

    def make(root):
        train = Stream(half(0))
        train.weights = weights
        return replace(shades(root), train=train)

    return make


class TestRightWithWeights(DatasetSuite):
    factory = staticmethod(has_weights(*range(12)))
    skips = {"docstring": "it is made by a function"}


def has_soft_labels(*rows):
    """Make a factory whose training images have these soft labels."""

    def make(root):
        train = Stream(half(0))
        train.soft_labels = rows
        return replace(shades(root), train=train)

    return make


class TestRightWithSoftLabels(DatasetSuite):
    factory = staticmethod(has_soft_labels(*[(0.25, 0.75)] * 12))
    soft_labels = True
    skips = {"docstring": "it is made by a function"}


def draws_from_the_global_generator(root):
    return replace(shades(root), train=half(int(torch.randint(1000, ()))))


def tells_the_time(root):
    return replace(shades(root), digest=f"shades {time.perf_counter_ns()}")


def has_statistics_of_bytes(root):
    return replace(shades(root), info=replace(INFO, mean=(127.5,), std=(76.5,)))


def has_statistics_of_colours(root):
    return replace(shades(root), info=replace(INFO, mean=(0.5,) * 3, std=(0.3,) * 3))


def says_nothing_of_its_task(root):
    return replace(shades(root), info=replace(INFO, task="multi_label"))


TWINS = [
    ("splits", has_no_test_images, "test"),
    ("splits", is_a_pair, "tuple"),
    ("splits", has_no_validation_and_no_test_images, "neither"),
    ("splits", has_an_empty_validation_half, "validation"),
    ("offline", downloads, "cvkit.invalid:80"),
    ("offline", asks_and_goes_on, "cvkit.invalid:80"),
    ("classes", names_a_class_twice, "('dark', 'dark')"),
    ("labels", counts_classes_from_one, "label 2"),
    ("labels", has_short_labels, "torch.int32"),
    ("labels", gives_tensors_as_labels, "tensor(0)"),
    ("images", frames_images_of_three_channels, "(1, H, W)"),
    ("images", gives_floats, "torch.float32 (1, 8, 10)"),
    ("images", gives_rows_for_columns, "torch.uint8 (1, 10, 8)"),
    ("images", gives_arrays, "ndarray"),
    ("masks", has_float_masks, "torch.float32 (12, 8, 10)"),
    ("stable", flips_at_random, "train"),
    ("stable", draws_from_the_global_generator, "train"),
    ("digest", tells_the_time, "'shades"),
    ("statistics", has_statistics_of_bytes, "127.500 and 76.500"),
    ("statistics", has_statistics_of_colours, "3 means"),
    ("workers", gives_floats, "Error"),
    ("weights", has_weights(1.0), "weights of the shape (1,); expected 12"),
    ("weights", has_weights(*[-1.0] * 12), "the weight -1 for image 0"),
    ("weights", has_weights(*[0.0] * 12), "the weight 0 for each image"),
    ("weights", has_weights(*["light"] * 12), "not numbers"),
    ("soft_labels", has_soft_labels(*[(0.25, 0.75)] * 12), "not declared"),
    ("soft_labels", has_soft_labels(*[(0.25, 0.25)] * 12), "the sum 0.5 for image 0"),
    ("soft_labels", has_soft_labels(*[(-1.0, 2.0)] * 12), "negative"),
    ("soft_labels", has_soft_labels((0.5, 0.5)), "shape (1, 2)"),
    ("soft_labels", has_soft_labels(*["dark"] * 12), "not numbers"),
    ("labels", says_nothing_of_its_task, "DataInfo.task is multi_label"),
]


def with_sets(split, masks=None):
    """The split with a set of labels for each image: its class."""
    return TensorSplit(split.images, torch.eye(2)[split.labels], masks)


def sets(root):
    """Draw dark and light noise with sets of labels."""
    return Splits(with_sets(half(0)), with_sets(half(1)), replace(INFO, task="multi_label"))


class TestRightSets(DatasetSuite):
    factory = staticmethod(sets)
    tasks = ("multi_label",)


def one_label(root):
    """Draw noise with a label that each image has or not."""
    splits = sets(root)
    halves = (TensorSplit(half.images, half.labels[:, :1]) for half in (splits.train, splits.test))
    return Splits(*halves, replace(splits.info, classes=("light",)))


class TestRightOneLabel(DatasetSuite):
    factory = staticmethod(one_label)
    tasks = ("multi_label",)


def same(root, *, of: Splits):
    """Return another data set."""
    return of


class TestRightWrapperOfSets(DatasetSuite):
    factory = staticmethod(same)
    options = {"of": {"name": "several_shapes", "train_size": 12, "test_size": 4, "validation_size": 0}}
    tasks = ("single_label", "multi_label")


def has_classes_for_sets(root):
    return replace(sets(root), train=half(0))


def has_halves_of_labels(root):
    train = with_sets(half(0))
    return replace(sets(root), train=TensorSplit(train.images, train.labels / 2))


def has_a_mask_for_each_image(root):
    train = with_sets(half(0), torch.ones(12, 8, 10, dtype=torch.bool))
    return replace(sets(root), train=train)


@pytest.mark.parametrize(
    ("check", "twin", "value"),
    [
        ("labels", has_classes_for_sets, "expected 2 numbers"),
        ("labels", has_halves_of_labels, "expected 2 numbers"),
        ("masks", has_a_mask_for_each_image, "(12, 8, 10)"),
    ],
)
def test_check_of_label_sets_catches_its_broken_twin(check, twin, value, seen):
    """As those of classes do."""
    assert value in seen(DatasetSuite, check, twin, tasks=("multi_label",))


@pytest.mark.parametrize(("check", "twin", "value"), TWINS, ids=[f"{c}-{n}" for n, (c, *_) in enumerate(TWINS)])
def test_check_catches_its_broken_twin(check, twin, value, seen, wording):
    """What the twin does wrong is what the failure says was seen, with its own names and numbers."""
    torch.manual_seed(0)
    said = seen(DatasetSuite, check, twin)
    assert value in said
    assert without_quotes(without_numbers(said)) == wording


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    assert {check for check, *_ in TWINS} == DatasetSuite.checks() - Suite.checks()


def test_network_is_there_again_after_the_check():
    """What the check blocks it gives back."""
    import socket

    before = socket.getaddrinfo, socket.socket.connect
    with pytest.raises(AssertionError):
        type("Broken", (DatasetSuite,), {"factory": staticmethod(downloads)})().test_offline()
    assert (socket.getaddrinfo, socket.socket.connect) == before
