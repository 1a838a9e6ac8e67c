"""What the site has beside docs/: the README, the plugins' pages, the changelog, and the API from docstrings.

MkDocs calls the two hooks below, as mkdocs.yml says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import cvkit
from cvkit import errors, testing

ROOT = Path(__file__).parents[1]
ELSEWHERE = {
    "index.md": "README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
    **{
        f"plugins/{page.parent.name.removeprefix('cvkit_')}.md": page.relative_to(ROOT).as_posix()
        for page in sorted(ROOT.glob("plugins/*/README.md"))
    },
}
"""Pages of the site that are files of the repository outside of docs/."""

_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not files of docs/."""
    texts = {page: (ROOT / path).read_text(encoding="utf-8") for page, path in ELSEWHERE.items()}
    texts["api/cvkit.md"] = "\n".join(api("cvkit", groups()))
    texts["api/testing.md"] = "\n".join(api("cvkit.testing", {"Suites and helpers": [*testing.__all__]}))
    for page, text in texts.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead each relative link to the page of the site that its file is, or else to the file in the repository."""
    name = page.file.src_uri
    here = ROOT / ELSEWHERE.get(name, f"docs/{name}")
    pages = {path: uri for uri, path in ELSEWHERE.items()}

    def led(link: re.Match[str]) -> str:
        path = Path(os.path.normpath(here.parent / link[1]))
        if not path.exists():
            return link[1]  # no file's: mkdocs says so
        of_root = path.relative_to(ROOT).as_posix()
        uri = pages.get(of_root, of_root.removeprefix("docs/"))
        if files.get_file_from_path(uri):
            return os.path.relpath(uri, Path(name).parent)
        return f"{config.repo_url}/{'tree' if path.is_dir() else 'blob'}/main/{of_root}"

    return _LINK.sub(led, markdown)


def groups() -> dict[str, list[str]]:
    """Return the public names of cvkit under the headings that they are found by."""
    found: dict[str, list[str]] = {"Functions": [], "Classes and values": [], "Types of factories": [], "Errors": []}
    for name in cvkit.__all__:  # by how they are written: importing them would load torch
        if name[0].islower():
            found["Functions"].append(name)
        elif name.endswith("Factory"):
            found["Types of factories"].append(name)
        elif hasattr(errors, name):
            found["Errors"].append(name)
        else:
            found["Classes and values"].append(name)
    return found


def api(module: str, names: dict[str, list[str]]) -> Iterator[str]:
    """Yield the lines of a page that mkdocstrings fills: all public names of a module, by heading."""
    yield f"# `{module}`\n\nThe public names of `{module}`, from their docstrings.\n"
    for heading, group in names.items():
        yield f"## {heading}\n"
        for name in group:
            value = getattr(import_module(module), name)
            options = "    options:\n      inherited_members: true\n" if _has_hidden_base(value) else ""
            yield f"::: {module}.{name}\n{options}"


def _has_hidden_base(value: object) -> bool:
    """Return whether a class inherits from a class of cvkit that is not public, so that no other entry shows it."""
    public = {*cvkit.__all__, *testing.__all__}
    bases = value.__mro__[1:] if isinstance(value, type) else ()
    return any(base.__module__.startswith("cvkit.") and base.__name__ not in public for base in bases)
