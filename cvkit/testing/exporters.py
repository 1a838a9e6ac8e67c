"""The checks of exporters, as required by certificates and by the programs that use the files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoint.state_dicts import model_state
from ..data.splits import DataInfo
from ..engine.background import Background
from ..engine.trained_model import TrainedModel
from ..export.exporter import Exporter
from ..export.metadata import metadata_values
from ..export.serving import ModelToExport
from ..guard import shown
from ..kinds import KINDS
from .comparison import difference
from .contract import promise
from .sample_parts import sample_images, sample_info, sample_labels, sample_model, seeded
from .suite import Suite

_SIZES = (1, 2, 5)


class ExporterSuite(Suite):
    """The checks that every exporter must pass, with a small network and images of noise.

    Override `model` if the format supports other networks only.

    Attributes:
        info: Channels, size and classes of the images, by default 3x32x32 and 10 classes.
        gap: The largest difference of a logit, relative to the largest logit, that counts as rounding. Formats that
            store weights with fewer bits need more.
        trained_as: The id and the options of the model in a recipe, for formats that depend on them.
    """

    kind = KINDS["exporters"]
    info: DataInfo = sample_info()
    gap: float = 1e-3
    trained_as: tuple[str, dict[str, Any]] = ("sample/net", {})

    def model(self) -> nn.Module:
        """Return a network to export, with weights drawn from the global generators.

        Returns:
            By default, a small network with batch norm.
        """
        return sample_model(self.info)

    def supplied(self) -> tuple[DataInfo, Background]:
        """Return the properties of the images, and training images of noise."""
        images = sample_images(self.info, 20)[4:]
        return self.info, Background.of(images, sample_labels(self.info, 16))

    def _to_export(self) -> ModelToExport:
        with seeded():
            network = self.model().eval()
        name, options = self.trained_as
        trained = TrainedModel(network, self.info, None, torch.device("cpu"), 0)  # type: ignore[arg-type]  # the network alone is used
        return ModelToExport(network, self.info, name, options, metadata_values(trained, name, options))

    @contextmanager
    def _exported(self) -> Iterator[tuple[Exporter, ModelToExport, Path]]:
        exporter, model = self.build(), self._to_export()
        with TemporaryDirectory(prefix="cvkit-exporter-") as folder, seeded(1):
            exporter.export(model, Path(folder))
            yield exporter, model, Path(folder)

    def test_exporter(self) -> None:
        """The factory returns an `Exporter`."""
        with promise("the factory of every exporter returns an Exporter") as broken:
            made = self.build()
            if not isinstance(made, Exporter):
                broken(f"a {type(made).__name__}", "Derive its class from cvkit.Exporter")

    def test_files(self) -> None:
        """It writes the files that it names, and no others."""
        with promise("every exporter writes the files that `files` names, and no others") as broken:
            with self._exported() as (exporter, _, folder):
                written = sorted(path.name for path in folder.iterdir())
            if not exporter.files or written != sorted(exporter.files):
                broken(f"it wrote {written} and names {sorted(exporter.files)}", "Name each file, the model first")

    def test_agreement(self) -> None:
        """The share of images that must keep their class is in [0, 1]."""
        with promise("every exporter requires a share of equal classes in [0, 1]") as broken:
            if not 0 <= (share := self.build().agreement) <= 1:
                broken(f"agreement is {share!r}", "Set agreement to a share, such as 0.98")

    def test_logits(self) -> None:
        """The files compute the logits of the model, float32 (B, K), from uint8 images."""
        with promise("the files of every exporter compute the logits of the model") as broken:
            with self._exported() as (exporter, model, folder):
                images = sample_images(self.info)
                logits, expected = exporter.load(folder, model)(images.clone()), model.logits(images)
            if not isinstance(logits, Tensor) or logits.dtype != torch.float32 or logits.shape != expected.shape:
                broken(f"they return {shown(logits)}; expected {shown(expected)}")
            if (found := difference(logits, expected)) > self.gap * float(expected.abs().max()):
                broken(f"the logits differ by up to {found:.3g}", "Check the normalisation and the evaluation mode")

    def test_batch_sizes(self) -> None:
        """The files predict batches of every size, and the result of an image does not depend on the others."""
        with promise("the files of every exporter predict batches of any size") as broken:
            with self._exported() as (exporter, model, folder):
                compute, images = exporter.load(folder, model), sample_images(self.info, sum(_SIZES))
                parts = images.split(list(_SIZES))
                try:
                    logits = torch.cat([compute(part) for part in parts])
                except Exception as error:
                    broken(f"with batches of {_SIZES} images: {type(error).__name__}", "Export with a dynamic batch")
                expected = model.logits(images)
            if (found := difference(logits, expected)) > self.gap * float(expected.abs().max()):
                broken(f"the logits differ by up to {found:.3g} with batches of {_SIZES} images")

    def test_weights(self) -> None:
        """The files compute with the weights that they contain, not with those of the model in memory."""
        with promise("the files of every exporter contain the weights that they compute with") as broken:
            with self._exported() as (exporter, model, folder):
                images = sample_images(self.info)
                expected = model.logits(images)
                with torch.no_grad():
                    for parameter in model.network.parameters():
                        parameter.zero_()
                logits = exporter.load(folder, model)(images)
            if difference(logits, expected) > self.gap * float(expected.abs().max()):
                broken("the logits are those of the model in memory", "Read the weights from the files in `load`")

    def test_metadata(self) -> None:
        """The names of the classes are in the files."""
        with promise("the files of every exporter contain the names of the classes") as broken:
            with self._exported() as (_, _, folder):
                content = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
            if missing := [name for name in self.info.classes if name.encode() not in content]:
                broken(f"'{missing[0]}' is in none of them", "Write model.metadata_text() to one of the files")

    def test_leaves_model(self) -> None:
        """No weight, buffer, mode or hook of the model is changed."""
        with promise("an exporter does not change the model") as broken:
            exporter, model = self.build(), self._to_export()
            before, state = {n: t.clone() for n, t in model_state(model.network).items()}, _state(model.network)
            with TemporaryDirectory(prefix="cvkit-exporter-") as folder:
                exporter.export(model, Path(folder))
                exporter.load(Path(folder), model)(sample_images(self.info))
            after = model_state(model.network)
            if changed := [name for name in before if not torch.equal(before[name], after[name])]:
                broken(f"it changes '{changed[0]}'", "Work on a copy: model.serving() contains one")
            if _state(model.network) != state:
                broken("it changes the mode or the hooks of a module", "Work on a copy: model.serving() contains one")


def _state(network: nn.Module) -> list[tuple[bool, int]]:
    """Return the mode and the number of hooks of each module."""
    return [
        (module.training, len(module._forward_hooks) + len(module._forward_pre_hooks)) for module in network.modules()
    ]
