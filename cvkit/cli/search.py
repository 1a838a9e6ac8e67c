"""``cvkit search``: find values of a recipe that are best on the validation images."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..printable import shell_words
from ..runs.signals import exit_code_of_signal
from .exit_code import FAILED, mark_failed
from .loading import load_catalog, warn
from .options import PluginChoice, data_option, plugin_options
from .tables import print_table
from .terminal import echo

if TYPE_CHECKING:
    from ..host.catalog import Catalog
    from ..searches.definition import SearchDefinition
    from ..searches.work import SearchJob

_MOST_ROWS = 10  # of the table on the terminal


@click.command()
@click.argument("search_file", metavar="SEARCH", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the search. Default: runs/NAME, with the name of the search.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Number of trials that train at once, each in a process of its own.",
)
@click.option(
    "--set",
    "overrides",
    metavar="PATH=VALUE",
    multiple=True,
    help="Override a setting of the search, as in --set max_trials=50, or a value of its recipe, as in "
    "--set recipe.train.epochs=5. Repeatable.",
)
@click.option("--check", is_flag=True, help="Report every mistake in SEARCH and its recipe, and train nothing.")
@data_option
@plugin_options
def search(
    search_file: Path,
    output: Path | None,
    processes: int,
    overrides: tuple[str, ...],
    check: bool,
    data: Path | None,
    choice: PluginChoice,
) -> None:
    """Search the values of a recipe that the YAML file SEARCH names.

    Trials are chosen and pruned on the validation images; the test images are not evaluated. Started again, the
    command continues. Writes the best recipe, which extends the recipe of SEARCH.
    """
    search, catalog = _checked(search_file, overrides, choice)
    if check:
        echo(f"{search_file}: the search is good")
        return
    from ..runs.watching import Watch
    from ..searches.advisor import require_optuna  # imports torch, so only after the search is checked
    from ..searches.folder import SearchFolder
    from ..searches.work import SearchJob
    from .run import print_events

    require_optuna()
    folder = SearchFolder(output or Path("runs") / search.settings.name)
    folder.require(search)
    job = SearchJob(search, folder, catalog, data)
    metric, goal, parts = job.prepare()
    costs, short = job.costs(parts, processes)
    del parts  # each trial builds its own
    folder.begin(search, metric, goal)
    echo(f"search folder: {folder.path}")
    for line in costs:
        echo(line)
    if short:
        warn(short)
    try:
        if processes == 1:
            job.train(Watch(echo, warn, print_events))
        else:
            _in_processes(job, processes, choice)
    except KeyboardInterrupt as error:
        echo(f"stopped; what was trained is saved. To continue: {shell_words('cvkit', *sys.argv[1:])}", err=True)
        raise SystemExit(exit_code_of_signal(error)) from None
    except Exception as error:
        mark_failed(error)
        error.add_note(f"to continue: {shell_words('cvkit', *sys.argv[1:])}")
        raise
    if not _print_summary(job, metric, goal):
        raise SystemExit(FAILED)


def _checked(file: Path, overrides: tuple[str, ...], choice: PluginChoice) -> tuple[SearchDefinition, Catalog]:
    """Read and check the search, and warn about deprecated components; raise one `RecipeError` with every mistake."""
    from ..recipe import deprecations
    from ..searches.definition import SearchSource
    from ..searches.reading import SearchFile

    read = SearchFile(SearchSource(file, None, overrides))
    catalog = load_catalog(choice, read.document.disabled)
    search = read.resolve(catalog)
    for line in deprecations(search.recipe):
        warn(line)
    return search, catalog


def _in_processes(job: SearchJob, processes: int, choice: PluginChoice) -> None:
    """Train trials in several processes. A process that ends early leaves its trial to the next start."""
    from ..runs.worker_processes import run_workers
    from ..searches.worker import MODULE, jobs_of

    codes = run_workers(MODULE, jobs_of(job, processes, choice.paths, choice.disabled), echo, warn)
    if ended := sum(code != 0 for code in codes):
        warn(f"{ended:,} of {processes:,} processes ended early")


def _print_summary(job: SearchJob, metric: str, goal: str) -> bool:
    """Print the trials and the best recipe, and write the page; return whether there is a best recipe."""
    from ..searches.lines import best_lines, counts_line, header, rows
    from ..searches.trials import best_of

    trials, warnings = job.summarise()
    table = rows(job.search, trials, goal)
    if table:
        print_table(header(job.search, metric), table[:_MOST_ROWS])
    if len(table) > _MOST_ROWS:
        echo(f"the page has the other {len(table) - _MOST_ROWS:,} trials")
    echo(counts_line(trials))
    for line in best_lines(job.search, trials, metric, goal):
        echo(line)
    for line in warnings:
        warn(line)
    echo(f"page: {job.folder.page_path}")
    best = best_of(trials, goal)
    if best is not None:
        echo(f"to train the best recipe: {shell_words('cvkit', 'run', job.folder.best_path)}")
        echo(f"to measure its spread: {shell_words('cvkit', 'repeat', job.folder.best_path)}")
    return best is not None
