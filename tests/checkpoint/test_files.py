"""A checkpoint is whole or absent, and says so if a byte of it changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from cvkit import CheckpointError
from cvkit.checkpoint import files as checkpoint
from cvkit.checkpoint.files import clear_leftovers, read_checkpoint, read_newest, write_checkpoint


def state(value: float) -> dict:
    return {"step": int(value), "w": torch.full((64,), value), "rates": [0.1, value]}


def test_state_read_back_is_the_state_written(tmp_path):
    """Numbers, series and tensors."""
    folder = write_checkpoint(tmp_path, 27, state(1.0))
    assert folder.name == "step-00000027"
    read = read_checkpoint(folder)
    assert read["rates"] == [0.1, 1.0]
    assert torch.equal(read["w"], torch.ones(64))


def test_newest_two_are_kept_and_the_newest_is_read(tmp_path):
    """Older ones are pruned after the new one stands."""
    for step in (3, 10, 200):
        write_checkpoint(tmp_path, step, state(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000010", "step-00000200"]
    newest, damaged = read_newest(tmp_path)
    assert newest["step"] == 200
    assert damaged == []


def test_nothing_written_reads_as_nothing(tmp_path):
    """A run killed before its first checkpoint starts over."""
    assert read_newest(tmp_path / "checkpoints") == (None, [])


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_damage_is_always_noticed_and_the_older_checkpoint_used(tmp_path, name, damage):
    """One flipped bit, a short file, a missing file: never silently believed."""
    write_checkpoint(tmp_path, 1, state(1.0))
    file = write_checkpoint(tmp_path, 2, state(2.0)) / name
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "truncate":
        file.write_bytes(content[:-1])
    else:
        file.unlink()
    newest, damaged = read_newest(tmp_path)
    assert newest["step"] == 1
    (told,) = damaged
    assert "step-00000002" in told


def test_file_of_another_size_is_damaged_without_being_read(tmp_path, monkeypatch, wording):
    """A terabyte of holes takes no room on a stranger's disk, and hours to hash."""
    with (write_checkpoint(tmp_path, 1, state(1.0)) / "tensors.safetensors").open("r+b") as file:
        file.truncate(1 << 40)
    read: list[str] = []
    monkeypatch.setattr(checkpoint.hashlib, "file_digest", lambda file, _: read.append(file.name))
    newest, (damaged,) = read_newest(tmp_path)
    assert newest is None
    assert "tensors.safetensors" in damaged
    assert damaged == wording
    assert read == []


@pytest.mark.parametrize("failing_sync", range(6))
def test_failure_while_writing_leaves_what_was_there(tmp_path, monkeypatch, failing_sync):
    """As on a full disk: each fsync of the writer fails in turn."""
    write_checkpoint(tmp_path, 1, state(1.0))
    calls = iter(range(100))
    real = os.fsync

    def fsync(descriptor):
        if next(calls) == failing_sync:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(checkpoint.os, "fsync", fsync)
    with pytest.raises(CheckpointError, match=r"No space left.*cvkit resume"):
        write_checkpoint(tmp_path, 2, state(2.0))
    monkeypatch.undo()
    newest, damaged = read_newest(tmp_path)
    assert newest["step"] in (1, 2)
    assert damaged == []
    assert not list(tmp_path.glob(".tmp-*"))


def test_failure_while_writing_is_told_with_what_to_do(tmp_path, monkeypatch, wording):
    """And that nothing is lost."""

    def fsync(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", fsync)
    with pytest.raises(CheckpointError) as caught:
        write_checkpoint(tmp_path, 2, state(2.0))
    assert str(caught.value) == wording


def test_leftover_of_a_killed_writer_is_cleared(tmp_path):
    """It was never renamed into place, so it is not a checkpoint; reading leaves it, as its writer may be at work."""
    write_checkpoint(tmp_path, 1, state(1.0))
    (tmp_path / ".tmp-step-00000002").mkdir()
    (tmp_path / ".tmp-step-00000002" / "state.json").write_text("{")
    assert read_newest(tmp_path)[0]["step"] == 1
    assert list(tmp_path.glob(".tmp-*"))
    clear_leftovers(tmp_path)
    assert not list(tmp_path.glob(".tmp-*"))
    assert read_newest(tmp_path)[0]["step"] == 1


def test_checkpoint_holds_no_pickle(tmp_path):
    """safetensors and JSON alone."""
    folder = write_checkpoint(tmp_path, 1, state(1.0))
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "state.json", "tensors.safetensors"]


