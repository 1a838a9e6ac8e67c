"""The settings of fine-tuning."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PositiveFloat, create_model
from typing_extensions import TypedDict

from .coercion import Words
from .settings_group import MOST_EPOCHS, Settings


class Freeze(TypedDict, total=False):
    """What is not trained."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]  # pydantic reads it here

    epochs: Annotated[int, Field(ge=0, le=MOST_EPOCHS)]
    batch_norm: Literal["always", "with_body", "never"]
    body: list[str]


FreezeOption = Annotated[
    Freeze, Words("a mapping with epochs (a number), batch_norm (always, with_body or never) and body (a list)")
]


class _FinetuneSettings(Settings):
    head: Literal["zeros", "normal", "model"] | None = Field(
        None,
        description="Initial weights of the last layer: zeros; normal: with a standard deviation of 0.01; model: as "
        "the model draws them. null: zeros if pretrained weights were loaded but none for this layer, else model.",
    )
    freeze: FreezeOption | None = Field(
        None,
        description="What is not trained. epochs: so many epochs, from the first one, train only the head (default "
        "0). batch_norm: when weights and statistics of the body's batch normalisation do not change: always, "
        "with_body (default) or never. body: patterns of the names of modules that are frozen (default: all but the "
        "head).",
    )
    head_lr: PositiveFloat = Field(
        1.0,
        description="Learning rate of the head relative to the body's. The rates of the optimizer and the scheduler "
        "are the head's, so 10 trains the body with a tenth of them.",
    )
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="Factor between the learning rates of a layer and of the layer above it, in (0, 1]; the head has "
        "the rates of the optimizer and the scheduler. null: one rate for the whole body.",
    )
    no_decay: tuple[Literal["bias", "norm"], ...] = Field(
        (), description="Weights without weight decay: bias: all biases; norm: the weights of normalisation layers."
    )

    @property
    def source(self) -> Path | None:
        """The run folder whose model is the start, the setting ``from``."""
        found: Path | None = getattr(self, "from")
        return found

    @property
    def groups(self) -> bool:
        """Whether the optimizer gets more than one parameter group."""
        return self.head_lr != 1.0 or self.layer_decay is not None or bool(self.no_decay)


_From = (Path | None, Field(None, description="Folder of another run whose trained model is the start; null: none."))


class FinetuneSettings(create_model("_From", __base__=_FinetuneSettings, **{"from": _From})):  # type: ignore[misc]  # `from` is a keyword
    """Settings of fine-tuning, for any model and optimizer."""
