"""What several processes cannot do is refused before training, and what differs is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small import run_of
from torch import nn
from worlds import together

from cvkit import RunError, discover, train
from cvkit.engine.device import choose_device
from cvkit.engine.division import divided_model
from cvkit.engine.tuning import tune
from cvkit.errors import DeviceError
from cvkit.runs.opening import build_run
from cvkit.runs.together import require_alike
from cvkit.world.world import World

TUNED = (
    "dataset={name: shapes, train_size: 256, test_size: 20}",
    "train.batch_size=32",
    "model={name: custom_resnet, width: 4, logit_scale: 1.0}",
    "scheduler.max_lr=auto",
    "tuners=[{name: lr_range_test, set: scheduler.max_lr, steps: 40, end_lr: 1.0, orders: 1}]",
)


def test_processes_get_devices_of_their_own():
    """All of them may use the CPU; one GPU for several is refused."""
    world = World(1, 2, 1)
    assert [choose_device(name, "fp32", world).type for name in ("auto", "cpu")] == ["cpu", "cpu"]
    for name in ("cuda:0", "mps", "cuda"):
        with pytest.raises(DeviceError, match="process"):
            choose_device(name, "fp32", world)


def test_batch_normalisation_of_each_process_is_a_warning():
    """One without it has no such warning, and one process neither."""
    parts = run_of(discover())
    given = (parts.recipe.train, parts.batching, parts.device)
    assert divided_model(parts.model, World(), *given) == (parts.model, [])
    assert "batch normalisation" in divided_model(parts.model, World(0, 2), *given)[1][0]
    assert divided_model(nn.Linear(2, 2), World(0, 2), *given)[1] == []
    assert "no image" in divided_model(nn.Linear(2, 2), World(0, 9), *given)[1][0]


def test_batch_normalisation_is_synchronised_on_gpus_only():
    """torch refuses it on a CPU; and every process must have an image of every batch."""
    parts = run_of(discover(), "train.sync_batch_norm=true")
    train, gpu = parts.recipe.train, torch.device("cuda", 0)
    assert divided_model(parts.model, World(), train, parts.batching, parts.device)[0] is parts.model
    with pytest.raises(RunError, match="CPU"):
        divided_model(parts.model, World(0, 2), train, parts.batching, parts.device)
    with pytest.raises(RunError, match="8 images"):
        divided_model(parts.model, World(0, 9), train, parts.batching, gpu)
    made, _ = divided_model(parts.model, World(0, 2), train, parts.batching, gpu)
    assert any(isinstance(module, nn.SyncBatchNorm) for module in made.modules())
    assert made.state_dict().keys() == parts.model.state_dict().keys()


def test_one_of_several_processes_does_not_train_alone(monkeypatch, tmp_path):
    """In Python, nothing divides the work; each process would train the same run."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    recipe = run_of(discover()).recipe
    with pytest.raises(RunError, match="torchrun"):
        build_run(recipe, tmp_path)
    with pytest.raises(RunError, match="torchrun"):
        train({"dataset": "shapes", "model": "custom_resnet", "optimizer": "sgd"}, output=tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("override", ["optimizer.lr=0.04", "dataset.train_size=71"])
def test_processes_with_different_recipes_are_refused(override):
    """As on machines with copies of a recipe or of the data that differ."""
    both = [run_of(discover()), run_of(discover(), override)]

    def work(world: World):
        try:
            with world.ending_together():
                require_alike(replace(both[world.rank], world=world))
                world.agree()
        except RunError as error:
            return str(error)
        return ""

    first, second = together(2, work)
    assert "differs from" in second
    assert first == f"process 1 of 2: {second}"


def test_tuners_propose_the_same_in_all_processes():
    """To the bit, so that all processes go on with the same rate."""
    parts = run_of(discover(), *TUNED)

    def work(world: World):
        ((_, proposal, recipe),) = [each for each in tune(replace(parts, world=world)) if not isinstance(each, str)]
        return proposal.value, recipe.value("scheduler.max_lr")

    found = together(2, work)
    assert found[0] == found[1]
    assert found[0][0] == found[0][1] > 0
