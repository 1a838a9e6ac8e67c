"""Results are named after their inputs; those of others with the same names are kept."""

from __future__ import annotations

import json

import pytest

from cvkit.files.inputs import INPUTS, inputs_digest, place_for


def written(place, digest):
    """Results at a place."""
    place.mkdir(parents=True)
    (place / "metrics.json").write_text(json.dumps({INPUTS: digest}))


def test_results_of_the_same_inputs_have_the_same_place(tmp_path):
    """They are replaced."""
    digest = inputs_digest([tmp_path / "a" / "run", None, "test"])
    assert place_for(tmp_path, "run-test", "metrics.json", digest) == tmp_path / "run-test"
    written(tmp_path / "run-test", digest)
    assert place_for(tmp_path, "run-test", "metrics.json", digest) == tmp_path / "run-test"


@pytest.mark.parametrize("content", ['{"inputs_digest": "other"}', "{}", "[", "[]"])
def test_results_of_other_inputs_or_unknown_ones_are_kept(tmp_path, content):
    """Two runs `seed-0` of different repeats have equal names."""
    (tmp_path / "seed-0-test").mkdir()
    (tmp_path / "seed-0-test" / "metrics.json").write_text(content)
    digest = inputs_digest([tmp_path / "one" / "seed-0"])
    found = place_for(tmp_path, "seed-0-test", "metrics.json", digest)
    assert found == tmp_path / f"seed-0-test-{digest[:8]}"


def test_digest_follows_links_and_distinguishes_inputs(tmp_path):
    """The same folder by another path is the same input."""
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "run")
    assert inputs_digest([tmp_path / "link", "test"]) == inputs_digest([tmp_path / "run", "test"])
    assert inputs_digest([tmp_path / "run", "test"]) != inputs_digest([tmp_path / "run", "validation"])
