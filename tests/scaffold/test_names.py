"""One word names a plugin: everything else is called after it, and what cannot be a name is refused."""

from __future__ import annotations

import pytest

from cvkit import KINDS, CvkitError, discover
from cvkit.scaffold.names import LONGEST, read_name, require_free


@pytest.mark.parametrize(
    "text", ["acme-net", "acme_net", "cvkit-acme-net", "cvkit_acme_net", "Acme.Net", "CVKIT-acme--net"]
)
def test_every_spelling_is_one_name(text):
    """As in the names of distributions, case and kind of separator make no difference."""
    name = read_name(text)
    assert (name.distribution, name.package, name.plugin) == ("cvkit-acme-net", "cvkit_acme_net", "acme_net")


@pytest.mark.parametrize(
    "text",
    ["", " ", "cvkit-", "-", "2net", "cvkit-2net", "acme net", "acme/net", "../net", "größe", "net!", "-net", "net_"],
)
def test_what_is_no_name_is_refused(text):
    """A name is letters a-z, digits and single separators, a letter first; the message says so in a line."""
    with pytest.raises(CvkitError) as refusal:
        read_name(text)
    assert f"'{text}'" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["class", "cvkit-lambda", "Import"])
def test_keywords_are_refused(text):
    """What Python reserves names nothing."""
    with pytest.raises(CvkitError, match=f"'{text.lower().removeprefix('cvkit-')}'"):
        read_name(text)


@pytest.mark.parametrize("text", ["null", "true", "False", "yes", "no", "on", "off", "y", "cvkit-N"])
def test_words_of_yaml_are_refused(text):
    """In a recipe they would be values, by one version of YAML or another."""
    with pytest.raises(CvkitError, match=f"'{text.lower().removeprefix('cvkit-')}'"):
        read_name(text)


def test_long_names_are_refused():
    """If a name is too long for the lines of the package, the error states the maximum length."""
    assert read_name("a" * LONGEST).plugin == "a" * LONGEST
    with pytest.raises(CvkitError, match=rf"(?s)(?=.*\b{LONGEST + 1}\b)(?=.*\b{LONGEST}\b)"):
        read_name("a" * (LONGEST + 1))


def test_names_of_installed_plugins_are_taken():
    """A name that two plugins share would not identify one of them."""
    for status in discover().statuses:
        with pytest.raises(CvkitError, match=f"'{status.origin.plugin}'"):
            require_free(read_name(status.origin.plugin), KINDS["models"])


def test_names_of_components_are_taken_among_their_kind():
    """A recipe's short name would mean two; parts of two kinds cannot be mistaken for each other."""
    catalog = discover()
    plugins = {status.origin.plugin for status in catalog.statuses}  # their names are taken in every kind
    for entry in catalog.entries():
        if not entry.component.is_family and entry.component.name not in plugins:
            name = read_name(entry.component.name)
            with pytest.raises(CvkitError, match=f"'{entry.id}'"):
                require_free(name, entry.kind)
            other = KINDS["losses" if entry.kind.name == "models" else "models"]
            require_free(name, other)


def test_own_distribution_is_taken():
    """A plugin called core would be installed over cvkit itself, which is `cvkit-core`."""
    with pytest.raises(CvkitError, match="cvkit-core"):
        require_free(read_name("core"), KINDS["models"])


def test_packages_that_can_be_imported_are_taken(tmp_path, monkeypatch, wording):
    """A package of that name would be hidden, or hide the new one."""
    require_free(read_name("acme-net"), KINDS["models"])
    (tmp_path / "cvkit_acme_net").mkdir()
    (tmp_path / "cvkit_acme_net" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CvkitError, match="'cvkit_acme_net'") as refusal:
        require_free(read_name("acme-net"), KINDS["models"])
    assert str(refusal.value) == wording
