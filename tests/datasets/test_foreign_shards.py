"""Tar files that other programs wrote, which have no index, and shards that are not on a disk."""

from __future__ import annotations

import tarfile

import fsspec
import pytest
import shard_sets
from shard_sets import jpeg, labelled, write_tar

from cvkit import ComponentError, DataError
from cvkit_datasets.indexed.files import RemoteShards
from cvkit_datasets.indexed.index import ARRAYS, LISTING
from cvkit_datasets.shards.writing import pack

FOREIGN = shard_sets.SHARDS.replace("path: shards}", "path: shards, size: 8}")
pytestmark = pytest.mark.usefixtures("own_cache")
SETS = (FOREIGN.replace("augmentations", "loss: bce\naugmentations"), "dataset.several_labels=true")


def written(root, train=None, test=None):
    """Write a shard of training and one of test images."""
    write_tar(root / "shards/train-0.tar", labelled(6) if train is None else train)
    write_tar(root / "shards/val-0.tar", labelled(3) if test is None else test)
    return root


def test_foreign_shards_are_indexed_once(tmp_path, own_cache):
    """The second time the index comes from the cache; a shard that changed is read again."""
    splits = shard_sets.opened(written(tmp_path), FOREIGN)
    assert (len(splits.train), len(splits.validation), splits.test) == (6, 3, None)
    assert splits.info.classes == ("0", "1")
    assert [splits.train[index][1] for index in range(6)] == [0, 1, 0, 1, 0, 1]
    assert splits.train.names[1] == "0001.jpg"
    assert any("the labels are numbers" in note for note in splits.account.notes)
    (kept,) = own_cache.rglob(LISTING)
    before = kept.stat().st_mtime_ns
    assert shard_sets.opened(tmp_path, FOREIGN).digest == splits.digest
    assert kept.stat().st_mtime_ns == before
    written(tmp_path, train=labelled(8))
    assert len(shard_sets.opened(tmp_path, FOREIGN).train) == 8


def test_a_damaged_cached_index_is_replaced(tmp_path, own_cache):
    """The cache cannot break a run."""
    shard_sets.opened(written(tmp_path), FOREIGN)
    (kept,) = own_cache.rglob(ARRAYS)
    kept.write_bytes(b"damaged")
    assert len(shard_sets.opened(tmp_path, FOREIGN).train) == 6
    assert len(kept.read_bytes()) > 100


def test_an_index_is_written_beside_the_shards_only_if_asked_for(tmp_path):
    """It is then found without the cache, and the options about labels need not be repeated."""
    written(tmp_path, train=labelled(4, labels=("cat", "dog")), test=labelled(2, labels=("dog", "cat")))
    shard_sets.opened(tmp_path, FOREIGN)
    assert not (tmp_path / "shards" / LISTING).exists()
    first = shard_sets.opened(tmp_path, FOREIGN, "dataset.write_index=true")
    assert (tmp_path / "shards" / LISTING).is_file()
    again = shard_sets.opened(tmp_path, FOREIGN)
    assert again.digest == first.digest
    assert again.info.classes == ("cat", "dog")


def test_a_recipe_that_writes_the_index_opens_again(tmp_path):
    """A second run and a resume open the same recipe; nothing is written then, and other options are refused."""
    written(tmp_path, train=labelled(4, "txt"), test=labelled(2, "txt"))
    options = ("dataset.write_index=true", "dataset.train=train-*.tar", "dataset.test=val-*.tar", "dataset.label=txt")
    classes = "dataset.classes=[cat, dog]"
    first = shard_sets.opened(tmp_path, FOREIGN, *options, classes)
    before = (tmp_path / "shards" / LISTING).stat().st_mtime_ns
    again = shard_sets.opened(tmp_path, FOREIGN, *options, classes)
    assert (again.digest, again.info, again.account) == (first.digest, first.info, first.account)
    assert (tmp_path / "shards" / LISTING).stat().st_mtime_ns == before
    assert shard_sets.opened(tmp_path, FOREIGN).digest == first.digest
    for other in ("dataset.classes=[dog, cat]", "dataset.test=train-*.tar", "dataset.field=x", "dataset.label=cls"):
        with pytest.raises(ComponentError, match=rf"the same {other[8:].split('=')[0]}; remove this option"):
            shard_sets.opened(tmp_path, FOREIGN, *options, classes, other)


