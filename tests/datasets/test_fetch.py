"""Fetching: whole and verified, or nothing; and the canonical file it makes."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

from cvkit import DataError
from cvkit_datasets import canonical
from cvkit_datasets.canonical import PARTS
from cvkit_datasets.cifar import splits
from cvkit_datasets.fetch import DownloadSource, Fetchable


def giving(images, log=None):
    """A source that has the images, and leaves a download behind in the folder it is given."""

    def read(root, temporary):
        (temporary / "download").write_bytes(b"x" * 1000)
        if log is not None:
            log.append(temporary)
        return images

    return DownloadSource("a source", read)


def failing(reason):
    def read(root, temporary):
        (temporary / "half").write_bytes(b"x" * 1000)
        raise DataError(reason)

    return DownloadSource(f"the {reason} source", read)


def names(root):
    return sorted(path.name for path in root.iterdir() if not path.name.endswith(".lock"))


@pytest.fixture
def tiny(image_set):
    """An image set with one source that gives it, its digests known."""
    return Fetchable("tiny", [giving(image_set)], image_set.digests())


def test_fetch_makes_one_file_and_leaves_nothing_else(tmp_path, tiny, image_set):
    """The folder is made, the file reads back bit for bit, with its source, and the download is gone."""
    root = tmp_path / "deep" / "folder"
    path = tiny.fetch(root)
    assert names(root) == ["tiny.safetensors"]
    opened = canonical.read(path, image_set.digests())
    assert all(np.array_equal(getattr(opened.images, part), getattr(image_set, part)) for part in PARTS)
    assert (opened.source, opened.images.classes) == ("a source", image_set.classes)


def test_first_source_that_works_is_used(tmp_path, image_set):
    """Sources are tried in order; one that gives other images than wanted is passed over like one that fails."""
    other = dataclasses.replace(image_set, test_labels=image_set.test_labels[::-1].copy())
    log = []
    sources = [failing("offline"), giving(other), giving(image_set, log), giving(other, log)]
    tiny = Fetchable("tiny", sources, image_set.digests())
    tiny.fetch(tmp_path)
    assert len(log) == 1
    assert names(tmp_path) == ["tiny.safetensors"]
    assert np.array_equal(tiny.open(tmp_path).images.test_labels, image_set.test_labels)


def test_failure_lists_every_reason_and_leaves_nothing(tmp_path, image_set, wording):
    """If every source fails, the error names each reason, and the folder is unchanged."""
    wrong = Fetchable("tiny", [failing("offline"), giving(image_set)], {"train_images": "0" * 64})
    with pytest.raises(DataError) as caught:
        wrong.fetch(tmp_path)
    digest = image_set.digests()["train_images"]
    reasons = str(caught.value).splitlines()[-2:]
    assert ["offline" in reasons[0], digest in reasons[1]] == [True, True]
    assert str(caught.value).replace(digest, "<digest>") == wording
    assert names(tmp_path) == []


def test_failed_refetch_keeps_the_sound_file(tmp_path, tiny):
    """Forcing a fetch that then fails loses nothing."""
    tiny.fetch(tmp_path)
    with pytest.raises(DataError):
        dataclasses.replace(tiny, sources=[failing("offline")]).fetch(tmp_path, force=True)
    assert tiny.open(tmp_path).source == "a source"


def test_sound_file_is_not_fetched_again_unless_forced(tmp_path, image_set):
    """A second fetch asks no source; `force` does."""
    log = []
    tiny = Fetchable("tiny", [giving(image_set, log)], image_set.digests())
    for force, asked in ((False, 1), (False, 1), (True, 2)):
        tiny.fetch(tmp_path, force=force)
        assert len(log) == asked


def test_damage_anywhere_in_the_file_is_noticed_and_mended_by_fetch(tmp_path, tiny):
    """Cut short or with one bit flipped, the file is refused with what to do; fetch replaces it."""
    path = tiny.fetch(tmp_path)
    whole = path.read_bytes()
    cut = [whole[:0], whole[:7], whole[:500], whole[:-1], whole + b"\0"]
    positions = [*range(0, 1200, 13), *range(1200, len(whole), 997), len(whole) - 1]
    flipped = [whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :] for at in positions]
    for damaged in cut + flipped:
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="cvkit data fetch tiny"):
            tiny.open(tmp_path)
    tiny.fetch(tmp_path)
    assert tiny.open(tmp_path).source == "a source"


def test_leftovers_of_a_killed_fetch_are_cleared_by_the_next(tmp_path, tiny, image_set):
    """After SIGKILL in the middle of a download the lock is free, and the next fetch removes what was left."""
    context = multiprocessing.get_context("fork")
    started = context.Event()

    def hang(root, temporary):
        (temporary / "half").write_bytes(b"x" * 1000)
        started.set()
        time.sleep(60)

    stuck = dataclasses.replace(tiny, sources=[DownloadSource("a slow source", hang)])
    process = context.Process(target=stuck.fetch, args=(tmp_path,))
    process.start()
    assert started.wait(20)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert any(name.startswith(".tmp-tiny-") for name in names(tmp_path))
    tiny.fetch(tmp_path)
    assert names(tmp_path) == ["tiny.safetensors"]


def test_two_processes_fetch_once(tmp_path, tiny, image_set):
    """While one process fetches the other waits, then uses the file that is there."""
    context = multiprocessing.get_context("fork")
    asked = context.Value("i", 0)

    def slow(root, temporary):
        with asked.get_lock():
            asked.value += 1
        time.sleep(0.3)
        return image_set

    counted = dataclasses.replace(tiny, sources=[DownloadSource("a slow source", slow)])
    processes = [context.Process(target=counted.fetch, args=(tmp_path,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert asked.value == 1
    assert names(tmp_path) == ["tiny.safetensors"]


def test_folder_that_cannot_be_is_a_data_error(tmp_path, tiny, wording):
    """A data folder below a file is the user's mistake, not a traceback."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=str(tmp_path / "file" / "data")) as caught:
        tiny.fetch(tmp_path / "file" / "data")
    assert str(caught.value).replace(str(caught.value.__cause__), "<cause>") == wording


