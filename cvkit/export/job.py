"""Export a model with one exporter, measure the files against the run, and write them with their certificate."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch

from ..data.resizing import frame
from ..engine.trained_model import TrainedModel
from ..errors import ComponentFailure, RunError, one_line
from ..explain.image_source import ImageSource
from ..explain.picture import Picture
from ..figures.page import render
from ..files.inputs import inputs_digest, place_for
from ..files.output_folder import OutputFolder
from ..guard import Guard
from ..phases import phase
from ..recipe import Part
from ..recipe.coercion import plain_value
from ..recipe.settings import Precision
from .certificate import Certificate, accuracy, changed_images
from .certificate_page import certificate_page
from .certified import CERTIFICATE
from .exporter import Exporter
from .failure import failure
from .framing_gaps import FramingGap, FramingGaps
from .metadata import CERTIFICATE_PLACE
from .replay import Replay, latency, replay
from .serving import ModelToExport

PAGE = "certificate.html"
_LIBRARIES = ("cvkit-core", "torch", "onnx", "onnxscript", "onnxruntime", "timm", "torchvision", "safetensors")


@dataclass(frozen=True)
class ExportJob:
    """An export of one model by one exporter.

    Attributes:
        trained: The run's model.
        model: The same model for exporters.
        part: The exporter in the recipe.
        exporter: The exporter.
        source: The images to compare with, as the run predicts them and, if the files frame images, as they are.
        names: Names of these images in their order, if they have better ones than their position.
        run: The name of the run folder.
        folder: The run folder, which stays as it is.
        required: The share of the images that must keep their class; None for that of the exporter.
        precision: The number format in which the run evaluates.
    """

    trained: TrainedModel
    model: ModelToExport
    part: Part
    exporter: Exporter
    source: ImageSource
    names: Sequence[str]
    run: str
    folder: Path
    required: float | None = None
    precision: Precision = "fp32"

    def place(self, parent: Path) -> OutputFolder:
        """Return the output folder in `parent`, named after the run and the exporter.

        An export of another run with the same name is kept. Raises `FolderError` if the folder is in the run folder.
        """
        written = frozenset((*self.exporter.files, CERTIFICATE, PAGE))
        name = self.part.entry.id.rpartition("/")[2]
        run = place_for(parent, self.folder.resolve().name, f"{name}/{CERTIFICATE}", inputs_digest(self.folder))
        place = OutputFolder(run / name, "cvkit export", written)
        place.require_outside([self.folder])
        return place

    def write(self, place: OutputFolder, advance: Callable[[int], None] = lambda _: None) -> Certificate:
        """Write the files and the certificate to the folder `place` in one atomic step, and return the certificate.

        `advance` is called with the number of images that were just compared. Raises `RunError` if the format does
        not support the model, or if too few images keep their class; an earlier export then stays as it is.
        """
        guard = Guard(self.part.entry, "cannot export the model")
        with place.replace_atomically() as making:
            try:
                with phase(f"exporting to {self.part.entry.component.name}"):
                    guard(_refusals_kept, self.exporter.export, self.model, making)
            except _Refused as refusal:
                raise RunError(f"{self.part.entry.id} cannot export this model: {refusal}") from refusal
            self._require_files(guard, making)
            compute = Guard(self.part.entry, "cannot read the exported files")(self.exporter.load, making, self.model)
            outputs = Guard(self.part.entry, "cannot read the exported files")(
                self.exporter.outputs, making, self.model
            )
            runs = Guard(self.part.entry, "cannot predict with the exported files")
            gaps = self._framing_gaps(making)

            def seen(pictures: Sequence[Picture]) -> None:
                if gaps is not None:
                    gaps.add(pictures)
                advance(len(pictures))

            found = replay(
                self.trained,
                lambda images: runs(compute, images),
                self.source,
                self.names,
                seen,
                None if outputs is None else lambda images: runs(outputs, images),
            )
            certificate = self._certificate(found, making, compute, None if gaps is None else gaps.result())
            if not certificate.passed:
                raise RunError(failure(certificate, self.exporter.files[0], self._first_difference(making, found)))
            self._seal(certificate, making)
        return certificate

    def _first_difference(self, folder: Path, found: Replay) -> str:
        """Return where the outputs first differ. An exporter that cannot tell does not hide what failed."""
        try:
            differ = Guard(self.part.entry, "cannot compare the layers")
            where: str = differ(self.exporter.first_difference, folder, self.model, found.suspects)
        except ComponentFailure as error:
            return f"at an unknown place ({one_line(error)})"
        return where

    def _notes(self, found: Replay) -> Iterator[str]:
        """Yield what the comparison does not show."""
        if self.trained.prediction_rule.calibrates and not found.rule.calibrates:
            yield (
                "the files contain neither the calibration of the run nor what it declines, so their probabilities "
                "are those before it; export the run to onnx or torch to keep it"
            )
        if self.precision != "fp32":
            yield f"the run evaluates in {self.precision}, and the model was compared with the files in fp32"

    def _framing_gaps(self, folder: Path) -> FramingGaps | None:
        """Return what compares the framing of the files with cvkit's; None if they do not frame images."""
        if not self.exporter.takes_any_size:
            return None
        framed = Guard(self.part.entry, "cannot read the exported framing")(self.exporter.framed, folder, self.model)
        runs, framing = Guard(self.part.entry, "cannot frame with the exported files"), self.model.info.framing
        reduced = framing is not None and framing.decode == "draft"
        return FramingGaps(lambda images: runs(framed, images), reduced=reduced)

    def _require_files(self, guard: Guard, folder: Path) -> None:
        written = sorted(path.name for path in folder.iterdir())
        missing, foreign = {*self.exporter.files} - {*written}, {*written} - {*self.exporter.files}
        if missing or foreign:
            listed = ", ".join(sorted(missing | foreign))
            raise guard.failure(f"{'did not write' if missing else 'wrote more than its `files` names'}: {listed}")

    def _certificate(
        self, found: Replay, folder: Path, compute: Callable[..., Any], framing: FramingGap | None
    ) -> Certificate:
        worst = int(found.gaps.argmax())
        changed = changed_images(found, self.model.info)
        counted_changes = sum(not image.tied for image in changed)
        return Certificate(
            exporter=self.part.entry.id,
            options=plain_value(dict(self.part.options)),
            run=self.run,
            inputs_digest=inputs_digest(self.folder),
            source=self.source.name,
            images=len(found),
            unread=tuple(self.source.unread),
            agreement=1 - counted_changes / len(found),
            required=self.exporter.agreement if self.required is None else self.required,
            changed=changed,
            accuracy_before=accuracy(found, found.classes_before),
            accuracy_after=accuracy(found, found.classes_after),
            worst_gap=float(found.gaps[worst]),
            worst_image=found.names[worst],
            batch_gaps=found.batch_gaps,
            latency_before=latency(self._framed_logits, found.single),
            latency_after=latency(compute, found.single),
            notes=tuple(self._notes(found)),
            environment=_environment(self.trained),
            framing=framing,
            files={name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in self.exporter.files},
        )

    def _framed_logits(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits of the model for one image of any size."""
        return self.model.logits(frame(images[0], self.model.info)[None])

    def _seal(self, certificate: Certificate, folder: Path) -> None:
        """Write the certificate, its page, and its digest into the file with the model if that has a place for it.

        A zip file, such as a ``.pt2``, stays as it is, because its checksums would be wrong.
        """
        content = certificate.to_json()
        (folder / CERTIFICATE).write_bytes(content)
        page = certificate_page(certificate, self.exporter.files[0])
        (folder / PAGE).write_bytes(render(page).encode())
        file = folder / self.exporter.files[0]
        whole, place = file.read_bytes(), CERTIFICATE_PLACE.encode()
        if whole.count(place) == 1 and not is_zipfile(file):
            file.write_bytes(whole.replace(place, hashlib.sha256(content).hexdigest().encode()))


class _Refused(RunError):
    """A format does not support a model."""


def _refusals_kept(export: Callable[..., None], model: ModelToExport, folder: Path) -> None:
    """Call `export`; a `ValueError` that it raises itself is a refusal, which the user sees without its origin."""
    try:
        export(model, folder)
    except ValueError as error:
        raise _Refused(one_line(error)) from error


def _environment(trained: TrainedModel) -> dict[str, Any]:
    found: dict[str, Any] = {"python": platform.python_version(), "platform": platform.platform()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found | {"run's device": str(trained.device), "threads": torch.get_num_threads()}