def test_classes_have_names_if_the_recipe_lists_them(tmp_path):
    """Numbers are places in this list, and a number beyond its end is an error."""
    written(tmp_path)
    splits = shard_sets.opened(tmp_path, FOREIGN, "dataset.classes=[cat, dog, emu]")
    assert splits.info.classes == ("cat", "dog", "emu")
    with pytest.raises(DataError, match="the label 1 has no name in classes"):
        shard_sets.opened(tmp_path, FOREIGN, "dataset.classes=[cat]")


def test_labels_come_from_json_files(tmp_path):
    """One label is a number or a text; label sets are lists, and an empty one means no label."""
    one = labelled(4, "json", ({"label": "cat", "text": "x"}, {"label": ["dog"]}))
    splits = shard_sets.opened(written(tmp_path, one, one), FOREIGN)
    assert (splits.info.classes, splits.train[1][1]) == (("cat", "dog"), 1)
    several = labelled(4, "json", ({"tags": ["cat", "dog"]}, {"tags": []}))
    splits = shard_sets.opened(
        written(tmp_path, several, several),
        FOREIGN.replace("augmentations", "loss: bce\naugmentations"),
        "dataset.several_labels=true",
        "dataset.field=tags",
    )
    assert splits.info.task == "multi_label"
    assert [splits.train[index][1].tolist() for index in range(2)] == [[1, 1], [0, 0]]
    assert splits.account.images["train"].unlabelled == 2


def test_a_number_out_of_proportion_is_no_class(tmp_path):
    """A typing error would make a name for each number below it, and a model with as many outputs."""
    written(tmp_path, train=labelled(6, labels=(0, 999)))
    assert len(shard_sets.opened(tmp_path, FOREIGN).info.classes) == 1000
    written(tmp_path, train=labelled(6, labels=(0, 1000)))
    with pytest.raises(DataError, match=r"train-0\.tar/0001\.jpg would make 1,001 classes, but only 3 different"):
        shard_sets.opened(tmp_path, FOREIGN)
    written(tmp_path, train=labelled(6, labels=(0, 1, 99999999999)))
    with pytest.raises(
        DataError, match=r"the label 99999999999 of train-0\.tar/0002\.jpg would make 100,000,000,000"
    ):
        shard_sets.opened(tmp_path, FOREIGN)
    several = labelled(4, "json", ({"label": [0]}, {"label": [1, 5000]}))
    with pytest.raises(DataError, match=r"the label 5000 of train-0\.tar/0001\.jpg"):
        shard_sets.opened(written(tmp_path, several, several), *SETS)


def test_sets_of_numbers_are_numbers_of_classes(tmp_path):
    """As for one label: 2 is the third class, whichever others occur, and is written as a number or as text."""
    files = labelled(4, "json", ({"label": [2, "0", 0]}, {"label": []}))
    splits = shard_sets.opened(written(tmp_path, files, files), *SETS)
    assert splits.info.classes == ("0", "1", "2")
    assert [splits.train[index][1].tolist() for index in range(2)] == [[1, 0, 1], [0, 0, 0]]
    named = shard_sets.opened(tmp_path, *SETS, "dataset.classes=[ant, bee, cat, dog]")
    assert named.train[0][1].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("label", [[None], [1.5], [True], [["cat"]], [{"name": "cat"}], [""]])
def test_sets_of_other_values_are_no_labels(tmp_path, label):
    """Their text, such as "None", would be a class."""
    files = labelled(4, "json", ({"label": ["cat"]}, {"label": label}))
    with pytest.raises(DataError, match=r"4 entries of the shards.*\n.*train-0\.tar/0001: no label"):
        shard_sets.opened(written(tmp_path, files, files), *SETS)


def test_sets_without_any_label_are_refused(tmp_path):
    """There would be no class; with classes in the recipe, no label is an answer."""
    files = labelled(4, "json", ({"label": []},))
    with pytest.raises(DataError, match="no image has a label, so there are no classes"):
        shard_sets.opened(written(tmp_path, files, files), *SETS)
    assert shard_sets.opened(tmp_path, *SETS, "dataset.classes=[a]").train[0][1].tolist() == [0]