def test_splits_carry_what_is_known(tmp_path, tiny, image_set):
    """Images stay uint8, labels become int64, and the information is measured on the training images."""
    both = splits(tiny, tmp_path, None, None)
    scaled = image_set.train_images.transpose(1, 0, 2, 3).reshape(3, -1) / 255
    assert (len(both.train), len(both.test)) == (7, 3)
    assert both.train[2][1] == 2
    assert np.array_equal(both.test.images, image_set.test_images)
    assert (both.info.channels, both.info.height, both.info.width) == (3, 32, 32)
    assert both.info.classes == image_set.classes
    np.testing.assert_allclose(both.info.mean, scaled.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(both.info.std, scaled.std(axis=1), atol=1e-12)


def test_limit_keeps_the_same_random_images(tmp_path, tiny, wording):
    """A limit is a reproducible sample, shows in the digest, and may not exceed what there is."""
    whole, cut, again = (splits(tiny, tmp_path, limit, None) for limit in (None, 4, 4))
    assert len(cut.train) == 4
    assert len(cut.test) == 3
    assert np.array_equal(cut.train.images, again.train.images)
    assert not np.array_equal(cut.train.images, whole.train.images[:4])
    assert cut.digest != whole.digest
    with pytest.raises(ValueError, match="train_limit: 8") as caught:
        splits(tiny, tmp_path, 8, None)
    assert str(caught.value) == wording


def test_set_of_unpublished_digests_is_told_apart_by_every_part(tmp_path, image_set):
    """As CIFAR-100: the same training images with other labels, or another test half, are another set."""
    changed = [dataclasses.replace(image_set, **{part: getattr(image_set, part)[::-1].copy()}) for part in PARTS]
    digests = {
        splits(Fetchable(f"tiny{number}", [giving(images)]), tmp_path, None, None).digest
        for number, images in enumerate([image_set, *changed])
    }
    assert len(digests) == 5
