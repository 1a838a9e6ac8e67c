"""The site: it builds without a warning, and has every public name."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import cvkit
from cvkit import testing

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The folder of the site, built strictly: a link that leads nowhere, or a page that no menu has, is an error."""
    pytest.importorskip("mkdocstrings", reason="the extra 'docs' is not installed")
    pytest.importorskip("material", reason="the extra 'docs' is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    variables = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return folder


@pytest.mark.parametrize(("page", "module"), [("cvkit", cvkit), ("testing", testing)])
def test_every_public_name_is_on_the_page_of_its_module(site, page, module):
    """With its own heading, to which links and the search lead."""
    text = (site / "api" / page / "index.html").read_text(encoding="utf-8")
    assert {f"{module.__name__}.{name}" for name in module.__all__} <= {*re.findall(r'id="([\w.]+)"', text)}


def test_methods_of_a_class_that_is_not_public_are_with_the_public_class(site):
    """`RunFolder` inherits most of its methods from classes that have no entry of their own."""
    text = (site / "api" / "cvkit" / "index.html").read_text(encoding="utf-8")
    assert {f"cvkit.RunFolder.{name}" for name in ("create", "records", "append_to")} <= {
        *re.findall(r'id="([\w.]+)"', text)
    }


def test_search_knows_options_and_names(site):
    """Text of the pages of docs/, of the plugins' and of docstrings is in the index."""
    entries = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    found = {entry["location"].partition("#")[0] for entry in entries}
    assert {"recipes/", "plugins/gradcam/", "api/cvkit/", "changelog/"} <= found


@pytest.mark.parametrize(
    ("page", "link", "leads_to"),
    [
        ("index.md", "docs/recipes.md#keys", "recipes.md#keys"),
        ("index.md", "CHANGELOG.md", "changelog.md"),
        ("plugins/gradcam.md", "../../docs/results.md", "../results.md"),
        ("tutorials/README.md", "../reference.md#component", "../reference.md#component"),
        ("recipes.md", "../plugins/cvkit_gradcam/README.md", "plugins/gradcam.md"),
        ("recipes.md", "../recipes/shapes.yaml", "https://host/repository/blob/main/recipes/shapes.yaml"),
        ("index.md", "recipes", "https://host/repository/tree/main/recipes"),
        ("index.md", "nowhere.md", "nowhere.md"),
        ("index.md", "https://elsewhere/README.md", "https://elsewhere/README.md"),
        ("index.md", "#try-it", "#try-it"),
    ],
)
def test_links_lead_to_a_page_of_the_site_or_to_the_repository(page, link, leads_to):
    """A file of the repository that the site has not is shown there; what is no file is left for mkdocs to tell."""
    pytest.importorskip("mkdocs", reason="the extra 'docs' is not installed")
    pages = {"index.md", "changelog.md", "recipes.md", "results.md", "reference.md", "plugins/gradcam.md"}
    files = SimpleNamespace(get_file_from_path=lambda path: path in pages)
    here = SimpleNamespace(file=SimpleNamespace(src_uri=page))
    settings = SimpleNamespace(repo_url="https://host/repository")
    write = runpy.run_path(str(ROOT / "docs" / "site_pages.py"))["on_page_markdown"]
    assert write(f"See [it]({link}).", here, settings, files) == f"See [it]({leads_to})."
