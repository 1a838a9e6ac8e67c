"""What was read and left out, as lines and as JSON."""

from __future__ import annotations

import json

from cvkit import DataAccount, ImageCount, LeftOut


def test_lines_name_a_few_files_of_each_reason_and_count_the_rest(wording):
    """The JSON has all of them."""
    left_out = [*(LeftOut(f"{number}.txt", "text") for number in range(1200)), LeftOut("a.png", "damaged: cut")]
    account = DataAccount(
        {"train": {"cat": 1000, "dog": 7}, "test": {"cat": 3, "dog": 0}}, tuple(left_out), ("a note",)
    )
    assert "\n".join(account.lines()) == wording
    stored = json.loads(json.dumps(account.to_json()))
    assert stored["counts"] == {"train": {"cat": 1000, "dog": 7}, "test": {"cat": 3, "dog": 0}}
    assert len(stored["left_out"]) == 1201
    assert stored["left_out"][-1] == {"name": "a.png", "reason": "damaged: cut"}
    assert stored["notes"] == ["a note"]


def test_json_has_the_images_of_sets():
    """An image with several labels counts for each, so the counts of the classes do not give the number of images."""
    account = DataAccount({"train": {"cat": 2, "dog": 2}}, images={"train": ImageCount(5, 2)})
    assert json.loads(json.dumps(account.to_json()))["images"] == {"train": {"images": 5, "unlabelled": 2}}