@pytest.mark.parametrize("name", ["step-best", "step-00000005-mine", "step-3", "step-99999999.bak"])
def test_folder_that_cvkit_did_not_write_is_neither_read_nor_pruned(tmp_path, name):
    """A copy that a user keeps beside the checkpoints; it sorts before or after them."""
    write_checkpoint(tmp_path, 3, state(3))
    shutil.copytree(tmp_path / "step-00000003", tmp_path / name)
    for step in (6, 9, 12):
        write_checkpoint(tmp_path, step, state(step))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "step-00000009", "step-00000012"])
    assert read_newest(tmp_path)[0]["step"] == 12


def test_file_called_like_a_checkpoint_is_none(tmp_path):
    """Nor is a link to a checkpoint's folder: what it leads to is not cvkit's to remove."""
    write_checkpoint(tmp_path / "other", 7, state(7))
    write_checkpoint(tmp_path / "run", 1, state(1))
    (tmp_path / "run" / "step-00000005").write_text("")
    (tmp_path / "run" / "step-00000007").symlink_to(tmp_path / "other" / "step-00000007")
    newest, damaged = read_newest(tmp_path / "run")
    assert (newest["step"], damaged) == (1, [])
    for step in (8, 9, 10):
        write_checkpoint(tmp_path / "run", step, state(step))
    assert read_checkpoint(tmp_path / "other" / "step-00000007")["step"] == 7


def test_file_put_into_a_checkpoint_is_not_removed_with_it(tmp_path):
    """Pruning and replacing take away what cvkit wrote; the rest stays where its owner put it."""
    (write_checkpoint(tmp_path, 1, state(1)) / "notes.txt").write_text("the good one")
    for step in (2, 3, 4, 4):
        write_checkpoint(tmp_path, step, state(step))
    (note,) = tmp_path.rglob("notes.txt")
    assert note.read_text() == "the good one"


def test_checkpoints_of_an_earlier_end_do_not_push_out_new_ones(tmp_path):
    """The newest two are damaged, so the run goes back; what it writes then stays, though its steps are smaller."""
    for step in (3, 20, 30):
        write_checkpoint(tmp_path, step, state(step), keep=3)
    for step in (20, 30):
        (tmp_path / f"step-{step:08}" / "state.json").write_text("{")
    for step in (6, 9):
        write_checkpoint(tmp_path, step, state(step))
        assert read_newest(tmp_path)[0]["step"] == step


def test_reader_beside_a_training_never_calls_a_vanished_checkpoint_damaged(tmp_path, monkeypatch):
    """It is pruned, or written again, between any two of the reader's steps: the reader looks again."""
    write_checkpoint(tmp_path, 1, state(1))
    later = iter(range(2, 9))
    real = checkpoint._is_as_written

    def meanwhile(file, expected):
        if (step := next(later, None)) is not None:
            write_checkpoint(tmp_path, step, state(step), keep=1)
        return real(file, expected)

    monkeypatch.setattr(checkpoint, "_is_as_written", meanwhile)
    newest, damaged = read_newest(tmp_path)
    assert damaged == []
    assert newest["step"] == 8


def test_checkpoint_replaced_while_it_is_read_is_not_a_mixture(tmp_path, monkeypatch):
    """The same step is saved again between the reader's check and its load."""
    write_checkpoint(tmp_path, 1, state(1) | {"round": 1})
    real = checkpoint.load_file
    again = iter([True])

    def load(file):
        if next(again, False):
            write_checkpoint(tmp_path, 1, {"step": 1, "round": 2, "w": torch.zeros(64), "rates": []})
        return real(file)

    monkeypatch.setattr(checkpoint, "load_file", load)
    newest, damaged = read_newest(tmp_path)
    assert damaged == []
    assert newest["round"] == 2
    assert torch.equal(newest["w"], torch.zeros(64))


def test_listing_that_vanishes_is_no_checkpoint(tmp_path, monkeypatch):
    """The folder of checkpoints goes while it is read, as where a run is deleted."""
    write_checkpoint(tmp_path / "run", 1, state(1))

    def gone(file, expected):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        raise FileNotFoundError(2, "No such file or directory", str(file))

    monkeypatch.setattr(checkpoint, "_is_as_written", gone)
    assert read_newest(tmp_path / "run") == (None, [])


def test_checkpoint_killed_while_it_replaces_the_only_one_is_put_in_place(tmp_path, monkeypatch):
    """The same step is saved twice; the kill comes between the two renames."""
    write_checkpoint(tmp_path, 4, state(4) | {"round": 1})
    real = Path.rename

    def rename(path, target):
        if path.name.startswith(".tmp-step-00000004-"):
            raise KeyboardInterrupt
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(tmp_path, 4, state(4) | {"round": 2})
    monkeypatch.undo()
    clear_leftovers(tmp_path)
    assert read_newest(tmp_path)[0]["round"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000004"]
