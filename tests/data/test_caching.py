"""Images that are decoded once and kept, in memory or on the disk, give the batches of those that are streamed."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from cvkit import DataError, DataInfo, Framing, MachineError
from cvkit.data import caching
from cvkit.data.caching import CachedSplit, CachePlan
from cvkit.data.free_memory import free_memory
from cvkit.data.loading import DataLoaderSource, Reading
from cvkit.data.sample_augmentation import SampleAugmentations
from cvkit.host.discovery import discover
from cvkit_torchvision.crops import random_resized_crop

CPU = torch.device("cpu")
INFO = DataInfo(3, 8, 8, ("a", "b"), (0.5,) * 3, (0.2,) * 3, Framing("crop", "bilinear", 1.0, "draft"))


class Photos:
    """Photos of many sizes; each time one is read, a line is added to a file, which workers share."""

    def __init__(self, log: Path, count: int = 7) -> None:
        self.log, self.count = log, count
        log.touch()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index):
        return self.reduced(index, lambda height, width: (height, width))

    def reduced(self, index, needed):
        with self.log.open("a") as stream:
            stream.write(f"{index}\n")
        size = (64, 64 + 8 * index)
        draws = torch.Generator().manual_seed(index)
        whole = torch.randint(256, (3, *size), dtype=torch.uint8, generator=draws)
        factor = 2 if needed(*size)[0] <= 32 else 1
        return whole[:, ::factor, ::factor], index % 2

    @property
    def reads(self) -> list[int]:
        return [int(line) for line in self.log.read_text().split()]


def crop() -> SampleAugmentations:
    entry = discover()["augmentations"].find("random_resized_crop")
    return SampleAugmentations([(entry, random_resized_crop(INFO))], INFO)


def plan(kind: str, folder: Path, **key) -> CachePlan:
    return CachePlan() if kind == "memory" else CachePlan(folder / "decoded", key)


def batches(split, augmentations, workers=0, seed=3) -> list[torch.Tensor]:
    order = torch.tensor([4, 0, 3, 3, 6])
    return [
        batch.images
        for batch in DataLoaderSource(split, CPU, workers, augmentations).batches(Reading(order, 2, seed))
    ]


@pytest.fixture
def photos(tmp_path) -> Photos:
    return Photos(tmp_path / "reads.txt")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_batches_are_those_of_the_stream_and_each_photo_is_read_once(photos, tmp_path, kind, workers):
    """Also with crops of reduced photos, whose draws need the size that a photo has in its file."""
    augmentations = crop()
    expected = {seed: batches(photos, augmentations, seed=seed) for seed in (3, 4)}
    photos.log.write_text("")
    kept = CachedSplit(photos, augmentations.needed, plan(kind, tmp_path))
    for seed, streamed in expected.items():
        for one, other in zip(batches(kept, augmentations, workers, seed), streamed, strict=True):
            assert torch.equal(one, other)
    assert sorted(photos.reads) == [*range(7)]
    assert tuple(kept[0][0].shape) == (3, 32, 32)


class WithSets(Photos):
    """Photos with sets of labels: none, one or several."""

    def reduced(self, index, needed):
        image, _ = super().reduced(index, needed)
        return image, torch.tensor([index % 2, index % 3 == 2, 0], dtype=torch.float32)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_sets_of_labels_are_kept(tmp_path, kind, workers):
    """By the run that decodes the photos, and by another one that finds them on the disk."""
    photos = WithSets(tmp_path / "reads.txt")
    expected = [photos[index][1] for index in range(7)]
    kept = CachedSplit(photos, None, plan(kind, tmp_path))
    kept.fill(workers)
    splits = [kept]
    if kind == "disk":
        splits.append(CachedSplit(photos, None, plan(kind, tmp_path)))
        assert splits[1].filled()
    for split in splits:
        assert torch.equal(torch.stack([split[index][1] for index in range(7)]), torch.stack(expected))


def test_another_run_uses_what_is_on_the_disk(photos, tmp_path):
    """With the same key; another key is another cache."""
    for _ in range(2):
        CachedSplit(photos, None, plan("disk", tmp_path, digest="one")).fill(0)
    assert len(photos.reads) == 7
    CachedSplit(photos, None, plan("disk", tmp_path, digest="two")).fill(0)
    assert len(photos.reads) == 14
    assert len([*(tmp_path / "decoded").iterdir()]) == 2


def cut_index(folder: Path) -> None:
    (folder / "index.json").write_text((folder / "index.json").read_text()[:-9])


def cut_pixels(folder: Path) -> None:
    (folder / "pixels.bin").write_bytes((folder / "pixels.bin").read_bytes()[:-1])


def forget_an_image(folder: Path) -> None:
    content = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(content | {"images": content["images"][1:]}))


@pytest.mark.parametrize("damage", [cut_index, cut_pixels, forget_an_image, shutil.rmtree])
def test_incomplete_cache_is_made_again(photos, tmp_path, damage):
    """As if it had never been there."""
    kept = plan("disk", tmp_path)
    CachedSplit(photos, None, kept).fill(0)
    damage(kept.place)
    again = CachedSplit(photos, None, kept)
    again.fill(0)
    assert len(photos.reads) == 14
    assert all(torch.equal(again[index][0], photos[index][0]) for index in range(7))


@pytest.mark.parametrize("workers", [0, 1])
def test_changed_pixels_are_found_when_they_are_read(photos, tmp_path, workers, wording):
    """A flipped bit must not be trained on; the message says how to get rid of it."""
    kept = plan("disk", tmp_path)
    CachedSplit(photos, None, kept).fill(0)
    pixels = np.memmap(kept.place / "pixels.bin", dtype=np.uint8, mode="r+")
    pixels[-1] ^= 1
    pixels.flush()
    again = CachedSplit(photos, None, kept)
    again.fill(0)
    assert torch.equal(again[0][0], photos[0][0])
    with pytest.raises(DataError) as caught:
        list(DataLoaderSource(again, CPU, workers).batches(Reading(torch.tensor([6]), 1)))
    assert str(caught.value) == wording


@pytest.mark.parametrize("workers", [0, 1])
def test_cache_that_is_removed_during_a_run_goes_on(photos, tmp_path, workers):
    """Its file is open already."""
    kept = CachedSplit(photos, None, plan("disk", tmp_path))
    kept.fill(0)
    shutil.rmtree(tmp_path / "decoded")
    (batch,) = DataLoaderSource(kept, CPU, workers).batches(Reading(torch.tensor([6]), 1))
    assert torch.equal(batch.images[0], photos[6][0])


def test_cache_that_is_gone_is_a_sentence(photos, tmp_path, monkeypatch, wording):
    """In a process that is not forked, and right after it was written."""
    kept = CachedSplit(photos, None, plan("disk", tmp_path))
    kept.fill(0)
    sent = pickle.loads(pickle.dumps(kept))
    shutil.rmtree(tmp_path / "decoded")
    told = []
    with pytest.raises(DataError) as caught:
        sent[0]
    told.append(str(caught.value))
    monkeypatch.setattr(caching.StoreOnDisk, "opened", lambda *given: None)
    with pytest.raises(DataError) as caught:
        CachedSplit(photos, None, plan("disk", tmp_path)).fill(0)
    told.append(str(caught.value))
    assert "\n".join(told) == wording


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_cache_without_room_is_refused_before_the_room_is_used_up(tmp_path, kind, monkeypatch, wording):
    """The first images show how much all of them need."""
    photos = Photos(tmp_path / "reads.txt", 100)
    monkeypatch.setattr(caching, "free_memory", lambda: 1_500_000)
    usage = type("Usage", (), {"free": 1_500_000})
    monkeypatch.setattr(caching.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(MachineError) as caught:
        CachedSplit(photos, None, plan(kind, tmp_path)).fill(0)
    assert len(photos.reads) == 16
    assert str(caught.value) == wording
    assert not [*tmp_path.glob("decoded/*")]


def test_full_disk_is_a_sentence_and_leaves_nothing(photos, tmp_path, monkeypatch):
    """Another program may fill it in the meantime."""

    def full(self, photo):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(caching.StoreWriter, "add", full)
    with pytest.raises(MachineError, match="the disk is full while keeping decoded images"):
        CachedSplit(photos, None, plan("disk", tmp_path)).fill(0)
    assert not [*tmp_path.glob("decoded/*")]


def test_folder_that_cannot_be_written_is_named(photos, tmp_path, wording):
    """Here a file is in its place."""
    (tmp_path / "decoded").write_text("")
    with pytest.raises(DataError) as caught:
        CachedSplit(photos, None, plan("disk", tmp_path)).fill(0)
    assert str(caught.value) == wording


def test_folder_of_another_user_is_named(photos, tmp_path, monkeypatch):
    """The advice is about the cache, not about an output folder."""

    def refused(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cvkit.files.scratch.Scratch.make", refused)
    with pytest.raises(DataError, match="Permission denied; give another data folder") as caught:
        CachedSplit(photos, None, plan("disk", tmp_path)).fill(0)
    assert "--output" not in str(caught.value)


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_cache_can_be_sent_to_processes_that_are_not_forked(photos, tmp_path, kind):
    """As workers on macOS and Windows get it."""
    kept = CachedSplit(photos, None, plan(kind, tmp_path))
    kept.fill(0)
    kept[0]
    sent = pickle.loads(pickle.dumps(kept))
    assert all(torch.equal(sent[index][0], kept[index][0]) for index in range(7))
    assert len(photos.reads) == 7


def test_line_says_how_large_the_cache_is(photos, tmp_path, wording):
    """And where it is, if it can be removed."""
    lines = []
    for kind in ("memory", "disk"):
        kept = CachedSplit(photos, None, plan(kind, tmp_path))
        kept.fill(0)
        lines.append(kept.line("training"))
    assert "\n".join(lines) == wording


def test_free_memory_respects_the_limit_of_a_container(tmp_path):
    """The smaller of both; what the container keeps of files counts as free."""
    system = tmp_path / "meminfo"
    system.write_text("MemTotal: 9000 kB\nMemAvailable: 4000 kB\n")
    assert free_memory(system, tmp_path) == 4_096_000
    for name, content in (("max", "3000000"), ("current", "2000000"), ("stat", "anon 7\ninactive_file 500000\n")):
        (tmp_path / f"memory.{name}").write_text(content)
    assert free_memory(system, tmp_path) == 1_500_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory(system, tmp_path) == 4_096_000
    assert free_memory(tmp_path / "missing", tmp_path) is None