def test_a_checksum_beside_a_shard_is_not_a_shard(tmp_path):
    """It is listed as left out, and so is any other file with the name of a shard."""
    written(tmp_path)
    for ending in ("sha256", "idx", "md5", "part"):
        (tmp_path / f"shards/train-0.tar.{ending}").write_text("0")
    splits = shard_sets.opened(tmp_path, FOREIGN)
    assert len(splits.train) == 6
    assert {one.name.rpartition(".")[2] for one in splits.account.left_out} == {"sha256", "idx", "md5", "part"}


def test_patterns_assign_files_with_other_names(tmp_path):
    """Without patterns the error says what was found; a file of no split is listed as left out."""
    for name in ("part-0.tar", "part-1.tar", "part-2.tar"):
        write_tar(tmp_path / "shards" / name, labelled(4))
    with pytest.raises(DataError, match="it has none"):
        shard_sets.opened(tmp_path, FOREIGN)
    splits = shard_sets.opened(tmp_path, FOREIGN, "dataset.train=part-0.tar", "dataset.test=part-1.tar")
    assert (len(splits.train), len(splits.test)) == (4, 4)
    assert [one.name for one in splits.account.left_out] == ["part-2.tar"]


def faulty():
    """Return files of two good samples and of samples that cannot be used, by what is said about them."""
    good = [*labelled(2).items()]
    return [
        *good,
        ("0002.jpg", jpeg(2)[:100]),
        ("0002.cls", b"0"),
        ("0003.jpg", jpeg(3)),
        ("0004.cls", b"1"),
        ("0005.jpg", jpeg(5)),
        ("0005.png", jpeg(6)),
        ("0005.cls", b"1"),
        ("0006.jpg", jpeg(5)),
        ("0006.cls", b"\xff"),
        ("0000.jpg", jpeg(7)),
        ("0000.cls", b"1"),
        (".hidden.jpg", jpeg(8)),
    ]


def test_samples_that_cannot_be_used_are_all_reported(tmp_path):
    """A damaged image, a missing label, a missing image, two images, a label that is no text, and a key twice."""
    written(tmp_path, train=faulty())
    with pytest.raises(DataError, match="7 entries of the shards") as raised:
        shard_sets.opened(tmp_path, FOREIGN)
    splits = shard_sets.opened(tmp_path, FOREIGN, "dataset.on_error=skip")
    reasons = {one.name: one.reason for one in splits.account.left_out}
    assert len(splits.train) == 2
    assert all(name in str(raised.value) for name in reasons)
    assert reasons["train-0.tar/0002"].startswith("damaged: ")
    assert reasons["train-0.tar/0003"].startswith("no label: its files are an image")
    assert reasons["train-0.tar/0004"] == "no image among its files (cls)"
    assert reasons["train-0.tar/0005"].startswith("several images with one key")
    assert reasons["train-0.tar/0006"] == "no label: the cls file is not UTF-8 text"
    assert reasons["train-0.tar/0000"] == "damaged: the key occurs a second time in this file"
    assert reasons["train-0.tar/.hidden.jpg"] == "hidden"


@pytest.mark.parametrize("cut", [0.5, 0.9])
def test_a_tar_file_that_ends_early_is_an_error(tmp_path, cut):
    """Python's tarfile ends silently at damage in the middle; cvkit says so, and keeps what is before it."""
    written(tmp_path)
    path = tmp_path / "shards/train-0.tar"
    content = path.read_bytes()
    end = content.rindex(b"0005.cls") + 1024
    path.write_bytes(content[: int(end * cut)])
    with pytest.raises(DataError, match=r"cut short|ends before"):
        shard_sets.opened(tmp_path, FOREIGN)
    splits = shard_sets.opened(tmp_path, FOREIGN, "dataset.on_error=skip")
    assert 0 < len(splits.train) < 6


def test_a_damaged_header_in_the_middle_is_an_error(tmp_path):
    """The files after it would be lost without a word."""
    written(tmp_path)
    path = tmp_path / "shards/train-0.tar"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"0003.jpg", b"\xff\xff\xff\xff.jpg"))
    with pytest.raises(DataError, match="is not the beginning of a file"):
        shard_sets.opened(tmp_path, FOREIGN)
    assert len(shard_sets.opened(tmp_path, FOREIGN, "dataset.on_error=skip").train) == 3


