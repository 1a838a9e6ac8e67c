"""``cvkit add``: a component in a plugin's project, and nothing that was there replaced."""

from __future__ import annotations

import errno
import os
import sys
import tomllib
from pathlib import Path

import pytest

from cvkit.host.discovery import discover
from cvkit.scaffold.kinds import KIND_TEMPLATES


@pytest.fixture
def add(cvkit, monkeypatch):
    """Call ``cvkit add`` with arguments in a project's folder."""

    def call(project: Path, *arguments: str):
        monkeypatch.chdir(project)
        return cvkit("add", *arguments)

    return call


@pytest.fixture
def project(new_plugin, tmp_path, monkeypatch):
    """A new plugin with a model, whose folder is the working folder."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert new_plugin("acme-add", "--kind", "model").code == 0
    monkeypatch.chdir(tmp_path / "cvkit-acme-add")
    yield tmp_path / "cvkit-acme-add"
    for name in [name for name in sys.modules if name.partition(".")[0] == "cvkit_acme_add"]:
        del sys.modules[name]


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_component_of_every_kind_is_added(add, project, wording):
    """Module, recipe, tests, declaration and README; each is found as the project declares it."""
    before = contents(project)
    others = [noun for noun in KIND_TEMPLATES if noun != "model"]
    for noun in others:
        answer = add(project, noun)
        assert (answer.code, answer.err) == (0, "")
        assert f"src/cvkit_acme_add/{noun}.py" in answer.out
        assert "src/cvkit_acme_add/__init__.py" in answer.out
        assert f"  cvkit run recipe_{noun}.yaml\n" in answer.out
    assert answer.out == wording
    after = contents(project)
    changed = {path for path, text in before.items() if after[path] != text}
    assert changed == {"src/cvkit_acme_add/__init__.py", "README.md"}
    assert all(after[path].startswith(before[path].rstrip()) for path in changed)
    assert len(after) == len(before) + 4 * len(others)
    catalog = discover(paths=[project])
    for sample in KIND_TEMPLATES.values():
        entry = catalog[sample.kind.name].find("acme_add/acme_add")
        assert entry.contract_violations() == []


def test_second_component_of_a_kind_has_a_name(add, project, wording):
    """Without one its files would be in the place of the first's."""
    answer = add(project, "model")
    assert answer.code == 2
    assert "'src/cvkit_acme_add/model.py'" in answer.err
    assert answer.err == wording
    answer = add(project, "model", "--name", "Other-Net")
    assert answer.code == 0
    models = discover(paths=[project])["models"]
    assert models.find("other_net").id == "acme_add/other_net"
    assert models.find("acme_add/acme_add").component.target == "cvkit_acme_add.model:small_cnn"
    tests = (project / "tests" / "test_other_net.py").read_text()
    assert 'component = "acme_add/other_net"' in tests
    assert '"recipe_other_net.yaml"' in tests


def test_project_of_another_layout_is_added_to(add, project):
    """The package lies in the folder itself, and its declaration in a module of its own."""
    (project / "src" / "cvkit_acme_add").rename(project / "cvkit_acme_add")
    package = project / "cvkit_acme_add"
    (package / "__init__.py").rename(package / "plugin.py")
    (package / "__init__.py").touch()
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace('= "cvkit_acme_add"', '= "cvkit_acme_add.plugin"'))
    (project / "README.md").unlink()
    assert add(project, "loss").code == 0
    assert (package / "loss.py").exists()
    assert not (project / "README.md").exists()
    assert discover(paths=[project])["losses"].find("acme_add/acme_add").origin.file == str(package)


def refused(add, project, *options: str) -> str:
    """Return why a loss is not added; nothing has changed then."""
    before = contents(project)
    answer = add(project, "loss", *options)
    assert (answer.code, answer.out) == (2, "")
    assert contents(project) == before
    return answer.err


