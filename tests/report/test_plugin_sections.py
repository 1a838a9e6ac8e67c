"""Sections of plugins: in the report if the recipe names them, and only left out if they fail."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

import cvkit
from cvkit import Component, RecipeError, Section, Table, hookimpl, render_figure

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = """\
dataset: {name: shapes, train_size: 40, test_size: 20}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.01}
train: {epochs: 1, batch_size: 20, workers: 0}
report: {misclassified: 0, augmented: 0}
"""


def curve(records, predictions, info, folder, *, title: str = "My losses"):
    """Return the losses of the steps, as a figure and a table."""
    losses = records[-1].step_losses
    figure = render_figure("curve", "Losses", "By step.", lambda canvas: canvas.subplots().plot(losses))
    rows = tuple((str(number), f"{loss:.4f}") for number, loss in enumerate(losses))
    assert (folder / "predictions.csv").exists()
    return Section(title, (figure, Table("losses", "Losses", f"{info.num_classes} classes", ("step", "loss"), rows)))


class Plugin:
    @hookimpl
    def cvkit_sections(self):
        for name in ("curve", "raising", "hungry", "lacking", "text", "escaping", "unshown"):
            yield Component(name, f"acme_sections:{name}", "A section")


@pytest.fixture
def host(cvkit_host, monkeypatch):
    module = ModuleType("acme_sections")
    module.curve = curve
    exec(
        "from cvkit import Section, Table, Figure\n"
        "def raising(records): raise KeyError('losses')\n"
        "def hungry(records): raise MemoryError('no room')\n"
        "def lacking(folder):\n"
        "    from cvkit import DataError\n"
        "    raise DataError('there is no notes.txt')\n"
        "def text(records): return 'a text'\n"
        "def escaping(records): return Section('Out', (Table('../out', 'T', '', ('a',), ()),))\n"
        "def unshown(records): return Section('Drawing', (Figure('drawing', 'D', '', 5, b''),))\n",
        vars(module),
    )
    monkeypatch.setitem(sys.modules, "acme_sections", module)
    cvkit_host.add("acme", Plugin())
    return cvkit_host


def test_section_is_in_the_report_and_its_files_in_a_folder_of_the_plugin(host):
    """One that is named twice has two names, so it replaces no file of its own or of cvkit."""
    result = host.run(RECIPE + "sections: [curve, {name: acme/curve, title: Again <b>}]\n")
    assert result.warnings == []
    page = result.report.read_text()
    assert page.count("My losses") >= 1
    assert "Again &lt;b&gt;" in page
    found = {path.name for path in (result.folder / "figures" / "acme").iterdir()}
    assert found == {
        *("curve-curve.svg", "curve-curve.png", "curve-losses.csv"),
        *("curve-curve-2.svg", "curve-curve-2.png", "curve-losses-2.csv"),
    }


def test_installed_plugin_adds_nothing_unless_the_recipe_names_it(host):
    """So a report follows from its recipe."""
    result = host.run(RECIPE)
    assert "My losses" not in result.report.read_text()
    assert not (result.folder / "figures" / "acme").exists()


FAULTS = {
    "raising": "KeyError: 'losses'",
    "hungry": "MemoryError: no room",
    "lacking": "there is no notes.txt",
    "text": "returned an object of type str; expected a Section of the report",
    "escaping": "has the artifact name '../out'",
    "unshown": "returned a section that cannot be shown",
}


def test_section_that_fails_is_left_out_with_a_warning(host):
    """The warning names the component, and the rest of the report is written."""
    result = host.run(RECIPE + f"sections: [{', '.join(FAULTS)}, curve]\n")
    assert len(result.warnings) == len(FAULTS)
    for line, (name, words) in zip(result.warnings, FAULTS.items(), strict=True):
        assert f"section 'acme/{name}'" in line
        assert words in line
        assert line.endswith("the report has no such section")
    assert "My losses" in result.report.read_text()
    assert not (result.folder / "out.csv").exists()


def test_mistakes_are_found_before_the_run(host):
    """As in every component."""
    with pytest.raises(RecipeError) as raised:
        host.run(RECIPE + "sections: [{name: curve, titel: x}, curv]\n")
    assert "unknown option 'titel' for section 'acme/curve'" in str(raised.value)
    assert "unknown section 'curv'" in str(raised.value)


def test_declaration_is_text():
    """Listing a section imports nothing of it."""
    catalog = cvkit.discover(distributions=["cvkit-core"])
    from cvkit.host.component import Origin

    catalog.admit(Origin("acme", "in-process", "0"), Plugin())
    assert next(entry.id for entry in catalog["sections"].entries()) == "acme/curve"
    assert "acme_sections" not in sys.modules
