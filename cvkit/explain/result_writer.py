"""Explain pictures and collect the results: CSV rows, overlay files, and cards for the page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from ..figures.artifacts import Card, Gallery
from ..figures.csv_export import csv_text
from ..figures.map_legends import map_legends
from ..figures.thumbnails import SEEN, pixelated, thumbnail
from ..formatting import counted, legible, percent
from .explainers import Explainers
from .picture import Picture
from .targets import MOST, ExplainTargets

SHOWN = 200
"""The maximum number of pictures on the page. All pictures are explained and listed in the CSV file."""

_LONGEST = 2  # maximum ratio of the sides of a picture on the page

HEADER = (
    "file",
    "true",
    "predicted",
    "probability",
    "method",
    "target",
    "target_probability",
    "against",
    "layer",
    "empty",
    "overlay",
)


class ResultWriter:
    """Explains pictures with `explainers`, collects the results, and writes the overlays as files to `folder`."""

    def __init__(self, explainers: Explainers, question: ExplainTargets, folder: Path) -> None:
        self.explainers, self.question, self.folder = explainers, question, folder
        self.classes = explainers.trained.info.classes
        self._against = "" if question.against is None else self.classes[question.against]
        self.rows: list[tuple[object, ...]] = []
        self.cards: list[Card] = []
        self.explained = self.labelled = self.right = 0
        self.partial = False
        self._left_out: list[int] = []
        self.layers: dict[str, str] = {}
        self.maps, self.empty = Counter[str](), Counter[str]()
        self._sharp, self._crops = True, False
        folder.mkdir()

    def add(self, pictures: Sequence[Picture]) -> None:
        """Explain a batch of pictures."""
        trained = self.explainers.trained
        fitted = torch.stack([picture.fitted for picture in pictures])
        chances = trained.prediction_rule.probabilities(trained.logits(fitted))
        guesses = [trained.prediction_rule.predicted(of_picture) for of_picture in chances]
        asked = []
        for picture, guess, of_picture in zip(pictures, guesses, chances, strict=True):
            known = sorted(
                picture.labels or (), key=of_picture.tolist().__getitem__
            )  # the clearest errors come first
            shown = guess or [int(of_picture.argmax())]
            asked.append(self.question.of(shown, known))
            self._left_out.append(self.question.left_out(shown, known))
        owners = [index for index, targets in enumerate(asked) for _ in targets]
        wanted = torch.tensor([target for targets in asked for target in targets], dtype=torch.int64)
        maps = self.explainers.explain(fitted[owners], wanted) if owners else {}
        self.layers |= dict.fromkeys(maps, "") | self.explainers.layers()
        heats = {name: of_name.split([len(targets) for targets in asked]) for name, of_name in maps.items()}
        for index, picture in enumerate(pictures):
            of_picture = {name: of_name[index] for name, of_name in heats.items()}
            self._add(picture, chances[index], guesses[index], asked[index], of_picture)

    def _add(
        self, picture: Picture, chances: Tensor, guess: list[int], targets: list[int], maps: Mapping[str, Tensor]
    ) -> None:
        self.explained += 1
        self._crops |= picture.is_cropped
        if picture.labels is not None:
            self.labelled += 1
            self.partial |= picture.partial
            true, said = {*picture.labels}, {*guess}
            self.right += true <= said if picture.partial else true == said
        probabilities = "|".join(f"{float(chances[label]):.6f}" for label in guess)
        known = (picture.name, self._joined(picture.labels or ()), self._joined(guess), probabilities)
        if not (maps and targets):  # no explainer returned a map, or no class is to be explained
            self.rows.append((*known, *[""] * (len(HEADER) - len(known))))
        pictures = [("image", thumbnail(framed(picture.shown), SEEN))]
        without = set[tuple[int, int]]()
        for column, (method, heats) in enumerate(maps.items()):
            signed = method in self.explainers.signed
            for row, (target, heat) in enumerate(zip(targets, heats, strict=True)):
                blended, empty = picture.overlay(heat, signed), not bool((heat != 0 if signed else heat > 0).any())
                self.maps[method] += 1
                self.empty[method] += empty
                if empty:
                    without.add((column, row))
                asked = (method, self.classes[target], f"{float(chances[target]):.6f}", self._against)
                file = self._write(picture, method, target, blended)
                self.rows.append((*known, *asked, self.layers[method], int(empty), file))
                label = f"{method}: {legible(self.classes[target], 24)}" + ", empty" * empty
                pictures.append((label, thumbnail(framed(blended), SEEN)))
        if len(self.cards) < SHOWN:
            self._sharp &= pixelated(picture.shown[None])
            asked_for = tuple(self._question(target) for target in targets)
            card = self._card(picture, tuple(pictures), chances, guess)
            if maps and targets:
                card = replace(card, columns=tuple(maps), rows=asked_for, empty=frozenset(without))
            self.cards.append(card)

    @property
    def asked(self) -> str:
        """The question that the maps answer, in words."""
        named = [legible(self.classes[target], 24) for target in self.question.targets]
        classes = ", ".join(named) or ("the predicted and the true class" if self.labelled else "the predicted class")
        return f"Why {classes}{f' rather than {legible(self._against, 24)}' if self._against else ''}?"

    def _question(self, target: int) -> str:
        """Return what a map of a class answers: the class, and the class that it is contrasted with."""
        against = f" rather than {legible(self._against, 24)}" if self._against else ""
        return f"{legible(self.classes[target], 24)}{against}"

    def _joined(self, labels: Sequence[int]) -> str:
        return "|".join(self.classes[label] for label in labels)

    def _card(
        self, picture: Picture, pictures: tuple[tuple[str, bytes], ...], chances: Tensor, guess: list[int]
    ) -> Card:
        confidence = float(chances.max())
        lines = [f"predicted: {self._written(guess, chances)}", legible(picture.name)]
        if picture.labels is not None:
            what = "contains" if picture.partial else "true"
            lines.insert(0, f"{what}: {self._written(picture.labels, chances)}")
        predicted, true = (
            "not known"
            if labels is None
            else ", ".join(legible(self.classes[label]) for label in labels) or "no label"
            for labels in (guess, picture.labels)
        )
        labels = {"predicted class": predicted, "true class": true}
        values = {"order given": -float(self.explained), "confidence": confidence, "doubt": -confidence}
        return Card(pictures, tuple(lines), labels=labels, values=values)

    def _written(self, labels: Sequence[int], chances: Tensor) -> str:
        """Return the names of classes with their probabilities."""
        named = (f"{legible(self.classes[label])} {percent(float(chances[label]))}" for label in labels)
        return ", ".join(named) or "no label"

    def _write(self, picture: Picture, method: str, target: int, blended: Tensor) -> str:
        parts = [f"{self.explained:05}", Path(picture.name).stem, method, str(target), self.classes[target]]
        name = "-".join(filter(None, map(slug, parts))) + ".png"
        (self.folder / name).write_bytes(thumbnail(blended, max(blended.shape)))
        return f"{self.folder.name}/{name}"

    def csv(self) -> bytes:
        """Return all rows as CSV."""
        return csv_text(HEADER, self.rows).encode(errors="replace")

    def gallery(self) -> Gallery:
        """Return the first `SHOWN` pictures with their explanations."""
        evidence = (
            f"a class rather than for {legible(self._against)}, the class given with --against,"
            if self._against
            else "a class"
        )
        caption = (
            f"Maps show the evidence for {evidence} beside each image. Brightness is relative to the maximum of each "
            "map."
        )
        if self._crops:
            caption += " Dark parts of an image are cropped before the model sees it."
        if self.explained > len(self.cards):
            caption += (
                f" The first {len(self.cards):,} of {self.explained:,} images; explanations.csv lists all of them."
            )
        cards = [card if self.labelled else replace(card, labels=without_true(card.labels)) for card in self.cards]
        legends = map_legends([*self.layers], self.explainers.signed)
        return Gallery("images", "Images explained", caption, tuple(cards), self._sharp, legends=legends)

    def notes(self) -> list[str]:
        """Return a line for each explainer with empty maps, and one about labels that are not explained."""
        lines = [
            f"{method} found no evidence for the class in {count:,} of {self.maps[method]:,} maps; these maps are "
            "dark"
            for method, count in self.empty.items()
            if count
        ]
        if left := [number for number in self._left_out if number]:
            lines.append(
                f"{counted(sum(left), 'label')} {'has' if sum(left) == 1 else 'have'} no map, in "
                f"{counted(len(left), 'image')}: the {MOST} most probable predicted labels of an image are "
                f"explained, and the {MOST} least probable true labels that are not predicted; name others with "
                "--target"
            )
        return lines


def without_true(labels: Mapping[str, str]) -> dict[str, str]:
    """Return a card's labels without the true class, for sources in which no true class is known."""
    return {name: label for name, label in labels.items() if name != "true class"}


def framed(image: Tensor) -> Tensor:
    """Return the central part of an image (C, H, W) that is very long or very wide, for the page."""
    for dimension, other in ((1, 2), (2, 1)):
        longest = _LONGEST * image.shape[other]
        if (length := image.shape[dimension]) > longest:
            image = image.narrow(dimension, (length - longest) // 2, longest)
    return image


def slug(text: str) -> str:
    """Return text as a part of a file name: letters, digits, dots and underscores, at most 60 bytes."""
    return re.sub(r"[^\w.]+", "-", text).encode()[:60].decode(errors="ignore").strip("-.")
