"""A plugin with the images and the network of `peers.py`, and `cvkit run` on them, in a process as users start it."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvkit import Component, DataInfo, Splits, hookimpl

if TYPE_CHECKING:
    from torch import nn


@hookimpl
def cvkit_datasets() -> Iterator[Component]:
    """Declare the images."""
    yield Component("peer_images", "peer_cvkit:images", "The images of a comparison of trainers")


@hookimpl
def cvkit_models() -> Iterator[Component]:
    """Declare the network."""
    yield Component("peer_network", "peer_cvkit:watched", "The network of a comparison of trainers")


def images(root: Path, *, file: Path) -> Splits:
    """Return the images of a file that `peer_task.make_images` has written."""
    from peer_task import MEAN, STD, Task, load_images

    from cvkit import TensorSplit

    halves = load_images(Task(str(file)))
    info = DataInfo(3, 32, 32, tuple("0123456789"), MEAN, STD)
    return Splits(TensorSplit(*halves["train"]), TensorSplit(*halves["test"]), info)


def watched(info: DataInfo, *, options: dict[str, Any]) -> nn.Module:
    """Return the network, watched by the clock of this process."""
    from peer_process import clock_of
    from peer_task import Task, network

    task = Task(**options)
    return network(task, clock_of(task))


def run(options: dict[str, Any]) -> None:
    """Run the command line, as users do; torch is not loaded before."""
    from cvkit.cli import main

    epochs, augmented = options["epochs"], options["augmented"]
    crop = {"name": "random_crop", "padding": 4, "padding_mode": "reflect"}
    recipe = {
        "name": "peers",
        "dataset": {"name": "peer_images", "file": options["file"]},
        "augmentations": [crop, "horizontal_flip"] if augmented else [],
        "model": {"name": "peer_network", "options": options},
        "optimizer": {"name": "sgd", "lr": options["lr"], "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
        "scheduler": "torch/cosine",
        "explainers": [],
        "report": {"misclassified": 0, "augmented": 0},
        "train": {
            "epochs": epochs,
            "batch_size": options["batch_size"],
            "precision": options["precision"],
            "device": options["device"],
            "channels_last": True,
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "peers.yaml")
        path.write_text(json.dumps(recipe))
        sys.argv = ["cvkit", "run", str(path), "--output", folder, "--plugin-path", __file__]
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise
