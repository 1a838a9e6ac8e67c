"""Start from the trained model of another run (`finetune.from`), which is read from its newest checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..checkpoint.contents import require_usable, trained_weights
from ..checkpoint.files import read_newest
from ..checkpoint.pretrained import PretrainedWeights, load_weights
from ..data.framing import Framing, PretrainedInput
from ..data.splits import DataInfo
from ..errors import RunError


@dataclass(frozen=True)
class StartingRun:
    """The trained model of another run.

    Attributes:
        path: The run folder.
        step: The step of the checkpoint.
        weights: The weights that the run evaluates, by name.
        info: The data of the run.
    """

    path: Path
    step: int
    weights: Mapping[str, Tensor]
    info: DataInfo

    @property
    def input(self) -> PretrainedInput:
        """The input that the weights were trained with."""
        framing = self.info.framing or Framing()
        return PretrainedInput(self.info.mean, self.info.std, framing.interpolation, framing.crop_pct)

    def load_into(self, model: nn.Module, classes: tuple[str, ...], head: str) -> PretrainedWeights:
        """Copy the weights into `model`; its head keeps its initial weights unless the classes are the same.

        Raises `RunError` if the run trained another model.
        """
        weights = dict(self.weights)
        if classes != self.info.classes:
            weights = {name: value for name, value in weights.items() if not name.startswith(f"{head}.")}
        source = f"{self.path} after step {self.step:,}"
        return load_weights(model, weights, source=source, heads=[head])


def read_starting_run(folder: Path) -> StartingRun:
    """Read the trained model of the run in `folder`; raise `RunError` if there is none."""
    state, damaged = read_newest(folder / "checkpoints", require_usable) if folder.is_dir() else (None, [])
    if state is None:
        told = "; ".join(damaged) or "it contains no checkpoint"
        raise RunError(
            f"finetune.from: '{folder}' is not a run to start from: {told}. Write the path of a run folder: "
            "absolute, or relative to the folder of the recipe that contains it, or after --set to the current folder"
        )
    try:
        info = DataInfo.from_json(state["kept"]["info"]["data_info"])
    except (LookupError, TypeError, AttributeError):
        raise RunError(
            f"finetune.from: the checkpoint in '{folder}' does not describe the classes of its data"
        ) from None
    return StartingRun(folder, state["step"], trained_weights(state), info)


def input_of_run(info: Mapping[str, Any]) -> PretrainedInput | None:
    """Return the input of a run's first weights, as its run.json records it; None if there is none."""
    recorded = (info.get("pretrained") or {}).get("input")
    if recorded is None:
        return None
    return PretrainedInput(**{**recorded, "mean": tuple(recorded["mean"]), "std": tuple(recorded["std"])})
