"""The files of a new plugin, rendered from templates and written as a whole or not at all."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..errors import CvkitError
from .names import PluginName
from .samples import Sample

SUFFIX = ".jinja"


def render(name: PluginName, sample: Sample) -> dict[str, str]:
    """Return the text of every file of the package, by its path in it, in the order of the paths.

    Files come from the templates of all packages, ``common/``, and of the kind; ``PLUGIN`` in a path stands for the
    plugin's name.
    """
    environment = Environment(
        loader=PackageLoader("cvkit.scaffold"),
        autoescape=False,  # noqa: S701  # what is written is Python, TOML, YAML and Markdown, not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    files = {}
    for template in environment.list_templates():
        folder, _, path = template.partition("/")
        if folder in ("common", sample.noun):
            text = environment.get_template(template).render(
                name=name, sample=sample, kind=sample.kind, cvkit_version=_minor(version("cvkit-core"))
            )
            files[path.removesuffix(SUFFIX).replace("PLUGIN", name.plugin)] = text
    return dict(sorted(files.items()))


def write(files: dict[str, str], folder: Path) -> None:
    """Write `files` into a new `folder`, which appears whole or not at all.

    Raises `CvkitError` where the folder exists already or cannot be written.
    """
    if folder.exists():
        raise CvkitError(f"'{folder}' exists already; choose another name, or another folder with --output")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
            whole = Path(temporary, folder.name)
            for path, text in files.items():
                (whole / path).parent.mkdir(parents=True, exist_ok=True)
                (whole / path).write_text(text, encoding="utf-8", newline="\n")
            whole.rename(folder)
    except OSError as error:
        raise CvkitError(f"'{folder}' cannot be written: {error.strerror or error}") from error


def _minor(full: str) -> str:
    """Return ``0.1`` of ``0.1.0``."""
    return ".".join(full.split(".")[:2])
