"""The index of chunks of LitData and MDS: in the cache, beside the splits and in an object store."""

from __future__ import annotations

import io
import json
import os
import shutil

import fsspec
import pytest
from chunk_folders import COLUMNS, RECIPE, in_litdata, in_mds, opened, samples
from shard_sets import jpeg

from cvkit import ComponentError, DataError, Splits, read_image
from cvkit_datasets.indexed.index import ARRAYS, LISTING

pytestmark = pytest.mark.usefixtures("own_cache")


def test_chunks_are_read_once(tmp_path, own_cache):
    """Then the index comes from the cache, until a chunk has another time; the folder stays as it is."""
    in_mds(tmp_path, samples())
    before = sorted((tmp_path / "pets").rglob("*"))
    splits = opened(tmp_path)
    (kept,) = own_cache.rglob(LISTING)
    time = kept.stat().st_mtime_ns
    assert opened(tmp_path).digest == splits.digest
    assert kept.stat().st_mtime_ns == time
    assert sorted((tmp_path / "pets").rglob("*")) == before
    chunk = tmp_path / "pets/train/shard.00000.mds"
    os.utime(chunk, ns=(1, 1))
    opened(tmp_path)
    assert kept.stat().st_mtime_ns != time


def test_chunks_that_were_replaced_are_read_again(tmp_path):
    """A notebook may write the data again: the process must not read the files that it has open."""
    first = opened(in_mds(tmp_path, samples(7, image=jpeg, label=int)))
    assert first.train[0][1] == 0
    shutil.rmtree(tmp_path / "pets")
    rows = samples(7, image=lambda number: jpeg(6 - number), label=lambda number: 6 - number)
    second = opened(in_mds(tmp_path, rows))
    assert second.train[0][1] == 6
    assert second.train[0][0].equal(read_image(io.BytesIO(jpeg(6)), 3))


def test_an_index_beside_the_splits_is_found_without_the_cache(tmp_path, own_cache):
    """It is written only if asked for, used for the same files and options, and otherwise named in the account."""
    in_mds(tmp_path, samples())
    first = opened(tmp_path, "write_index=true")
    index = tmp_path / "pets/cvkit-index"
    assert {path.name for path in index.iterdir()} == {LISTING, ARRAYS}
    assert not own_cache.exists()
    time = (index / LISTING).stat().st_mtime_ns
    again = opened(tmp_path, "write_index=true")
    assert (again.digest, again.account) == (first.digest, first.account)
    assert (index / LISTING).stat().st_mtime_ns == time
    other = opened(tmp_path, "classes=[cat, dog]")
    assert other.info.classes == ("cat", "dog")
    assert any("cvkit-index is of other files or options" in note for note in other.account.notes)
    opened(tmp_path, "classes=[cat, dog]", "write_index=true")
    assert json.loads((index / LISTING).read_text())["classes"] == ["cat", "dog"]


def test_a_byte_that_changed_is_found_when_the_image_is_read(tmp_path):
    """The data of a run cannot change without a word, also if size and time of the file stay."""
    in_mds(tmp_path, samples(), {**COLUMNS})
    opened(tmp_path, "write_index=true")
    chunk = tmp_path / "pets/train/shard.00000.mds"
    content = bytearray(chunk.read_bytes())
    content[-1] ^= 1  # the last byte of the third sample's label
    place = content.rindex(b"\xff\xd9")
    content[place - 1] ^= 1
    chunk.write_bytes(content)
    train = opened(tmp_path).train
    assert train[1][1] == 1
    with pytest.raises(DataError, match=r"shard\.00000\.mds: 'train/00002' is damaged: its SHA-256"):
        train[2]


@pytest.fixture
def in_store(tmp_path):
    """A function that puts the folder into an object store and opens it there."""
    store = fsspec.filesystem("memory")

    def put(*overrides: str) -> Splits:
        if not store.exists("/bucket/pets"):
            store.put(str(tmp_path / "pets") + "/", "/bucket/pets/", recursive=True)
        recipe = RECIPE.replace("{name: litdata, path: pets,", "{name: remote_litdata, url: 'memory://bucket/pets',")
        return opened(tmp_path, *overrides, recipe=recipe)

    yield put
    if store.exists("/bucket"):
        store.rm("/bucket", recursive=True)


def test_an_object_store_needs_an_index_or_consent(tmp_path, in_store, own_cache):
    """Reading all images first is not what a user expects; with scan: true it is done once."""
    local = opened(in_mds(tmp_path, samples()))
    with pytest.raises(DataError, match="neither the order of the training images nor exact evaluation and resume"):
        in_store()
    remote = in_store("scan=true")
    assert remote.digest == local.digest
    assert remote.train.names == local.train.names
    assert all(remote.train[number][0].equal(local.train[number][0]) for number in range(7))
    assert len([*own_cache.rglob(LISTING)]) == 2
    assert in_store().digest == local.digest
    with pytest.raises(DataError, match=r"exam has no index\.json"):
        in_store("train=train", "validation=val", "test=exam")


def test_an_index_in_the_object_store_is_used(tmp_path, in_store, own_cache):
    """So a machine without the cache reads no image before the first step."""
    local = opened(in_litdata(tmp_path, samples()), "write_index=true")
    remote = in_store()
    assert remote.digest == local.digest
    assert remote.train[6][0].equal(local.train[6][0])
    assert not own_cache.exists()
    assert in_store("on_error=skip").digest == local.digest
    with pytest.raises(ComponentError, match="url has a folder cvkit-index of other files or options"):
        in_store("classes=[cat, dog]")


def test_an_address_that_is_none_is_an_error(tmp_path):
    """A path is not a URL, and chains of fsspec are not read."""
    for url in ("pets", "simplecache::s3://bucket/pets"):
        recipe = RECIPE.replace("name: litdata, path: pets", f"name: remote_litdata, url: '{url}'")
        with pytest.raises(ComponentError, match="url must be one address"):
            opened(tmp_path, recipe=recipe)
