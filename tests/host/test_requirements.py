"""Requirements: what is asked of the environment, and what to say where it is not met."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from cvkit.host.requirements import installed, missing_requirements

TORCH = version("torch")


@pytest.mark.parametrize("text", ["torch", "Torch", "torch>=2", "torch >= 2, < 99", "nowhere; python_version < '3'"])
def test_requirement_that_is_met_says_nothing(text):
    """A name, a version, several, and one that is not for this interpreter."""
    assert missing_requirements([text]) == []


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("nowhere", "pip install 'nowhere'"),
        ("nowhere>=1.2", "pip install 'nowhere>=1.2'"),
        ("torch>=99", "pip install 'torch>=99'"),
        ("nowhere; python_version > '3'", "pip install 'nowhere'"),
    ],
)
def test_requirement_that_is_not_met_comes_with_a_command(text, command, wording):
    """What is needed, what is there, what to type."""
    (sentence,) = missing_requirements(["torch", text])
    assert command in sentence
    assert (TORCH in sentence) == text.startswith("torch")
    assert sentence.replace(TORCH, "<version>") == wording


def test_missing_package_of_an_extra_names_the_extra():
    """The distribution knows best which version goes with it."""
    (sentence,) = missing_requirements(["no-such-linter"], "cvkit-core")
    assert "pip install 'no-such-linter'" in sentence
    (sentence,) = missing_requirements(["setuptools_scm_no>=1"], "no-such-distribution")
    assert "pip install 'setuptools_scm_no>=1'" in sentence


def test_extra_is_found_in_the_metadata(tmp_path, monkeypatch):
    """Whatever the spelling of the package's name, the extra that brings it, and the least beside, is offered."""
    info = tmp_path / "acme_nets-1.0.dist-info"
    info.mkdir()
    needs = ['No.Where>=2; extra == "all"', 'other; extra == "all"', 'No.Where>=2; extra == "board"']
    lines = ["Name: acme-nets", "Version: 1.0", *(f"Requires-Dist: {need}" for need in needs)]
    (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))
    monkeypatch.syspath_prepend(tmp_path)
    (sentence,) = missing_requirements(["no-where"], "acme-nets")
    assert "pip install 'acme-nets[board]'" in sentence


@pytest.mark.parametrize("text", ["", "torch at least 2", ">=2", "torch>=two"])
def test_text_that_is_no_requirement_is_refused(text, wording):
    """A slip of the author's is not taken for a package that is missing."""
    with pytest.raises(ValueError, match=f"'{text}'"):
        missing_requirements([text])


def test_text_that_is_no_requirement_is_told_with_one_that_is(wording):
    """As an example."""
    with pytest.raises(ValueError, match="torch at least 2") as caught:
        missing_requirements(["torch at least 2"])
    assert str(caught.value) == wording


def test_installed_tells_the_versions_there_are():
    """By distribution, without those that are not there."""
    assert installed(["torch>=1", "nowhere"]) == {"torch": TORCH}
