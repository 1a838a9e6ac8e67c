"""Reading recipes stays light."""

from __future__ import annotations

import subprocess
import sys

import cvkit.recipe


def test_recipes_need_neither_torch_nor_numpy():
    """Checking a recipe must not wait for the engine's libraries to load."""
    code = "import sys, cvkit.recipe; print({'torch', 'numpy', 'cvkit.engine'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_public_names_are_there():
    """Every exported name exists, and the list is sorted as readers expect."""
    assert all(hasattr(cvkit.recipe, name) for name in cvkit.recipe.__all__)
