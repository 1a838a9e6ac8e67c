"""Load pretrained weights into a model: which of its tensors they fill, and what is missing or left over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from ..data.framing import PretrainedInput
from ..errors import RunError

_SHOWN = 12  # keys in a sentence


@dataclass(frozen=True)
class PretrainedWeights:
    """What a model's pretrained weights are, and how they were loaded.

    A model declares it by the attribute ``pretrained_weights`` of the module that its factory returns.

    Attributes:
        source: The path, the address or the name of the weights.
        sha256: The SHA-256 of their file, in hexadecimal; empty if it is not known.
        new_head: Whether the last layer was not loaded, because it has other classes.
        missing: Names of the model's other tensors that the weights do not contain.
        unexpected: Names in the weights that the model does not have.
    """

    source: str
    sha256: str = ""
    new_head: bool = True
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()

    def warnings(self) -> list[str]:
        """Return a line for the tensors that are missing, and one for those that are left over."""
        told = []
        if self.missing:
            told.append(
                f"the pretrained weights '{self.source}' do not contain {_listed(self.missing)}, which "
                f"{'keeps' if len(self.missing) == 1 else 'keep'} the random initial values"
            )
        if self.unexpected:
            told.append(
                f"the pretrained weights '{self.source}' contain {_listed(self.unexpected)}, which the model does "
                "not have; not used"
            )
        return told

    def to_json(self, given: PretrainedInput | None) -> dict[str, Any]:
        """Return the description as JSON values, for run.json, with the input that the weights were trained with."""
        return {
            "source": self.source,
            "sha256": self.sha256,
            "new_head": self.new_head,
            "missing": list(self.missing),
            "unexpected": list(self.unexpected),
            "input": None if given is None else asdict(given),
        }


def load_weights(
    model: nn.Module,
    tensors: Mapping[str, Tensor],
    *,
    source: str,
    heads: Sequence[str],
    sha256: str = "",
) -> PretrainedWeights:
    """Copy pretrained weights into a model. A head for other classes keeps its initial weights.

    Args:
        model: The model.
        tensors: The weights by name, adapted to the model's channels.
        source: What the weights are called in messages.
        heads: The names of the modules whose size depends on the classes.
        sha256: The digest of the weights' file.

    Returns:
        What was loaded, also as the model's attribute ``pretrained_weights``.

    Raises:
        RunError: The weights belong to another model; the error names the tensors that do not fit.
    """
    own = model.state_dict()
    head = {name for name in own if any(name.startswith(f"{prefix}.") for prefix in heads)}
    new_head = not head or any(name not in tensors or tensors[name].shape != own[name].shape for name in head)
    needed = {name for name in own if name not in head and not name.endswith("num_batches_tracked")}
    taken = {name: value for name, value in tensors.items() if name in own and not (new_head and name in head)}
    missing = [name for name in own if name in needed and name not in taken]
    unexpected = [name for name in tensors if name not in own]
    if needed and len(missing) * 2 > len(needed):
        others = _listed(unexpected, 3) or "no other"
        raise RunError(
            f"the pretrained weights '{source}' do not belong to this model: they lack {len(missing)} of its "
            f"{len(needed)} tensors, such as {_listed(missing, 3)}, and contain {others} instead. Use the weights of "
            "this model, with its names. A file of another library must be converted: its tensors need these names"
        )
    if wrong := [name for name, value in taken.items() if value.shape != own[name].shape]:
        sizes = f"{tuple(taken[wrong[0]].shape)} there, and {tuple(own[wrong[0]].shape)} in the model"
        raise RunError(
            f"the pretrained weights '{source}' have other sizes than this model in {_listed(wrong, 3)}: "
            f"'{wrong[0]}' is {sizes}. Use the weights of this model, or the options that they were trained with"
        )
    model.load_state_dict({**own, **taken})
    found = PretrainedWeights(source, sha256, new_head, tuple(missing), tuple(unexpected))
    model.pretrained_weights = found  # type: ignore[assignment]  # a plain attribute, not a tensor or a module
    return found


def _listed(names: Sequence[str], shown: int = _SHOWN) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(f"'{name}'" for name in names[:shown]) + more
