"""Trains the network of `knowing.safetensors` again and writes its weights, in half precision, beside this file.

    python tests/diagnostics/scores/make_knowing.py

Tests work on the stored weights, as what a training ends in depends on the kernels of the machine's CPU. Those stored
were trained on 27 November 2026, x86_64 with AVX2, one thread, torch 2.14.1: 97.1 % of the test images are right.
"""

from __future__ import annotations

import torch
from conftest import STORED, four_classes, recipe
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import OneCycleLR

from cvkit.data.preprocessing import Preprocessor
from cvkit.engine.trained_model import TrainedModel

EPOCHS, BATCH = 8, 50


def main() -> None:
    """Train, store, and print the accuracy of what was stored."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    train, test, info = four_classes()
    model = recipe().model.build(info)
    pixels = Preprocessor(info, [], torch.device("cpu"), channels_last=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = OneCycleLR(optimizer, 0.4, total_steps=EPOCHS * len(train) // BATCH)
    for _ in range(EPOCHS):
        for index in torch.randperm(len(train)).split(BATCH):
            loss = cross_entropy(model(pixels.for_evaluation(train.images[index])), train.labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    stored = {
        name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()
    }
    save_file(stored, STORED)
    model.load_state_dict(stored)
    right = TrainedModel(model.eval(), info, pixels, torch.device("cpu"), seed=0).logits(test.images).argmax(1)
    print(f"{STORED.name}: {float((right == test.labels).double().mean()):.1%} of {len(test)} images")


if __name__ == "__main__":
    main()