def test_compressed_shards_are_refused_with_the_reason(tmp_path):
    """Random access is what keeps order and resume exact, so the message says what could not be kept."""
    written(tmp_path)
    path = tmp_path / "shards/train-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "shards/train-0.tar", "0001.jpg")
    with pytest.raises(DataError, match="neither the order of the training images nor an exact resume"):
        shard_sets.opened(tmp_path, FOREIGN)


def test_links_in_a_tar_file_are_not_followed(tmp_path):
    """A tar file of a stranger cannot make cvkit read another file."""
    written(tmp_path)
    with tarfile.open(tmp_path / "shards/train-0.tar", "w") as archive:
        link = tarfile.TarInfo("0009.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(DataError, match="not a regular file"):
        shard_sets.opened(tmp_path, FOREIGN)


@pytest.fixture
def in_store(tmp_path):
    """A recipe for packed shards in an object store, and the store."""
    shard_sets.draw(tmp_path / "pictures")
    (tmp_path / "shards").mkdir()
    pack(shard_sets.opened(tmp_path), tmp_path / "shards", lambda _: None, shard_images=3)
    store = fsspec.filesystem("memory")
    store.put(str(tmp_path / "shards") + "/", "/bucket/pets/", recursive=True)
    yield (
        shard_sets.SHARDS.replace(
            "{name: shards, path: shards}", "{name: remote_shards, url: 'memory://bucket/pets'}"
        ),
        store,
    )
    store.rm("/bucket", recursive=True)


def test_shards_in_an_object_store_are_read_by_ranges(in_store, tmp_path):
    """Images, labels, names and the digest are those of the folder."""
    recipe, _ = in_store
    local, remote = shard_sets.opened(tmp_path, shard_sets.SHARDS), shard_sets.opened(tmp_path, recipe)
    assert remote.digest == local.digest
    assert remote.train.names == local.train.names
    assert remote.train[5][0].equal(local.train[5][0])


def test_a_store_without_an_index_is_refused_with_the_reason(in_store, tmp_path):
    """Downloading all shards to find the places of the images is not what a user expects of a remote data set."""
    recipe, store = in_store
    store.rm(f"/bucket/pets/{LISTING}")
    with pytest.raises(DataError, match="neither the order of the training images nor exact evaluation"):
        shard_sets.opened(tmp_path, recipe)


def test_a_store_without_ranges_is_refused_with_the_reason(in_store, tmp_path, monkeypatch):
    """A server that sends the complete file for a range would make each image as expensive as its shard."""
    recipe, store = in_store
    train = shard_sets.opened(tmp_path, recipe).train
    complete = type(store).cat_file
    monkeypatch.setattr(type(store), "cat_file", lambda self, path, start=None, end=None: complete(self, path))
    with pytest.raises(DataError, match="ignores the range of a request"):
        train[0]


@pytest.mark.parametrize("size", [{"size": None}, {}])
def test_a_store_without_sizes_is_refused_with_the_reason(in_store, tmp_path, monkeypatch, size):
    """Some web servers do not report how long a file is, and a shard that is not complete would not be noticed."""
    recipe, store = in_store
    with monkeypatch.context() as patched:  # the fixture needs sizes again
        patched.setattr(type(store), "info", lambda self, path, **_: {"name": path, **size})
        with pytest.raises(DataError, match=r"train-000000\.tar: the server does not report the size"):
            shard_sets.opened(tmp_path, recipe)


def test_a_store_that_cannot_be_read_is_an_error_with_its_url():
    """An unknown protocol, and a missing file while a run reads it."""
    with pytest.raises(DataError, match=r"could not read nowhere://x/index\.json"):
        RemoteShards("nowhere://x").whole("index.json")
    with pytest.raises(DataError, match="does not exist any more"):
        RemoteShards("memory://bucket/none").range("train-000000.tar", 0, 4)


def test_images_with_one_class_are_read_as_sets_of_one_label(tmp_path):
    """several_labels: true holds for them too, so a model of label sets can be trained on them."""
    written(tmp_path)
    single = shard_sets.opened(tmp_path, FOREIGN, "dataset.write_index=true")
    several = shard_sets.opened(
        tmp_path, FOREIGN.replace("augmentations", "loss: bce\naugmentations"), "dataset.several_labels=true"
    )
    assert several.info.task == "multi_label"
    assert [several.train[index][1].tolist() for index in range(2)] == [[1, 0], [0, 1]]
    assert several.digest != single.digest
