"""The notebooks run from their first cell to their last, and are kept with what their cells showed."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

SHARED = Path(__file__).parents[1] / "shared"
NOTEBOOKS = sorted((Path(__file__).parents[2] / "docs" / "notebooks").glob("*.ipynb"))

SMALLER = {
    '"train_size": 6000': '"train_size": 320',
    '"test_size": 500': '"test_size": 60',
    '"epochs": 5': '"epochs": 2',
}
"""What is written in their recipes, and what is trained here in its place."""

FORGET = "%reset -f"
UNRENDERED = f"import sys; sys.path.append({str(SHARED)!r}); import unrendered; unrendered.figures().__enter__()"


def test_notebooks_run(tmp_path):
    """Every cell, in a kernel that starts in an empty folder and forgets all names between notebooks.

    One kernel for all, which loads torch once; their recipes train less, and the reports' figures are not rendered.
    """
    sources = [UNRENDERED]
    for path in NOTEBOOKS:
        written = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        sources += [*map(smaller, written), FORGET]
    whole = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    done = NotebookClient(whole, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [cell.execution_count for cell in done.cells] == [*range(1, len(sources) + 1)]
    ends = [number for number, source in enumerate(sources) if source == FORGET]
    assert len(ends) == len(NOTEBOOKS) > 1
    assert all(done.cells[end - 1].outputs for end in ends)  # the last cell of each shows something


def smaller(source: str) -> str:
    """A cell with a recipe that trains less; other cells as they are."""
    if "recipe = {" in source:
        for written, less in SMALLER.items():
            assert written in source
            source = source.replace(written, less)
    return source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_kept_with_its_outputs(path):
    """A reader of the repository sees results without running anything, and no error among them."""
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [*range(1, len(code) + 1)]
    kinds = {output.output_type for cell in code for output in cell.outputs}
    assert "execute_result" in kinds
    assert "error" not in kinds
