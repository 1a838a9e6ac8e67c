"""The package that a component is in, and the digest of its files."""

from __future__ import annotations

import hashlib
import sys
from types import ModuleType

import pytest

from cvkit.host.source_code import package_of, source_digest


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two files on the path, not imported."""
    folder = tmp_path / "sourced_package"
    (folder / "nets").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "nets" / "small.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_digest_is_of_every_file_of_the_package(package):
    """A change in any file, or a new one, is a change; nothing is imported to find out."""
    assert package_of("sourced_package.nets.small:net") == package
    before = source_digest(package)
    digest = hashlib.sha256()
    for name, content in (("__init__.py", b""), ("nets/small.py", b"raise RuntimeError('imported')")):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    assert before == digest.hexdigest()
    (package / "other.py").write_text("")
    assert source_digest(package) != before
    assert "sourced_package" not in sys.modules


def test_what_editors_leave_behind_is_passed_over(package):
    """A lock file is a link to nowhere, and a folder may be called like a file."""
    before = source_digest(package)
    (package / ".#small.py").symlink_to("you@host.1234")
    (package / "strange.py").mkdir()
    (package / "gone.py").symlink_to("nowhere")
    assert source_digest(package) == before


def test_package_of_a_namespace_is_the_first_below(tmp_path, monkeypatch):
    """Many distributions may share a namespace; only the one that holds the target counts."""
    (tmp_path / "sourced_space" / "nets").mkdir(parents=True)
    (tmp_path / "sourced_space" / "nets" / "__init__.py").write_text("")
    (tmp_path / "sourced_space" / "single.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert package_of("sourced_space.nets.small:net") == tmp_path / "sourced_space" / "nets"
    assert package_of("sourced_space.single:net") == tmp_path / "sourced_space" / "single.py"


def test_what_has_no_source_has_no_package(monkeypatch):
    """A compiled module, one that is not there, and one made in memory."""
    monkeypatch.setitem(sys.modules, "made_in_memory", ModuleType("made_in_memory"))
    for module in ("math", "nowhere_at_all", "made_in_memory"):
        assert package_of(f"{module}:net") is None
