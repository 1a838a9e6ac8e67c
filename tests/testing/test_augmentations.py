"""The checks of augmentations: right ones pass each, and each catches one made to break it."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from masked import without_numbers, without_quotes

from cvkit.testing import AugmentationSuite, Suite


def shifts(images, amount=0.2):
    return torch.empty(len(images), 1, 1, 1).uniform_(-amount, amount)


class Brightness:
    """Add to each image, with probability p, a number of its own."""

    def __init__(self, info, *, p: float = 0.9) -> None:
        self.p = p

    def __call__(self, images):
        chosen = torch.rand(len(images), 1, 1, 1) < self.p
        return torch.where(chosen, (images + shifts(images)).clamp(0, 1), images)


class Mirror:
    """Mirror one image, with probability p."""

    def __init__(self, info, *, p: float = 0.5) -> None:
        self.p = p

    def __call__(self, image):
        return image.flip(-1) if torch.rand(()) < self.p else image.clone()


class TestRight(AugmentationSuite):
    factory = staticmethod(Brightness)


class TestRightOneByOne(AugmentationSuite):
    factory = staticmethod(Mirror)
    per_sample = True


def factory(function):
    """Make a factory of a function on images."""

    @functools.wraps(function)
    def make(info):
        return function

    del make.__wrapped__  # its signature is the function's, not the factory's
    return make


@factory
def crops_smaller(images):
    return images[..., 2:-2, 2:-2]


@factory
def turns_double(images):
    return (images.double() + shifts(images)).clamp(0, 1)


@factory
def turns_float(image):
    return image / 255


@factory
def leaves_the_range(images):
    return images + shifts(images)


@factory
def makes_nan(images):
    return (images - 0.5 + shifts(images)).sqrt()


@factory
def works_in_place(images):
    return images.mul_(1 - shifts(images).abs())


@factory
def draws_from_its_own_generator(images):
    amounts = np.random.default_rng().uniform(0.5, 1, (len(images), 1, 1, 1))
    return images * torch.from_numpy(amounts).float()


class FadesWithTime:
    """Darker with every batch it has seen."""

    def __init__(self, info):
        self.calls = 0

    def __call__(self, images):
        self.calls += 1
        return images * 0.9**self.calls


@factory
def draws_once_a_batch(images):
    return (images + shifts(images[:1])).clamp(0, 1)


@factory
def does_nothing(images):
    return images.clone()


class IgnoresP(Brightness):
    def __call__(self, images):
        return (images + shifts(images)).clamp(0, 1)


@factory
def views_memory(images):
    return (images.view(len(images), -1) * (1 - shifts(images).abs()).view(-1, 1)).view(images.shape)


@factory
def squeezes(images):
    return (images.squeeze() + shifts(images)).clamp(0, 1).squeeze()


@factory
def darkens_a_corner(image):
    image = image.clone()
    image[:, :16, :16] //= torch.randint(2, 9, (len(image), 16, 16), dtype=torch.uint8)
    return image


class DrawsForItsRows(Brightness):
    draws_globally = True


class Shift:
    """Move each image to the right, around its edge, by a number of columns of its own; twins move other pixels."""

    def __init__(self, info) -> None:
        pass

    def __call__(self, images):
        rows, columns = Shift.pixel_moves(self, tuple(images.shape), images.device)
        return torch.stack(
            [each[:, row][..., column] for each, row, column in zip(images, rows, columns, strict=True)]
        )

    def pixel_moves(self, shape, device):
        count, _, height, width = shape
        columns = torch.arange(width) - torch.randint(1, width, (count, 1))
        return torch.arange(height).expand(count, -1), columns % width


class TestRightByMoves(AugmentationSuite):
    factory = staticmethod(Shift)


class MovesRowsUp(Shift):
    def pixel_moves(self, shape, device):
        rows, columns = super().pixel_moves(shape, device)
        return rows.roll(1, dims=1), columns


class DrawsMore(Shift):
    def pixel_moves(self, shape, device):
        moves = super().pixel_moves(shape, device)
        torch.rand(())
        return moves


class HoldsAGenerator(Brightness):
    def __init__(self, info):
        super().__init__(info)
        self.amounts = (number / 10 for number in range(10))


class HoldsALambda(Mirror):
    def __init__(self, info):
        super().__init__(info)
        self.mirror = lambda image: image.flip(-1)


class Blend:
    """Blend each batch with its reverse; twins change what is returned."""

    def __init__(self, info, *, p: float = 0.9) -> None:
        self.p = p

    def __call__(self, images, targets):
        if torch.rand(()) >= self.p:
            return images, targets
        share = torch.rand(())
        return images * share + images.flip(0) * (1 - share), self.soft(targets, share)

    def soft(self, targets, share):
        return targets * share + targets.flip(0) * (1 - share)


class TestRightMixing(AugmentationSuite):
    factory = staticmethod(Blend)
    mixes = True


class AddsTargets(Blend):
    def soft(self, targets, share):
        return targets + targets.flip(0)


class KeepsTargets(Blend):
    def soft(self, targets, share):
        return targets.clone()


class WritesToTargets(Blend):
    def soft(self, targets, share):
        return targets.mul_(share).add_((1 - share) / targets.shape[1])


class DrawsTargetsApart(Blend):
    def soft(self, targets, share):
        return super().soft(targets, np.random.default_rng().uniform())


class MixesAtZero(Blend):
    def __call__(self, images, targets):
        return images, self.soft(targets, torch.rand(()))


TWINS = [
    ("shape", crops_smaller, False, "(8, 3, 28, 28)"),
    ("dtype", turns_double, False, "torch.float64"),
    ("dtype", turns_float, True, "torch.float32"),
    ("range", leaves_the_range, False, "-0."),
    ("range", makes_nan, False, "nan"),
    ("input_kept", works_in_place, False, ""),
    ("seeded", draws_from_its_own_generator, False, ""),
    ("seeded", FadesWithTime, False, ""),
    ("samples_differ", draws_once_a_batch, False, "8"),
    ("changes", does_nothing, False, "8"),
    ("identity_at_zero", IgnoresP, False, "0."),
    ("memory_format", views_memory, False, "RuntimeError"),
    ("batch_of_one", squeezes, False, "(3, 32, 32)"),
    ("rows", DrawsForItsRows, False, "process"),
    ("pixel_moves", MovesRowsUp, False, "not those of a call"),
    ("pixel_moves", DrawsMore, False, "another state"),
    ("any_size", darkens_a_corner, True, "RuntimeError"),
    ("copies", HoldsAGenerator, False, "TypeError"),
    ("copies", HoldsALambda, True, "Error"),
]
MIXING_TWINS = [
    ("targets", AddsTargets, "2"),
    ("targets_mixed", KeepsTargets, "8"),
    ("targets_kept", WritesToTargets, ""),
    ("targets_seeded", DrawsTargetsApart, ""),
    ("targets_at_zero", MixesAtZero, ""),
]


@pytest.mark.parametrize(("check", "twin", "value"), MIXING_TWINS)
def test_check_of_mixing_catches_its_broken_twin(check, twin, value, seen, wording):
    """As those of other augmentations do."""
    said = seen(AugmentationSuite, check, twin, mixes=True)
    assert value in said
    assert without_quotes(without_numbers(said)) == wording


@pytest.mark.parametrize(
    ("check", "twin", "per_sample", "value"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, *_ in TWINS]
)
def test_check_catches_its_broken_twin(check, twin, per_sample, value, seen, wording):
    """What the twin does wrong is what the failure says was seen, with its own names and numbers."""
    said = seen(AugmentationSuite, check, twin, per_sample=per_sample)
    assert value in said
    assert without_quotes(without_numbers(said)) == wording


class DoublesTargets(Blend):
    def soft(self, targets, share):
        return 2 * targets


class SmoothsTargets(Blend):
    def soft(self, targets, share):
        return 0.9 * super().soft(targets, share) + 0.1 / targets.shape[1]


SET_TWINS = [
    ("label_sets", DoublesTargets, "to 2"),
    ("label_sets", SmoothsTargets, "that no image of the batch has"),
]


@pytest.mark.parametrize(("check", "twin", "value"), SET_TWINS)
def test_check_of_label_sets_catches_its_broken_twin(check, twin, value, seen):
    """Targets of sets are between 0 and 1, and labels that no image has get no share."""
    assert value in seen(AugmentationSuite, check, twin, mixes=True, tasks=("single_label", "multi_label"))


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    known = TWINS + MIXING_TWINS + SET_TWINS
    assert {check for check, *_ in known} == AugmentationSuite.checks() - Suite.checks()
