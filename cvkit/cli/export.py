"""``cvkit export``: write a trained model as files for other programs, and certify that they compute the same."""

from __future__ import annotations

from pathlib import Path

import click

from ..export.choosing import IN_GRAPH, OUTSIDE, Names, with_exporters
from ..host.assumed import EXPORTER, QUANTIZED_EXPORTER
from .completing import component_ids
from .loading import reopen, warn
from .options import PluginChoice, moved_data_option, output_option, plugin_options
from .terminal import bar, echo


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--to",
    "exporters",
    metavar="NAMES",
    multiple=True,
    shell_complete=component_ids("exporters", listed=True),
    help=f"Exporters to use, as in --to onnx,torch. Default: those of the recipe, or {EXPORTER}.",
)
@click.option(
    "--option",
    "options",
    metavar="NAME=VALUE",
    multiple=True,
    help="Set an option of the exporters, as in --option opset=20. Repeatable.",
)
@click.option(
    "--quantize",
    is_flag=True,
    help=f"Write ONNX in 8-bit integers; short for --to {QUANTIZED_EXPORTER.rpartition('/')[2]}.",
)
@click.option(
    "--framing",
    type=click.Choice((OUTSIDE, IN_GRAPH)),
    help=f"Whether images are resized and cropped in the graph, which then takes any size. Default: {OUTSIDE}.",
)
@click.option(
    "--images",
    "images",
    metavar="PATH",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Compare with these image files or folders instead of the run's test images. Repeatable.",
)
@click.option(
    "--agreement",
    type=click.FloatRange(0, 1),
    help="Share of the images that must keep their class. Default: that of the exporter, usually 1.",
)
@output_option(
    "exports",
    "Folder for the exports, which go into RUN/EXPORTER in it; earlier ones are replaced.",
)
@moved_data_option
@plugin_options
def export(
    folder: Path,
    exporters: tuple[str, ...],
    options: tuple[str, ...],
    quantize: bool,
    framing: str | None,
    images: tuple[Path, ...],
    agreement: float | None,
    output: Path,
    data: Path | None,
    choice: PluginChoice,
) -> None:
    """Write the trained model of RUN as files for other programs.

    The files are read again and predict the test images of the run. The certificate beside them contains the
    accuracy before and after, every image whose class changed, and the time for an image. If classes change, nothing
    is written, and an earlier export stays as it is.
    """
    from ..runs.folder import RunFolder

    found = RunFolder.open(folder)
    recipe, catalog = reopen(found, choice)
    names = Names("--to", "--option", "--framing")
    recipe = with_exporters(
        recipe, found.document, catalog, exporters, options, framing=framing, quantize=quantize, names=names
    )
    from ..export.certificate_page import summary, warnings_of  # imports torch, so only after the checks without it
    from ..export.jobs import exports_of
    from ..runs.load import load_trained
    from ..runs.run_data import open_data_of

    info = found.data_info()
    if info is None:  # older run folders do not store this, so the data set has to be opened
        info = open_data_of(found, recipe, data, None, warn).info
    loaded = load_trained(found, recipe, info)
    for line in loaded.damaged:
        warn(line)
    echo(f"{found.path.name}, {loaded.checkpoint_label}")

    def splits():  # type: ignore[no-untyped-def]  # Splits, whose module loads torch
        return open_data_of(found, recipe, data, loaded.digest, warn)

    jobs = exports_of(found, recipe, loaded, splits, images, agreement, names=("--images", "--data"))
    for job in jobs:
        job.place(output).require_safe_to_replace()
    for job in jobs:
        place = job.place(output)
        with bar(len(job.source), f"comparing {place.path.name}") as advance:
            advance(0)
            certificate = job.write(place, advance)
        for line in warnings_of(certificate):
            warn(line)
        for line in summary(certificate):
            echo(f"{place.path.name}: {line}")
        for path in sorted(place.path.iterdir()):
            echo(path)
