"""A user without a name and a home folder, as containers have them: nothing that needs no such folder fails."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from cvkit import DataError
from cvkit.runs.data_folder import data_folder


@pytest.fixture
def nameless(monkeypatch) -> None:
    """No HOME, nothing of XDG's, and no entry in the system's list of users."""

    def unknown(user: object) -> None:
        raise KeyError(f"getpwuid(): uid not found: {user}")

    for name in ("HOME", "XDG_CACHE_HOME", "CVKIT_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.mark.usefixtures("nameless")
def test_data_folder_is_below_the_current_folder(tmp_path, monkeypatch):
    """Nothing is made there until a data set is fetched."""
    monkeypatch.chdir(tmp_path)
    assert data_folder(None) == Path("cvkit-data")
    assert list(tmp_path.iterdir()) == []


def test_given_folder_of_an_unknown_home_is_refused(wording, nameless):  # `wording` asks for the home first
    """It says what to give instead."""
    with pytest.raises(DataError) as caught:
        data_folder(Path("~/data"))
    assert "'~/data'" in str(caught.value)
    assert str(caught.value) == wording
