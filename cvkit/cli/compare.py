"""``cvkit compare``: compare the results of finished runs."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import RunError
from ..phases import phase
from .loading import warn
from .options import PluginChoice, moved_data_option, output_option, plugin_options
from .tables import print_table
from .terminal import bar, echo

if TYPE_CHECKING:
    from ..comparison.comparison import Comparison

_AGAINST = "--against"


class ComparingCommand(click.Command):
    """A command whose option ``--against`` takes all the following words up to the next option.

    ``--against=A B`` is the same as ``--against A B``.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Write ``--against`` before each of its values, which is how click knows an option with several."""
        repeated: list[str] = []
        taking = False
        for word in args:
            if word.startswith(f"{_AGAINST}="):
                taking = True
                repeated.append(word)
            elif word.startswith("-"):
                taking = word == _AGAINST
                repeated += [] if taking else [word]
            else:
                repeated += [_AGAINST, word] if taking else [word]
        if taking and args[-1] == _AGAINST:
            repeated.append(_AGAINST)  # click reports the missing value
        return super().parse_args(ctx, repeated)


@click.command(cls=ComparingCommand)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    _AGAINST,
    "against",
    metavar="RUN...",
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Runs of another recipe, to compare together with the runs before this option.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Difference in percentage points below which runs are equivalent.",
)
@click.option("--common", is_flag=True, help="Compare only the images that all runs have in common.")
@click.option(
    "--count",
    type=click.IntRange(0),
    default=24,
    show_default=True,
    help="Largest number of fixed and of broken images to show; 0 shows none.",
)
@click.option("--explain", "explained", is_flag=True, help="Show maps of both models beside these images.")
@output_option(
    "comparisons",
    "Folder for the results, which go into a subfolder named after the runs; earlier ones are replaced.",
)
@moved_data_option
@plugin_options
def compare(
    runs: tuple[Path, ...],
    against: tuple[Path, ...],
    margin: float,
    common: bool,
    count: int,
    explained: bool,
    output: Path,
    data: Path | None,
    choice: PluginChoice,
) -> None:
    """Compare the results of finished runs on the same test images.

    The first RUN is what the others are compared with. Runs whose recipes differ only in the seed are compared
    together, as repeated trainings of one recipe. With --against, the runs after it are compared with those before.
    """
    from ..comparison.output import comparison_folder, files_of, runs_digest
    from ..runs.folder import RunFolder

    if len(runs) + len(against) < 2:
        raise RunError("a comparison needs at least two runs; name the folders of two runs")
    for run in (*runs, *against):
        RunFolder.open(run)
    place = comparison_folder(output, runs, against)
    place.require_safe_to_replace()

    from ..comparison.comparison import compare_runs
    from .compared_images import galleries_of

    compared = compare_runs(runs, against, margin=margin, common=common)
    with bar(len(compared.pairs), "drawing") as advance:
        shown, notes = galleries_of(compared, count, explained, data, choice)
        advance(len(compared.pairs))
        with phase("drawing the page"):
            paths = place.write(files_of(compared, runs_digest(runs, against), shown, notes, version("cvkit-core")))
    print_comparison(compared)
    for note in (*compared.notes, *notes):
        warn(note)
    for path in paths:
        echo(path)


def print_comparison(compared: Comparison) -> None:
    """Print the result of each pair of groups, its scores and what changed."""
    from ..comparison.sentences import counts, result
    from ..comparison.tables import changed_rows, measure_header, measure_rows

    for pair in compared.pairs:
        echo(result(pair))
        echo("")
        print_table(measure_header(pair), measure_rows(pair))
        echo("")
        echo(counts(pair))
        if pair.changed:
            echo("")
            print_table(("changed", "what", pair.first.letter, pair.second.letter), changed_rows(pair))
        echo("")
