"""Concept: a planted concept is found where it is, a random one is not, and what cannot be used is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import RidgeClassifier
from torch import nn

from cvkit import Background, DataError, DataInfo, RunError, read_input
from cvkit_gradcam.concept import Concept, concept
from cvkit_gradcam.concept_pictures import find_pictures
from cvkit_gradcam.separator import PENALTY, held_out_accuracy, least_squares, separator_of

SIDE = 16
INFO = DataInfo(3, SIDE, SIDE, ("red", "blue"), (0.5,) * 3, (0.25,) * 3)


class Planted(nn.Module):
    """Class 0 is the amount of red, class 1 that of blue, each squared in the mean over 4x4 places of a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 1, bias=False), nn.ReLU(), nn.AvgPool2d(4), nn.ReLU())
        with torch.no_grad():
            colours = torch.tensor([[2.0, -1, -1], [-1, 2, -1], [-1, -1, 2]])
            self.body[0].weight.copy_(torch.cat([colours, -colours])[..., None, None])

    def forward(self, images):
        seen = self.body(images).square().mean(dim=(2, 3))
        return torch.stack([seen[:, 0], seen[:, 2]], dim=1)


class Even(Planted):
    """A mean over all places, then a linear layer."""

    def forward(self, images):
        seen = self.body(images).mean(dim=(2, 3))
        return torch.stack([seen[:, 0], seen[:, 2]], dim=1)


def noise(count: int, seed: int) -> np.ndarray:
    """Images of grey noise, uint8 (count, H, W, 3)."""
    values = np.random.default_rng(seed).integers(90, 166, (count, SIDE, SIDE, 1), np.uint8)
    return values.repeat(3, axis=3)


def patched(count: int, seed: int, colour: tuple[int, int, int]) -> np.ndarray:
    """Images of noise, each with a patch of 4x4 pixels of a colour anywhere."""
    images = noise(count, seed)
    for number, (top, left) in enumerate(np.random.default_rng(seed).integers(0, SIDE - 4, (count, 2))):
        images[number, top : top + 4, left : left + 4] = colour
    return images


