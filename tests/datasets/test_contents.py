"""A folder's digest is of its bytes; a cache saves reading them again and is never needed."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from cvkit import DataError
from cvkit_datasets import contents
from cvkit_datasets.contents import digest_of

LONG_AGO = 1_000_000_000 * 10**9  # ns


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """The cache's folder, where every folder is worth keeping."""
    monkeypatch.setattr(contents, "WORTH_KEEPING", 0)
    monkeypatch.setattr(contents, "user_cache_path", lambda name: tmp_path / "cache" / name)
    return tmp_path / "cache" / "cvkit" / "digests"


@pytest.fixture
def base(tmp_path) -> Path:
    """A folder of three files that were changed long ago."""
    base = tmp_path / "base"
    base.mkdir()
    for name in "abc":
        (base / name).write_bytes(name.encode() * 10)
        os.utime(base / name, ns=(LONG_AGO, LONG_AGO))
    return base


def digest(base: Path, about: str = "") -> str:
    return digest_of(base, sorted(base.iterdir()), about=about)


def refuse_to_read(file):
    raise AssertionError(f"{file.name} was read again")


def test_other_bytes_of_the_same_size_and_time_of_another_folder_are_told_apart(base, cache):
    """And so are other names and what the digest is about; the place of the folder is none of it."""
    first = digest(base)
    assert digest(base, "224") != first
    base.rename(base.with_name("elsewhere"))
    base = base.with_name("elsewhere")
    assert digest(base) == first
    (base / "a").rename(base / "d")
    assert digest(base) != first


def test_changed_bytes_are_noticed(base, cache):
    """Painted over in place: same name, same size."""
    first = digest(base)
    (base / "b").write_bytes(b"x" * 10)
    assert digest(base) != first
    (base / "b").write_bytes(b"b" * 10)
    assert digest(base) == first


def test_replaced_file_with_the_old_time_is_noticed(base, cache):
    """As by a tool that keeps times: the new file has another inode."""
    first = digest(base)
    (base / "new").write_bytes(b"x" * 10)
    os.utime(base / "new", ns=(LONG_AGO, LONG_AGO))
    (base / "new").replace(base / "b")
    assert digest(base) != first


def test_unchanged_files_are_not_read_again(base, cache, monkeypatch):
    """Only the new one is."""
    first = digest(base)
    monkeypatch.setattr(contents, "_sha256", refuse_to_read)
    assert digest(base) == first
    (base / "d").write_bytes(b"new")
    with pytest.raises(AssertionError, match="d was read again"):
        digest(base)


def test_file_changed_a_moment_ago_is_read_again(base, cache, monkeypatch):
    """It could change once more without its time telling."""
    (base / "b").write_bytes(b"x" * 10)
    digest(base)
    monkeypatch.setattr(contents, "_sha256", refuse_to_read)
    with pytest.raises(AssertionError, match="b was read again"):
        digest(base)


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"\xff",
            b"[1]",
            b"null",
            b'{"a": 1}',
            b'{"a": [1, 2, 3, 4]}',
            b'{"a": [[], 2, 3, ""]}',
            b"[" * 100_000,
        ),
        b'{"a": ["x", 2, 3, "%064d"]}' % 0,
        b'{"a": [1, null, 2, "%064d"]}' % 0,
    ],
)
def test_damaged_cache_is_as_good_as_none(base, cache, content):
    """The digest is right, and the cache is written again."""
    first = digest(base)
    (file,) = cache.iterdir()
    file.write_bytes(content)
    assert digest(base) == first
    assert set(json.loads(file.read_bytes())) == {"a", "b", "c"}


def test_cache_that_cannot_be_written_is_no_obstacle(base, cache):
    """A file lies where its folder would be; nothing is left there."""
    cache.parent.parent.mkdir()
    cache.parent.write_text("in the way")
    assert digest(base) == digest(base)
    assert cache.parent.read_text() == "in the way"


def test_user_without_a_home_has_no_cache(base, cache, monkeypatch):
    """As in a container that runs under a number."""

    def no_home(name):
        raise RuntimeError("Could not determine home directory.")

    first = digest(base)
    monkeypatch.setattr(contents, "user_cache_path", no_home)
    assert digest(base) == first


def test_small_folder_is_not_kept(base, cache, monkeypatch):
    """Hashing it takes no time."""
    monkeypatch.setattr(contents, "WORTH_KEEPING", 31)
    digest(base)
    assert not cache.exists()


def test_file_that_cannot_be_read_is_named(base, cache, wording):
    """A folder called like an image, or one that goes meanwhile."""
    (base / "e").mkdir()
    with pytest.raises(DataError, match=r"base/e\b") as caught:
        digest(base)
    assert str(caught.value).replace(os.strerror(errno.EISDIR), "<cause>") == wording
    with pytest.raises(DataError, match=r"base/gone\b"):
        digest_of(base, [base / "gone"], about="")
