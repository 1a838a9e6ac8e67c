"""The trainers that `peers.py` compares with cvkit, each used as its documentation has it.

Nothing is logged, saved or evaluated during training, as far as a trainer has a setting for that.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import torch
from peer_task import Clock, Task, collate, dataset, loader, network
from torch import Tensor, nn


def bare_step(task: Task, clock: Clock) -> None:
    """Train on one batch in memory: the upper limit of every loop."""
    model = network(task, clock).to(task.device).train()
    optimizer = task.optimizer(model.parameters())
    scheduler, scaler = task.schedule(optimizer), torch.amp.GradScaler(task.device, enabled=task.precision == "fp16")
    images, labels = (each.to(task.device) for each in next(iter(loader(task))))
    images = images.contiguous(memory_format=torch.channels_last)
    for _ in range(task.total):
        _step(task, model, optimizer, scaler, images, labels)
        scheduler.step()


def bare_loop(task: Task, clock: Clock) -> None:
    """Train by the loop of torch's documentation."""
    model = network(task, clock).to(task.device).train()
    optimizer, data = task.optimizer(model.parameters()), loader(task)
    scheduler, scaler = task.schedule(optimizer), torch.amp.GradScaler(task.device, enabled=task.precision == "fp16")
    for _ in range(task.epochs):
        for images, labels in data:
            images = images.to(task.device, memory_format=torch.channels_last, non_blocking=True)
            _step(task, model, optimizer, scaler, images, labels.to(task.device, non_blocking=True))
            scheduler.step()


def _step(
    task: Task,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    images: Tensor,
    labels: Tensor,
) -> None:
    optimizer.zero_grad()
    with task.autocast():
        loss = nn.functional.cross_entropy(model(images), labels)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()


def lightning(task: Task, clock: Clock) -> None:
    """Train with Lightning's Trainer."""
    import lightning.pytorch as pl

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = network(task, clock)

        def training_step(self, batch: Any, index: int) -> Tensor:
            images, labels = batch
            return nn.functional.cross_entropy(self.model(images), labels)

        def configure_optimizers(self) -> Any:
            optimizer = task.optimizer(self.parameters())
            scheduler = {"scheduler": task.schedule(optimizer), "interval": "step"}
            return {"optimizer": optimizer, "lr_scheduler": scheduler}

    precisions: dict[str, Any] = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
    trainer = pl.Trainer(
        accelerator="gpu" if task.on_gpu else "cpu",
        devices=1,
        precision=precisions[task.precision],
        max_epochs=task.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Module(), loader(task))


def hugging_face(task: Task, clock: Clock) -> None:
    """Train with the Trainer of transformers."""
    from transformers import Trainer, TrainingArguments

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = network(task, clock)

        def forward(self, pixel_values: Tensor, labels: Tensor) -> dict[str, Tensor]:
            logits = self.model(pixel_values)
            return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    def collated(items: Any) -> dict[str, Tensor]:
        images, labels = collate(task)(items)
        return {"pixel_values": images, "labels": labels}

    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=task.batch_size,
            num_train_epochs=task.epochs,
            learning_rate=task.lr,
            lr_scheduler_type="cosine",
            max_grad_norm=0.0,  # clipping is on by default, and no other trainer clips here
            use_cpu=not task.on_gpu,
            bf16=task.precision == "bf16",
            fp16=task.precision == "fp16",
            dataloader_num_workers=task.workers,
            dataloader_persistent_workers=task.workers > 0,
            dataloader_drop_last=True,
            remove_unused_columns=False,
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=dataset(task, "train"),
            data_collator=collated,
            optimizers=(task.optimizer(model.parameters()), None),
        )
        trainer.train()


def accelerate(task: Task, clock: Clock) -> None:
    """Train by the bare loop with accelerate."""
    from accelerate import Accelerator

    precision = "no" if task.precision == "fp32" else task.precision
    accelerator = Accelerator(cpu=not task.on_gpu, mixed_precision=precision)
    model = network(task, clock).train()
    optimizer = task.optimizer(model.parameters())
    model, optimizer, data, scheduler = accelerator.prepare(model, optimizer, loader(task), task.schedule(optimizer))
    for _ in range(task.epochs):
        for images, labels in data:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            accelerator.backward(loss)
            optimizer.step()
            scheduler.step()


def fastai(task: Task, clock: Clock) -> None:
    """Train with fastai's Learner."""
    from functools import partial

    from fastai.callback.schedule import ParamScheduler, SchedCos
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper
    from fastai.torch_core import default_device

    default_device(task.on_gpu)
    learner = Learner(
        DataLoaders(loader(task), loader(task, "test"), device=torch.device(task.device)),
        network(task, clock),
        loss_func=nn.CrossEntropyLoss(),
        opt_func=partial(OptimWrapper, opt=lambda parameters, lr: task.optimizer(parameters)),
        lr=task.lr,
    )
    if task.precision != "fp32":
        learner = learner.to_bf16() if task.precision == "bf16" else learner.to_fp16()
    with learner.no_bar(), learner.no_logging():
        learner.fit(task.epochs, cbs=ParamScheduler({"lr": SchedCos(task.lr, 0.0)}))


TRAINERS: dict[str, tuple[str, Callable[[Task, Clock], None]]] = {
    "bare step": ("torch", bare_step),
    "bare loop": ("torch", bare_loop),
    "Lightning": ("lightning", lightning),
    "Hugging Face Trainer": ("transformers", hugging_face),
    "accelerate": ("accelerate", accelerate),
    "fastai": ("fastai", fastai),
}
"""The trainers besides cvkit, each with the module that it needs."""
