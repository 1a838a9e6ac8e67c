"""A run whose folder is removed, renamed or replaced while it trains ends with an error, and creates no folder."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cvkit import FolderError, MachineError
from cvkit.checkpoint import files as checkpoints
from cvkit.cli.run import carry_out
from cvkit.engine.assembly import build_parts
from cvkit.engine.trainer import Step
from cvkit.files import safe_io as files
from cvkit.host.discovery import discover
from cvkit.recipe import read, resolve
from cvkit.runs.folder import RunFolder
from cvkit.runs.session import Session

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def session(recipe, tmp_path) -> Session:
    """A session of the small recipe in a new folder."""
    catalog = discover()
    resolved = resolve(read(recipe), catalog)
    folder = RunFolder.create(tmp_path, "small")
    return Session(build_parts(resolved, resolved.dataset.build(tmp_path)), folder, tmp_path, catalog)


def trained(session: Session, happens: Callable[[Path], object]) -> None:
    """Train to the end; `happens` is called with the run's folder after the fourth step, and after its checkpoint."""
    for event in session.train():
        if isinstance(event, Step) and event.step == 4:
            session.finish_saving()
            happens(session.folder.path)


def replaced(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.mkdir()


@pytest.mark.parametrize("happens", [shutil.rmtree, lambda path: path.rename(path.with_name("moved")), replaced])
def test_folder_that_is_gone_ends_the_run(session, happens: Callable[[Path], None]):
    """Before the next checkpoint is written, which would make it again with a part of the run."""
    session.start()
    path = session.folder.path
    with pytest.raises(FolderError) as caught:
        trained(session, happens)
    assert str(path) in str(caught.value)
    session.folder.unlock()
    assert not path.exists() or not any(path.iterdir())


@pytest.mark.parametrize("happens", [shutil.rmtree, lambda path: path.rename(path.with_name("moved")), replaced])
def test_folder_that_goes_while_a_checkpoint_is_written_ends_the_run(session, happens, monkeypatch):
    """The error names the folder, and does not advise to free some space."""
    session.start()
    path, real = session.folder.path, checkpoints.sync_file

    def sync(file: Path) -> None:
        if path.exists() and file.name == "tensors.safetensors":
            monkeypatch.setattr(checkpoints, "sync_file", real)
            happens(path)
        real(file)

    monkeypatch.setattr(checkpoints, "sync_file", sync)
    with pytest.raises(FolderError, match="was removed, renamed or replaced") as caught:
        trained(session, lambda path: None)
    assert str(path) in str(caught.value)
    session.folder.unlock()
    assert not path.exists() or not any(path.iterdir())


def test_moved_run_goes_on_under_its_new_name(session, tmp_path, wording):
    """The advice of the error holds: what was saved before is in the folder that was renamed."""
    session.start()
    moved = tmp_path / "moved"
    path = session.folder.path
    with pytest.raises(FolderError, match="cvkit resume") as caught:
        trained(session, lambda path: path.rename(moved))
    assert str(caught.value).replace(str(path), "<run>") == wording
    session.folder.unlock()
    run = build_parts(session.recipe, session.recipe.dataset.build(tmp_path))
    again = Session(run, RunFolder.open(moved), tmp_path, session.catalog)
    again.start()
    again.folder.unlock()
    assert again.step == 3


def test_disk_that_is_full_at_the_line_of_a_record_interrupts_the_run(session, monkeypatch, capsys, wording):
    """The record's line is not half-written, the run is "interrupted", and the error says how to continue."""
    real = os.fsync

    def full(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith("metrics.jsonl"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", full)
    path = str(session.folder.path)
    with pytest.raises(MachineError) as caught:
        carry_out(session.parts, session.catalog, session.folder, session.data)
    told = "\n".join([str(caught.value), *caught.value.__notes__])
    assert f"cvkit resume {path}" in told
    assert told.replace(path, "<run>") == wording
    assert session.folder.info()["status"] == "interrupted"
    assert (session.folder.path / "metrics.jsonl").read_bytes() == b""
    monkeypatch.undo()
    capsys.readouterr()
    again = build_parts(session.recipe, session.recipe.dataset.build(session.data))
    carry_out(again, session.catalog, session.folder, session.data)
    assert [record.epoch for record in session.folder.records()] == [1, 2, 3]
