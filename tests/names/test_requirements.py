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
    ("text", "sentence"),
    [
        ("nowhere", "nowhere is needed, and it is not installed: pip install 'nowhere'"),
        ("nowhere>=1.2", "nowhere>=1.2 is needed, and it is not installed: pip install 'nowhere>=1.2'"),
        ("torch>=99", f"torch>=99 is needed, and {TORCH} is installed: pip install 'torch>=99'"),
        ("nowhere; python_version > '3'", "nowhere is needed, and it is not installed: pip install 'nowhere'"),
    ],
)
def test_requirement_that_is_not_met_comes_with_a_command(text, sentence):
    """What is needed, what is there, what to type."""
    assert missing_requirements(["torch", text]) == [sentence]


def test_missing_package_of_an_extra_names_the_extra():
    """The distribution knows best which version goes with it."""
    assert missing_requirements(["no-such-linter"], "cvkit-core") == [
        "no-such-linter is needed, and it is not installed: pip install 'no-such-linter'"
    ]
    (sentence,) = missing_requirements(["setuptools_scm_no>=1"], "no-such-distribution")
    assert sentence.endswith("pip install 'setuptools_scm_no>=1'")


def test_extra_is_found_in_the_metadata(tmp_path, monkeypatch):
    """Whatever the spelling of the package's name, the extra that brings it, and the least beside, is offered."""
    info = tmp_path / "acme_nets-1.0.dist-info"
    info.mkdir()
    needs = ['No.Where>=2; extra == "all"', 'other; extra == "all"', 'No.Where>=2; extra == "board"']
    lines = ["Name: acme-nets", "Version: 1.0", *(f"Requires-Dist: {need}" for need in needs)]
    (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, ""]))
    monkeypatch.syspath_prepend(tmp_path)
    assert missing_requirements(["no-where"], "acme-nets") == [
        "no-where is needed, and it is not installed: pip install 'acme-nets[board]'"
    ]


@pytest.mark.parametrize("text", ["", "torch at least 2", ">=2", "torch>=two"])
def test_text_that_is_no_requirement_is_refused(text):
    """A slip of the author's is not taken for a package that is missing."""
    with pytest.raises(ValueError, match="is not a requirement, such as"):
        missing_requirements([text])


def test_installed_tells_the_versions_there_are():
    """By distribution, without those that are not there."""
    assert installed(["torch>=1", "nowhere"]) == {"torch": TORCH}