def saved(folder: Path, images: np.ndarray) -> Path:
    """Write images as the pictures of a concept."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:03}.png")
    return folder


def inputs(images: np.ndarray) -> torch.Tensor:
    """Images as model inputs."""
    return (torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25


def training(count: int = 40) -> Background:
    """Training images: half with a red patch, half with a blue one."""
    half = count // 2
    images = np.concatenate([patched(half, 1, (220, 40, 40)), patched(count - half, 2, (40, 40, 220))])
    order = np.random.default_rng(0).permutation(count)
    return Background.of(inputs(images[order]), torch.zeros(count, dtype=torch.int64))


@pytest.fixture
def red(tmp_path) -> Path:
    """Pictures with a red patch, twice."""
    return saved(tmp_path / "reds", np.concatenate([patched(12, 3, (220, 40, 40)), patched(12, 4, (220, 40, 40))]))


@pytest.fixture
def asked() -> torch.Tensor:
    """Two images: a red patch at the top left and a blue one at the bottom right, and only noise."""
    images = noise(2, 9)
    images[0, :4, :4], images[0, 12:, 12:] = (220, 40, 40), (40, 40, 220)
    return inputs(images)


@pytest.mark.parametrize("values", ["derivative", "contribution"])
def test_planted_concept_speaks_for_its_class_where_it_is(red, asked, values):
    """The map of the first image is highest at the red patch, and the concept is distinguished."""
    explainer = concept(Planted().eval(), INFO, training(), folder=red, values=values)
    found = explainer.explain(asked, torch.tensor([0, 0]))
    assert found.separator.tells_apart
    assert explainer.warnings == []
    top = found.maps[0].flatten().argmax().item()
    assert top // SIDE < 4
    assert top % SIDE < 4
    assert found.maps[0, :3, :3].min() > 0.5
    assert found.raw[0, 3, 3].abs() < 0.2 * found.raw[0].max()
    assert "24 pictures from 40 training images with an accuracy of" in explainer.notes[0]


def test_planted_concept_speaks_against_the_other_class(red, asked):
    """At the blue patch, more red would lower the score of blue; and for red against blue, the signs add up."""
    explainer = concept(Planted().eval(), INFO, training(), folder=red)
    both, classes = asked[:1].expand(2, -1, -1, -1), torch.tensor([0, 1])
    found = explainer.explain(both, classes)
    assert found.maps[1, 13:, 13:].max() < -0.5
    against = explainer.explain(both[:1], classes[:1], classes[1:])
    torch.testing.assert_close(against.raw[0], found.raw[0] - found.raw[1])
    several = explainer.explain(asked[:1], torch.tensor([[0, 1]]))
    torch.testing.assert_close(several.maps[0], found.maps)


def test_derivative_is_that_of_the_score_along_the_concept(red, asked):
    """The sum over the places equals the change of the logit for a small step of the activation."""
    net = Planted().eval()
    found = concept(net, INFO, training(), folder=red, layer="body").explain(asked, torch.tensor([0, 1]))
    step = 1e-3 * found.separator.direction.float().view(1, -1, 1, 1)

    def scores(change):
        seen = (net.body(asked) + change).square().mean(dim=(2, 3))
        return torch.stack([seen[0, 0], seen[1, 2]])

    with torch.no_grad():
        slope = (scores(step) - scores(-step)) / 2e-3
    torch.testing.assert_close(found.raw.sum(dim=(1, 2)), slope, rtol=1e-2, atol=1e-4)


def test_contribution_weights_the_derivative_with_the_amount_of_the_concept(red, asked):
    """Relative to the average place of the training images."""
    net, classes = Planted().eval(), torch.tensor([0, 0])
    slope = concept(net, INFO, training(), folder=red).explain(asked, classes)
    share = concept(net, INFO, training(), folder=red, values="contribution").explain(asked, classes)
    direction = slope.separator.direction
    with torch.no_grad():
        usual = net.body(training().images).mean(dim=(0, 2, 3)).double() @ direction
        amount = torch.einsum("bchw,c->bhw", net.body(asked).double(), direction) - usual
    torch.testing.assert_close(share.raw, (slope.raw * amount).float())


def test_random_concept_is_not_told_apart(tmp_path, asked):
    """Pictures of the same kind as the training images: each of ten draws is at chance, and at most one passes."""
    passed = 0
    for draw in range(10):
        images = np.concatenate([patched(10, 50 + draw, (220, 40, 40)), patched(10, 70 + draw, (40, 40, 220))])
        explainer = concept(Planted().eval(), INFO, training(), folder=saved(tmp_path / str(draw), images))
        found = explainer.explain(asked, torch.tensor([0, 0]))
        assert found.separator.accuracy < 0.75
        passed += found.separator.tells_apart
        if not found.separator.tells_apart:
            assert "cannot be distinguished from the training images at layer 'body'" in explainer.warnings[0]
    assert passed <= 1


def test_even_derivative_is_said(red, asked):
    """Before a mean over all places and a linear layer, the map has no structure; the contribution has."""
    explainer = concept(Even().eval(), INFO, training(), folder=red, layer="body.3")
    explainer(asked, torch.tensor([0, 0]))
    explainer(asked, torch.tensor([0, 0]))
    (line,) = explainer.warnings
    assert "the same at every place" in line
    share = concept(Even().eval(), INFO, training(), folder=red, layer="body.3", values="contribution")
    maps = share(asked, torch.tensor([0, 0]))
    assert maps[0, :3, :3].min() > 0.6
    assert share.warnings == []


def test_maps_depend_only_on_the_seed(red, asked):
    """Not on the global generators, on the order of calls or on how many images go through the model at once."""
    first = concept(Planted().eval(), INFO, training(), folder=red, pictures=9, seed=1, chunk=1)
    again = concept(Planted().eval(), INFO, training(), folder=red, pictures=9, seed=1)
    other = concept(Planted().eval(), INFO, training(), folder=red, pictures=9, seed=2)
    classes = torch.tensor([0, 0])
    maps = first(asked, classes)
    torch.rand(5)
    torch.testing.assert_close(again(asked[:1], classes[:1]), maps[:1])
    assert not torch.equal(other.explain(asked, classes).raw, again.explain(asked, classes).raw)
    assert "9 pictures (a random sample of 24)" in first.notes[0]


def test_fewer_training_images_are_used_if_asked(red, asked):
    """The first ones, which are a random sample too."""
    explainer = concept(Planted().eval(), INFO, training(), folder=red, background_images=10)
    assert explainer.explain(asked, torch.tensor([0, 0])).separator.size == 5


def test_separator_equals_scikit_learns():
    """With as many or other numbers of images in the groups, and fewer or more of them than channels."""
    for first, second, channels in ((8, 8, 5), (6, 11, 40)):
        one, two = torch.randn(first, channels).double() + 0.3, torch.randn(second, channels).double()
        rows, labels = torch.cat([one, two]).numpy(), [1] * first + [0] * second
        penalty = PENALTY * np.square(rows - rows.mean(axis=0)).sum(axis=1).mean()
        expected = RidgeClassifier(alpha=penalty).fit(rows, labels)
        normal, offset = least_squares(one, two)
        np.testing.assert_allclose(normal.numpy(), np.ravel(expected.coef_), rtol=1e-6)
        np.testing.assert_allclose(float(offset), np.ravel(expected.intercept_)[0], rtol=1e-6)


def test_accuracy_is_that_of_images_held_out():
    """Groups without a difference are at chance although a separator fits them; equal images never are."""
    one, two = torch.randn(20, 60).double(), torch.randn(20, 60).double()
    normal, offset = least_squares(one, two)
    assert (one @ normal + offset > 0).all()
    assert (two @ normal + offset < 0).all()
    assert 0.2 < held_out_accuracy(one, two) < 0.8
    assert held_out_accuracy(one + 5, two) == 1
    same = separator_of(torch.ones(6, 3), torch.ones(12, 3), seed=0)
    assert not same.direction.any()
    assert not same.tells_apart


def test_pictures_are_found_in_subfolders_without_hidden_ones(red):
    """Sorted, and other files are left out."""
    saved(red / "more", noise(2, 0))
    saved(red / ".thumbnails", noise(1, 0))
    (red / "notes.txt").write_text("no picture")
    found = [str(file.relative_to(red)) for file in find_pictures(red)]
    assert len(found) == 26
    assert found[-2:] == ["more/000.png", "more/001.png"]


@pytest.mark.parametrize("what", ["missing", "file", "empty", "few", "damaged"])
def test_folder_that_gives_no_concept_is_refused(tmp_path, red, what, snapshot, monkeypatch):
    """The error of the factory names the folder, what is wrong and what to do."""
    monkeypatch.chdir(tmp_path)
    folder = {"missing": Path("stripes"), "file": Path("reds/000.png"), "empty": Path("nothing")}.get(
        what, Path("reds")
    )
    Path("nothing").mkdir()
    if what == "few":
        for file in sorted(red.iterdir())[3:]:
            file.unlink()
    if what == "damaged":
        Path("reds/001.png").write_bytes(b"")
        Path("reds/007.png").write_bytes(Path("reds/007.png").read_bytes()[:40])
    with pytest.raises(DataError) as caught:
        concept(Planted().eval(), INFO, training(), folder=folder)
    assert str(caught.value) == snapshot


def test_unreadable_folder_is_refused(red, monkeypatch):
    """Its pictures are not left out in silence."""

    def scandir(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", scandir)
    with pytest.raises(DataError, match="cannot be read: Permission denied; check its permissions"):
        find_pictures(red)


def test_too_few_training_images_are_refused(red):
    """A separator of nine images means nothing."""
    with pytest.raises(RunError, match="at least 10 training images, and there are 9"):
        concept(Planted().eval(), INFO, training(9), folder=red)


def test_images_of_another_size_are_refused(red):
    """The separator belongs to the size of the pictures."""
    explainer = concept(Planted().eval(), INFO, training(), folder=red)
    with pytest.raises(RunError, match="the pictures of the concept"):
        explainer(torch.zeros(1, 3, 8, 8), torch.tensor([0]))


def test_unknown_layer_is_refused(red):
    """Before any picture is compared."""
    with pytest.raises(ValueError, match="no layer 'nowhere'"):
        Concept(Planted().eval(), INFO, training(), red, "nowhere")


def test_pictures_are_read_as_model_inputs(tmp_path):
    """Of any size, framed as images of the run."""
    saved(tmp_path, noise(1, 0).repeat(2, axis=1).repeat(3, axis=2))
    found = read_input(tmp_path / "000.png", INFO)
    assert found.shape == (3, SIDE, SIDE)
    torch.testing.assert_close(found.mean(), inputs(noise(1, 0)).mean(), rtol=0, atol=0.1)
