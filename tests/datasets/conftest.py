"""Tiny image sets in the layouts the real ones are published in, written by hand as their makers did."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from cvkit_datasets.canonical import ImageSet
from cvkit_datasets.official import Release

CLASSES = ("cat", "dog", "emu")


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache folder, in which indices of shards are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def image_set():
    """Seven training and three test images of three classes."""
    random = np.random.default_rng(0)
    train, test = (random.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8) for count in (7, 3))
    return ImageSet(train, np.array([0, 1, 2, 2, 1, 0, 0], np.uint8), test, np.array([2, 0, 1], np.uint8), CLASSES)


def python2_text(content):
    """A Python 2 `str`, which held bytes, as pickle protocol 2 writes it."""
    return b"T" + struct.pack("<I", len(content)) + content


def python2_batch(images, labels, key="labels"):
    """A batch as the makers of CIFAR pickled it: a dictionary with a NumPy array of rows and a list of labels."""
    rows = struct.pack("<I", len(images)), struct.pack("<I", images[0].size)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + python2_text(b"b") + b"\x87R"
        b"(K\x01J" + rows[0] + b"J" + rows[1] + b"\x86cnumpy\ndtype\n" + python2_text(b"u1") + b"K\x00K\x01\x87R"
        b"(K\x03" + python2_text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89" + python2_text(images.tobytes()) + b"tb"
    )
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + python2_text(b"data") + array + python2_text(key.encode()) + numbers + b"u."


def python2_names(classes, key="label_names"):
    """The class names as the makers of CIFAR pickled them."""
    return (
        b"\x80\x02}"
        + python2_text(key.encode())
        + b"]("
        + b"".join(map(python2_text, map(str.encode, classes)))
        + b"es."
    )


@pytest.fixture
def tar():
    """Make a gzipped tar archive of files, by name: bytes, or a ready-made TarInfo for anything else."""

    def made(files):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for name, content in files.items():
                if isinstance(content, tarfile.TarInfo):
                    archive.addfile(content)
                else:
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
        return stream.getvalue()

    return made


@pytest.fixture
def official_files(image_set):
    """The files of an official release, by name: two training batches, a test batch and the class names."""
    return {
        "data_batch_1": python2_batch(image_set.train_images[:4], image_set.train_labels[:4]),
        "data_batch_2": python2_batch(image_set.train_images[4:], image_set.train_labels[4:]),
        "test_batch": python2_batch(image_set.test_images, image_set.test_labels),
        "batches.meta": python2_names(image_set.classes),
    }


@pytest.fixture
def release_of():
    """Describe an official release whose folder `tiny` holds these files, with the checksums they have."""

    def described(files, archive=b"", url="file:///nowhere/tiny.tar.gz", names="label_names"):
        md5 = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
        return Release(
            url=url,
            md5=hashlib.md5(archive).hexdigest(),
            folder="tiny",
            train=tuple((name, md5[name]) for name in files if name.startswith("data_batch")),
            test=(("test_batch", md5["test_batch"]),),
            meta=("batches.meta", md5["batches.meta"]),
            names=names,
        )

    return described


@pytest.fixture
def python2():
    """Pickle as the makers of CIFAR did: `python2.batch(images, labels)` and `python2.names(classes)`."""
    return SimpleNamespace(batch=python2_batch, names=python2_names)


def png(image):
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def rows_of(images):
    """A PNG with one image a row, each row the image's pixels in row-major order."""
    return png(Image.fromarray(images.transpose(0, 2, 3, 1).reshape(len(images), 1024, 3)))


@pytest.fixture
def package_files(image_set):
    """The files of the npm package, by name: five training batches of different lengths, and the labels."""
    batches = np.split(image_set.train_images, [1, 2, 3, 5])
    return {
        **{f"package/data_batch_{i}.png": rows_of(batch) for i, batch in enumerate(batches, start=1)},
        "package/test_batch.png": rows_of(image_set.test_images),
        "package/train_lables.json": json.dumps(image_set.train_labels.tolist()).encode(),
        "package/test_lables.json": json.dumps(image_set.test_labels.tolist()).encode(),
    }
