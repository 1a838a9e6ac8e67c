"""CIFAR's official release: its archive, its folder, its pickles and its download."""

from __future__ import annotations

import hashlib
import pickle
import tarfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from cvkit import DataError
from cvkit_datasets import official
from cvkit_datasets.archives import read_members
from cvkit_datasets.canonical import PARTS


def same(one, other):
    return one.classes == other.classes and all(np.array_equal(getattr(one, p), getattr(other, p)) for p in PARTS)


def in_folder(files):
    return {f"tiny/{name}": content for name, content in files.items()}


@contextmanager
def served(content, announced=None, stall=False):
    """A local web server with one file; it may announce more bytes than it sends, or never answer."""
    silent = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if stall:
                silent.wait(30)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(announced or len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tiny.tar.gz"
        finally:
            silent.set()
            server.shutdown()


def test_archive_gives_the_images_in_official_order(tmp_path, tar, official_files, release_of, image_set):
    """Batches are joined in the order of their numbers, pixels and labels as pickled, names from the meta file."""
    (tmp_path / "tiny.tar.gz").write_bytes(tar(in_folder(official_files)))
    assert same(official.from_archive(tmp_path / "tiny.tar.gz", release_of(official_files)), image_set)


def test_fine_labels_of_cifar100_are_read(tmp_path, tar, python2, release_of, image_set):
    """CIFAR-100 calls its labels fine_labels and its names fine_label_names."""
    files = {
        "data_batch": python2.batch(image_set.train_images, image_set.train_labels, "fine_labels"),
        "test_batch": python2.batch(image_set.test_images, image_set.test_labels, "fine_labels"),
        "batches.meta": python2.names(image_set.classes, "fine_label_names"),
    }
    (tmp_path / "tiny.tar.gz").write_bytes(tar(in_folder(files)))
    known = release_of(files, names="fine_label_names")
    assert same(official.from_archive(tmp_path / "tiny.tar.gz", known), image_set)


def test_unpacked_folder_gives_the_same(tmp_path, official_files, release_of, image_set):
    """A folder that torchvision left unpacked is a source too."""
    (tmp_path / "tiny").mkdir()
    for name, content in official_files.items():
        (tmp_path / "tiny" / name).write_bytes(content)
    assert same(official.from_folder(tmp_path, release_of(official_files)), image_set)
    (tmp_path / "tiny" / "test_batch").unlink()
    with pytest.raises(DataError, match="test_batch"):
        official.from_folder(tmp_path, release_of(official_files))


def test_altered_batch_is_refused_before_it_is_unpickled(tmp_path, tar, official_files, release_of, wording):
    """One flipped bit in a batch is named as not being the published file."""
    known = release_of(official_files)
    damaged = bytearray(official_files["data_batch_2"])
    damaged[200] ^= 1
    (tmp_path / "tiny.tar.gz").write_bytes(tar(in_folder({**official_files, "data_batch_2": bytes(damaged)})))
    with pytest.raises(DataError, match="data_batch_2") as caught:
        official.from_archive(tmp_path / "tiny.tar.gz", known)
    assert str(caught.value) == wording


@pytest.mark.parametrize("harmful", [print, eval, np.load])
def test_pickle_that_asks_for_code_is_refused(tmp_path, tar, official_files, release_of, harmful, wording):
    """Even a batch with the right checksum can build nothing but plain values and arrays."""
    files = {**official_files, "test_batch": pickle.dumps({"data": harmful, "labels": []}, protocol=2)}
    (tmp_path / "tiny.tar.gz").write_bytes(tar(in_folder(files)))
    with pytest.raises(DataError, match=harmful.__name__) as caught:
        official.from_archive(tmp_path / "tiny.tar.gz", release_of(files))
    assert str(caught.value).replace(harmful.__module__, "<module>") == wording


@pytest.mark.parametrize("content", [b"", b"\x80\x02", b"\x80\x02}.", b"garbage"])
def test_malformed_pickle_is_a_data_error(tmp_path, tar, official_files, release_of, content):
    """A batch that is no pickle, or lacks its keys, says so without a traceback."""
    files = {**official_files, "test_batch": content}
    (tmp_path / "tiny.tar.gz").write_bytes(tar(in_folder(files)))
    with pytest.raises(DataError, match="tiny"):
        official.from_archive(tmp_path / "tiny.tar.gz", release_of(files))


def test_link_in_an_archive_is_not_followed(tmp_path, tar, wording):
    """A wanted name that is a link or a device counts as missing."""
    said = set()
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
        link = tarfile.TarInfo("wanted")
        link.type, link.linkname = kind, "other"
        (tmp_path / "a.tgz").write_bytes(tar({"other": b"secret", "wanted": link}))
        with pytest.raises(DataError, match="wanted") as caught:
            read_members(tmp_path / "a.tgz", {"wanted"})
        said.add(str(caught.value))
    assert said == wording


def test_oversized_member_is_refused_before_it_is_read(tmp_path, tar, wording):
    """A small archive that unpacks to more than any published file is not unpacked."""
    (tmp_path / "a.tgz").write_bytes(tar({"wanted": bytes(65 * 2**20)}))
    with pytest.raises(DataError, match="wanted") as caught:
        read_members(tmp_path / "a.tgz", {"wanted"})
    assert str(caught.value) == wording


def test_archive_cut_short_anywhere_is_refused(tmp_path, tar, official_files):
    """Wherever an archive ends early, what was read of it is not used."""
    whole = tar(in_folder(official_files))
    for length in (0, 1, 20, len(whole) // 2, len(whole) * 9 // 10):
        (tmp_path / "a.tgz").write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_members(tmp_path / "a.tgz", in_folder(official_files))


def test_download_is_verified(tmp_path, tar, official_files, release_of, image_set, wording):
    """A whole download reads back; one with other content than published is refused."""
    archive = tar(in_folder(official_files))
    with served(archive) as url:
        path = official.download(release_of(official_files, archive, url), tmp_path)
        assert same(official.from_archive(path, release_of(official_files)), image_set)
        with pytest.raises(DataError) as caught:
            official.download(release_of(official_files, b"another", url), tmp_path)
    digest = hashlib.md5(archive).hexdigest()
    assert digest in str(caught.value)
    assert str(caught.value).replace(digest, "<digest>") == wording


def test_download_cut_short_is_refused(tmp_path, tar, official_files, release_of):
    """A connection that closes early is noticed even if the archive's beginning would read."""
    archive = tar(in_folder(official_files))
    with served(archive[:-100], announced=len(archive)) as url, pytest.raises(DataError, match=r"tiny\.tar\.gz"):
        official.download(release_of(official_files, archive, url), tmp_path)


def test_silent_host_is_given_up_on(tmp_path, official_files, release_of, monkeypatch, wording):
    """A host that accepts the connection and then says nothing does not hang the command."""
    monkeypatch.setattr(official, "_TIMEOUT", 0.3)
    start = time.monotonic()
    with served(b"", stall=True) as url, pytest.raises(DataError) as caught:
        official.download(release_of(official_files, b"", url), tmp_path)
    assert time.monotonic() - start < 10
    assert str(caught.value).replace(str(caught.value.__cause__), "<cause>") == wording


def test_release_is_what_torchvision_knows():
    """URL, checksums and file names are torchvision's, for both sets."""
    ten, hundred = official.release("CIFAR10"), official.release("CIFAR100")
    assert (len(ten.train), len(ten.test), ten.folder) == (5, 1, "cifar-10-batches-py")
    assert hundred.archive == "cifar-100-python.tar.gz"
    assert set(hundred.files) == {"cifar-100-python/train", "cifar-100-python/test", "cifar-100-python/meta"}
