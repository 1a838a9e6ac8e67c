"""Opens the data and the models of compared runs, to show the images that were fixed and broken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CvkitError, DataError, one_line
from ..formatting import counted
from .loading import reopen, warn
from .options import PluginChoice

if TYPE_CHECKING:
    from torch import Tensor

    from ..comparison.comparison import Comparison
    from ..comparison.groups import Group
    from ..comparison.pictures import Mapped
    from ..data.splits import DataInfo
    from ..figures.artifacts import Gallery


def galleries_of(
    compared: Comparison, count: int, explained: bool, data: Path | None, choice: PluginChoice
) -> tuple[Mapping[str, Sequence[Gallery]], list[str]]:
    """Return the galleries of each pair by the letter of its second group, and why some are missing.

    The images are those of the first run. A comparison without pictures is still complete, so an error that prevents
    them is a note.
    """
    from ..comparison.pictures import galleries

    if not count or not any(pair.images.fixed or pair.images.broken for pair in compared.pairs):
        return {}, []
    notes: list[str] = []
    try:
        test = TestImages(compared, data, choice)
        found = {}
        for pair in compared.pairs:
            mapped = [*models((pair.first, pair.second), choice, test.info, notes)] if explained else []
            found[pair.second.letter] = galleries(pair, compared.positions, test.read, test.info, count, mapped)
    except CvkitError as error:
        return {}, [f"No pictures are shown, because {one_line(error).rstrip('.')}."]
    return found, list(dict.fromkeys(notes))


class TestImages:
    """The test images of the first run.

    Attributes:
        info: The input of its model.
    """

    def __init__(self, compared: Comparison, data: Path | None, choice: PluginChoice) -> None:
        from ..runs.folder import RunFolder
        from ..runs.run_data import open_data_of

        run = compared.groups[0].runs[0]
        folder = RunFolder.open(run.path)
        recipe, _ = reopen(folder, choice)
        splits = open_data_of(folder, recipe, data, run.data or None, warn)
        self.info = folder.data_info() or splits.info
        self._images = splits.half(splits.final)
        last = max(compared.positions)
        if last >= len(self._images):
            raise DataError(
                f"the data set has {counted(len(self._images), f'{splits.final} image')}, but the predictions "
                f"are for at least {last + 1:,}"
            )

    def read(self, position: int) -> Tensor:
        """Return an image by its position in the split, uint8 (C, H, W)."""
        return self._images[position][0]


def models(groups: Sequence[Group], choice: PluginChoice, info: DataInfo, notes: list[str]) -> Sequence[Mapped]:
    """Return the model of the first run of each group with an explainer; a note for each that cannot be used."""
    from ..comparison.pictures import Mapped
    from ..explain.explainers import Explainers
    from ..explain.selection import with_methods
    from ..runs.folder import RunFolder
    from ..runs.load import load_trained

    found = []
    for group in groups:
        folder = RunFolder.open(group.runs[0].path)
        recipe, catalog = reopen(folder, choice)
        recipe = with_methods(recipe, folder.document, catalog, (), None, names=("--explain", "--explain"))
        own = folder.data_info() or info
        if own.channels != info.channels:
            notes.append(f"No maps of {group.letter} are shown, because its images have another number of channels.")
            continue
        trained = load_trained(folder, recipe, own).trained
        explainers = Explainers(trained, recipe.explainers[:1], notes)
        if explainers.working:
            found.append(Mapped(group.letter, explainers))
    return found
