"""Declare the data sets of cvkit: CIFAR, your own images, drawn shapes, and five that change others."""

from __future__ import annotations

from collections.abc import Iterable

from cvkit import Component, hookimpl


@hookimpl
def cvkit_datasets() -> Iterable[Component]:
    """Declare the fifteen data sets."""
    yield Component("cifar10", "cvkit_datasets.cifar:cifar10", "60,000 photographs of 10 classes, 32x32")
    yield Component("cifar100", "cvkit_datasets.cifar:cifar100", "60,000 photographs of 100 classes, 32x32")
    yield Component(
        "image_folder",
        "cvkit_datasets.image_folder:image_folder",
        "Your own images, in folders of classes",
        tasks=("single_label", "multi_label"),
        task_options={"several_labels": "multi_label"},
    )
    yield Component(
        "image_table",
        "cvkit_datasets.image_table:image_table",
        "Your own images, listed in a table",
        tasks=("single_label", "multi_label"),
        task_options={"labels_separator": "multi_label", "label_columns": "multi_label"},
    )
    yield Component(
        "shards",
        "cvkit_datasets.shards.sets:shards",
        "Your own images, in tar shards",
        tasks=("single_label", "multi_label"),
        task_options={"several_labels": "multi_label"},
    )
    yield Component(
        "remote_shards",
        "cvkit_datasets.shards.sets:remote_shards",
        "Tar shards in an object store or on a web server",
        requires=("fsspec>=2023.5",),
        tasks=("single_label", "multi_label"),
        task_options={"several_labels": "multi_label"},
    )
    yield Component(
        "litdata",
        "cvkit_datasets.chunks.sets:litdata",
        "Your own images, written by LitData or MosaicML Streaming (MDS)",
        tasks=("single_label", "multi_label"),
        task_options={"several_labels": "multi_label"},
    )
    yield Component(
        "remote_litdata",
        "cvkit_datasets.chunks.sets:remote_litdata",
        "LitData or MDS in an object store or on a web server",
        requires=("fsspec>=2023.5",),
        tasks=("single_label", "multi_label"),
        task_options={"several_labels": "multi_label"},
    )
    yield Component("shapes", "cvkit_datasets.shapes:shapes", "Drawn images of 10 shapes, with exact object masks")
    yield Component(
        "several_shapes",
        "cvkit_datasets.several_shapes:several_shapes",
        "Drawn images with up to three of 10 shapes each, for several labels an image",
        tasks=("multi_label",),
    )
    yield Component("subset", "cvkit_datasets.subset:subset", "Some images or classes of another data set")
    yield Component("repeat", "cvkit_datasets.repeat:repeat", "Another data set with longer epochs")
    yield Component("relabel", "cvkit_datasets.relabel:relabel", "Another data set with renamed or merged classes")
    yield Component(
        "concatenate", "cvkit_datasets.concatenate:concatenate", "The images of several data sets together"
    )
    yield Component(
        "validation_split",
        "cvkit_datasets.validation_split:validation_split",
        "Another data set, with validation images taken from its training images",
    )