def test_declaration_that_cannot_be_edited_is_printed(add, project, wording):
    """With what to write in it; once it is there, the command writes the rest."""
    declaration = project / "src" / "cvkit_acme_add" / "__init__.py"
    listing = '\n\n@hookimpl\ndef cvkit_losses():\n    return [Component("x", "cvkit_acme_add.loss:{}")]\n'
    text = declaration.read_text()
    declaration.write_text(text + listing.format("Other"))
    error = refused(add, project)
    assert "'cvkit_losses'" in error
    assert '        "cvkit_acme_add.loss:FocalLoss",\n' in error
    assert error == wording
    declaration.write_text(text + listing.format("FocalLoss"))
    answer = add(project, "loss")
    assert answer.code == 0
    assert "__init__.py" not in answer.out
    assert (project / "src" / "cvkit_acme_add" / "loss.py").exists()


ENTRY = '[project]\nname = "x"\n[project.entry-points.cvkit]\n'


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (None, "pyproject.toml"),
        ('[project]\nname = "x"\n', "[project.entry-points.cvkit]"),
        (f'{ENTRY}a = "cvkit_acme_add"\nb = "cvkit_acme_add"\n', "a, b"),
        (f'{ENTRY}a = "nowhere"\n', "'nowhere'"),
        (f'{ENTRY}a = "cvkit_acme_add:plugin"\n', "'src/cvkit_acme_add/__init__.py'"),
        ('[project.entry-points.cvkit]\na = "cvkit_acme_add"\n', "pyproject.toml"),
    ],
    ids=["no settings", "no entry point", "two plugins", "no package", "object", "no name"],
)
def test_what_is_no_plugin_s_project_is_refused(add, project, settings, named, wording):
    """In a sentence that says what is missing."""
    if settings is None:
        (project / "pyproject.toml").unlink()
    else:
        (project / "pyproject.toml").write_text(settings)
    error = refused(add, project)
    assert named in error
    assert error == wording


def test_settings_that_do_not_parse_are_refused(add, project, wording):
    """In Python's words."""
    with pytest.raises(tomllib.TOMLDecodeError) as pythons:
        tomllib.loads("[project\n")
    (project / "pyproject.toml").write_text("[project\n")
    error = refused(add, project)
    assert str(pythons.value) in error
    assert error.replace(str(pythons.value), "<Python's words>") == wording


def test_plugin_of_several_is_chosen(add, project, wording):
    """A name that is none of them suggests the nearest."""
    (project / "pyproject.toml").write_text(f'{ENTRY}acme = "cvkit_acme_add"\nother = "cvkit_acme_add"\n')
    error = refused(add, project, "--plugin", "othr")
    assert "'other'" in error
    assert error == wording
    assert add(project, "loss", "--plugin", "other").code == 0
    assert 'component = "other/other"' in (project / "tests" / "test_loss.py").read_text()


@pytest.mark.parametrize("name", ["2x", "cross_entropy", ""])
def test_name_that_cannot_be_one_is_refused(add, project, name, wording):
    """As in a new plugin."""
    error = refused(add, project, "--name", name)
    assert f"{name}'" in error
    assert error == wording


def test_files_that_cannot_be_written_leave_the_project_as_it_was(add, project, wording):
    """Also those that were written before."""
    for path in (project / "tests").iterdir():
        path.unlink()
    (project / "tests").rmdir()
    (project / "tests").touch()
    error = refused(add, project)
    assert os.strerror(errno.EEXIST) in error
    assert error.replace(os.strerror(errno.EEXIST), "<the system's words>") == wording


def test_new_plugin_with_several_kinds_declares_each(new_plugin, tmp_path, monkeypatch):
    """Named twice, a kind is there once; the first is the package's main one."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    answer = new_plugin("acme-two", "--kind", "loss", "--kind", "scheduler", "--kind", "loss")
    assert answer.code == 0
    assert "  cvkit list --plugin acme_two\n" in answer.out
    project = tmp_path / "cvkit-acme-two"
    assert sorted(path.name for path in project.glob("*.yaml")) == ["recipe.yaml", "recipe_scheduler.yaml"]
    catalog = discover(paths=[project])
    ids = [(entry.kind.name, entry.id) for entry in catalog.entries() if entry.origin.plugin == "acme_two"]
    assert sorted(ids) == [("losses", "acme_two/acme_two"), ("schedulers", "acme_two/acme_two")]
    headings = [line for line in (project / "README.md").read_text().splitlines() if line.startswith("## ")]
    assert [line for line in headings if "scheduler" in line] != []
    sys.modules.pop("cvkit_acme_two")
