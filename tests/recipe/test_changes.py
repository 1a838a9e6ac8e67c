"""What of a resolved recipe was changed: told by value, and whether a run that has begun may take it over."""

from __future__ import annotations

import pytest

from cvkit import RecipeError, discover
from cvkit.recipe import RUN_KEYS, changes, dump, keys_of, read_text, resolve

RECIPE = """\
name: small
dataset: {name: shapes, train_size: 70}
augmentations: [horizontal_flip]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, weight_decay: 0.1}
explainers: [grad_cam]
"""
CATALOG = discover(distributions=["cvkit-core"])


def resolved(*overrides: str):
    return resolve(read_text(RECIPE, overrides), CATALOG)


TEXT = dump(resolved())


def test_same_recipe_has_no_changes():
    """Neither has one with a remark, or in other words."""
    assert changes(TEXT, resolved()) == ()
    assert changes(TEXT + "# mine\n", resolved()) == ()
    assert changes(TEXT.replace("train_size: 70", "train_size: 0x46"), resolved()) == ()


@pytest.mark.parametrize(
    ("override", "before", "free"),
    [
        ("optimizer.weight_decay=0.5", "0.1", False),
        ("seed=1", "0", False),
        ("train.clip_norm=2.0", "null", False),
        ("train.workers=0", "2", True),
        ("train.device=cpu", "auto", True),
        ("evaluation.batch_size=7", "500", True),
        ("report.misclassified=0", "48", True),
        ("plugins.disable=[timm]", "[]", True),
        ("name=other", "small", True),
    ],
)
def test_change_is_known_by_both_values(override, before, free):
    """What decides the weights is bound to the run; how it is carried out is free."""
    (change,) = changes(TEXT, resolved(override))
    path, _, now = override.partition("=")
    assert (change.path, change.before, change.now, change.free) == (path, before, now, free)


def test_change_is_said_with_both_values(wording):
    """And where it is."""
    (change,) = changes(TEXT, resolved("optimizer.weight_decay=0.5"))
    assert str(change) == wording


def test_added_and_removed_parts_are_changes(wording):
    """Of a list, by place."""
    removed = changes(TEXT, resolved("augmentations=[]"))
    assert [change.path for change in removed] == ["augmentations.0.name", "augmentations.0.p"]
    assert [str(change) for change in removed] == wording(name="removed")
    added = changes(TEXT, resolved("explainers=[grad_cam, layer_cam]"))
    assert "explainers.1.name" in [change.path for change in added]
    assert [str(change) for change in added] == wording(name="added")
    assert all(change.free for change in added)


def test_default_that_a_later_version_brought_is_no_change():
    """An earlier version's text lacks it."""
    for line in ("  clip_norm: null\n", "  nesterov: false\n"):
        assert line in TEXT
        assert changes(TEXT.replace(line, ""), resolved()) == ()
    assert changes(TEXT.replace("  clip_norm: null\n", ""), resolved("train.clip_norm=2.0"))


SAMPLER = "sampler:\n  name: torch/shuffle\n"


def test_part_that_a_later_version_brought_is_no_change():
    """An earlier version's text lacks the sampler; another one than the default is a change."""
    assert SAMPLER in TEXT
    earlier = TEXT.replace(SAMPLER, "")
    assert changes(earlier, resolved()) == ()
    (change,) = changes(earlier, resolved("sampler=balanced"))
    assert (change.path, change.before, change.now) == ("sampler.name", "absent", "torch/balanced")
    assert not change.free


def test_text_that_was_cut_lacks_keys():
    """Wherever it was cut between two lines, but for the last section, which is one line long."""
    lines = TEXT.splitlines(keepends=True)
    assert keys_of(TEXT) >= RUN_KEYS
    for number in range(3, len(lines) - 1):
        assert "plugins" not in keys_of("".join(lines[:number])) or lines[number - 1] == "plugins:\n"


def test_earlier_text_that_extends_a_file_is_not_followed(tmp_path):
    """It may be a stranger's: what the file holds must not be shown."""
    (tmp_path / "secret.yaml").write_text("token: s3cret\n")
    with pytest.raises(RecipeError) as told:
        changes(f"extends: {tmp_path / 'secret.yaml'}\n{TEXT}", resolved())
    assert "s3cret" not in str(told.value)
