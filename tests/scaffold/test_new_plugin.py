"""``cvkit new-plugin``: what it writes and says, and what it refuses."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from cvkit.scaffold.kinds import KIND_TEMPLATES


def test_package_is_written_and_its_files_are_listed(new_plugin, tmp_path, wording):
    """Each file on a line, then the commands that come next."""
    answer = new_plugin("acme-net", "--kind", "model")
    assert (answer.code, answer.err) == (0, "")
    listed, _, following = answer.out.partition("\n\n")
    files = [path for path in (tmp_path / "cvkit-acme-net").rglob("*") if path.is_file()]
    assert listed.splitlines() == sorted(str(path.relative_to(tmp_path)) for path in files)
    assert [line for line in following.splitlines() if line.startswith("  ")] == [
        "  cd cvkit-acme-net",
        '  pip install -e ".[test]"',
        "  cvkit list models",
        "  cvkit run recipe.yaml",
        "  pytest",
    ]
    assert answer.out == wording


def test_output_says_where(new_plugin, tmp_path):
    """The folder is made where it is not there, and quoted where a shell needs that."""
    answer = new_plugin("acme-net", "--kind", "loss", "--output", "my plugins")
    assert answer.code == 0
    assert "  cd 'my plugins/cvkit-acme-net'\n" in answer.out
    assert (tmp_path / "my plugins" / "cvkit-acme-net" / "pyproject.toml").exists()


@pytest.mark.parametrize(
    "name", ["", "2net", "class", "torch", "timm", "core", "größe", "a" * 99, "null", "custom-resnet"]
)
def test_bad_name_is_refused_in_a_line(new_plugin, tmp_path, name, wording):
    """Nothing is written."""
    answer = new_plugin(name, "--kind", "model")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.replace(version("cvkit-core"), "<version>") == wording
    assert len(answer.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_folder_that_exists_is_refused(new_plugin, tmp_path, wording):
    """What is in it stays as it was."""
    (tmp_path / "cvkit-acme-net").mkdir()
    (tmp_path / "cvkit-acme-net" / "mine.txt").touch()
    answer = new_plugin("acme-net", "--kind", "model")
    assert (answer.code, answer.out) == (2, "")
    assert "'cvkit-acme-net'" in answer.err
    assert "--output" in answer.err
    assert answer.err == wording
    assert [path.name for path in tmp_path.rglob("*")] == ["cvkit-acme-net", "mine.txt"]


def test_kind_must_be_given(new_plugin, tmp_path):
    """The message lists the kinds there are."""
    answer = new_plugin("acme-net")
    assert answer.code == 2
    assert "'--kind'" in answer.err
    assert all(noun in answer.err for noun in KIND_TEMPLATES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "meant"), [("modle", "model"), ("augmentations", "augmentation"), ("data-set", "dataset")]
)
def test_misspelt_kind_suggests_the_nearest(new_plugin, tmp_path, typed, meant, wording):
    """As everywhere in cvkit."""
    answer = new_plugin("acme-net", "--kind", typed)
    assert answer.code == 2
    assert f"'{typed}'" in answer.err
    assert f"'{meant}'" in answer.err
    assert answer.err.partition("'--kind': ")[2] == wording
    assert list(tmp_path.iterdir()) == []
