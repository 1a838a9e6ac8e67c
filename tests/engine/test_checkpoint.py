"""A checkpoint is whole or absent, and says so if a byte of it changed."""

from __future__ import annotations

import os

import pytest
import torch

from cvkit import CheckpointError
from cvkit.engine import checkpoint
from cvkit.engine.checkpoint import clear_leftovers, read_checkpoint, read_newest, write_checkpoint


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
    assert "step-00000002" in damaged[0]
    assert "falling back" in damaged[0]


@pytest.mark.parametrize("failing_sync", range(5))
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
    with pytest.raises(CheckpointError, match=r"No space left.*Earlier checkpoints are untouched"):
        write_checkpoint(tmp_path, 2, state(2.0))
    monkeypatch.undo()
    newest, damaged = read_newest(tmp_path)
    assert newest["step"] in (1, 2)
    assert damaged == []
    assert not list(tmp_path.glob(".tmp-*"))


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
