"""Which run of another program belongs to a run folder."""

from __future__ import annotations

import pytest

from cvkit import ExternalRun, RunError


def test_it_is_kept_in_the_run_folder(tmp_path):
    """The next session finds the name and the last step; steps never go back."""
    first = ExternalRun(tmp_path, "tracker")
    assert (first.id, first.step) == ("", 0)
    first.begin("abc")
    first.reached(12)
    first.reached(8)
    again = ExternalRun(tmp_path, "tracker")
    assert (again.id, again.step) == ("abc", 12)
    assert ExternalRun(tmp_path, "other").id == ""


@pytest.mark.parametrize("content", ["{", "[]", '{"id": 5, "step": 1}', '{"id": "a"}', '{"id": "a", "step": -1}'])
def test_damaged_file_is_named(tmp_path, content):
    """It is not guessed which run was meant."""
    ExternalRun(tmp_path, "tracker").begin("abc")
    (tmp_path / "observers" / "tracker.json").write_text(content)
    with pytest.raises(RunError, match=r"tracker\.json' is damaged: .* Remove it to begin"):
        ExternalRun(tmp_path, "tracker")


def test_links_are_not_followed(tmp_path):
    """A run folder may come from a stranger."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run = tmp_path / "run"
    run.mkdir()
    (run / "observers").symlink_to(elsewhere)
    with pytest.raises(RunError):
        ExternalRun(run, "tracker").begin("abc")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../tracker", "Tracker", "a b"])
def test_name_is_one_word(tmp_path, name):
    """It becomes a file name."""
    with pytest.raises(ValueError, match="lower-case"):
        ExternalRun(tmp_path, name)
