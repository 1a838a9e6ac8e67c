"""The calibration of a run, as long as the run has the weights that it was made for."""

from __future__ import annotations

from ..data.splits import DataInfo
from ..engine.abstention import Abstention
from ..errors import FolderError
from ..formatting import counted
from ..printable import shell_words
from ..tasks import SINGLE_LABEL
from .folder import RunFolder


def calibration_of(folder: RunFolder, digest: str, info: DataInfo) -> tuple[Abstention | None, tuple[str, ...]]:
    """Return the calibration for the weights with a digest, and a line about one that cannot be used.

    The calibration is None if there is none, if it belongs to other weights, or if its file is damaged.
    """
    again = f"make a new one with {shell_words('cvkit', 'calibrate', folder.path)}, or remove it with --remove"
    try:
        content = folder.calibration()
    except FolderError as error:
        return None, (f"{error}; the probabilities are not calibrated. To go on, {again}",)
    if content is None:
        return None, ()
    if content["weights"] != digest:
        return None, (
            "calibration.json belongs to other weights, because the run was trained further, so it is ignored and no "
            f"image is declined; {again}",
        )
    if info.task != SINGLE_LABEL.name:
        return None, (f"calibration.json is ignored, because images of this run have sets of labels; {again}",)
    found = Abstention.from_json(content)
    if len(found.temperatures) not in (1, info.num_classes):
        fitted = counted(len(found.temperatures), "temperature")
        return None, (
            f"calibration.json has {fitted} for {counted(info.num_classes, 'class')}, so it is ignored; {again}",
        )
    return found, ()
