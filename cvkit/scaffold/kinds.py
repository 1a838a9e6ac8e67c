"""The templates of each kind of component."""

from __future__ import annotations

from dataclasses import dataclass

from ..host.component import KINDS, Kind


@dataclass(frozen=True)
class KindTemplate:
    """The sample component of a kind: its kind, the name of its factory and a one-line summary."""

    kind: Kind
    factory: str
    summary: str

    @property
    def noun(self) -> str:
        """The kind in one word, such as ``dataset``, for the command line, the template folder and the module."""
        return self.kind.singular.replace(" ", "")

    @property
    def article(self) -> str:
        """The article of the noun, ``a`` or ``an``."""
        return "an" if self.noun[0] in "aeiou" else "a"


KIND_TEMPLATES: dict[str, KindTemplate] = {
    sample.noun: sample
    for sample in (
        KindTemplate(KINDS["models"], "small_cnn", "Three convolutions for small images"),
        KindTemplate(KINDS["augmentations"], "BrightnessContrast", "Random brightness and contrast"),
        KindTemplate(KINDS["schedulers"], "warmup_cosine", "Linear warm-up, then a cosine to zero"),
        KindTemplate(KINDS["explainers"], "SmoothGrad", "SmoothGrad (Smilkov et al. 2017)"),
        KindTemplate(KINDS["datasets"], "gratings", "Drawn waves in several directions"),
        KindTemplate(KINDS["losses"], "FocalLoss", "Focal loss (Lin et al. 2017)"),
        KindTemplate(KINDS["optimizers"], "Lion", "Lion (Chen et al. 2023)"),
        KindTemplate(KINDS["tuners"], "try_rates", "Try several learning rates"),
    )
}
"""The templates by noun, in the order in which the command lists them."""
