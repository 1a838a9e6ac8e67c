"""What every model must do: what the training step, the evaluation, checkpoints and explainers rely on."""

from __future__ import annotations

import copy
import json

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from ..checkpoint.serialization import pack, unpack
from ..checkpoint.state_dicts import load_model_state, model_state
from ..data.splits import DataInfo
from ..kinds import KINDS
from .sample_parts import sample_info, sample_inputs, sample_labels, seeded
from .suite import Suite, promise

_STEPS, _RATE = 16, 0.01
"""Steps in which each parameter must get a gradient once.

One more is needed for each layer of zeros on the way to the loss, and some for blocks that are skipped by chance:
at a rate of one half, a block is left out of all 16 once in 65,536 tries.
"""
_RESUMED = 3  # training steps before a checkpoint, and as many after it


class ModelSuite(Suite):
    """The checks that every model must pass; `info` is the data set it is built for, 3x32x32 of 10 classes."""

    kind = KINDS["models"]
    info: DataInfo = sample_info()

    def supplied(self) -> tuple[DataInfo]:
        """Return the data set's info."""
        return (self.info,)

    def _model(self, seed: int = 0) -> nn.Module:
        """Build the model as a run does, from seeded generators."""
        with seeded(seed):
            model: nn.Module = self.build()
        with promise("every model is an nn.Module with parameters") as broken:
            if not isinstance(model, nn.Module):
                broken(f"the factory returned {type(model).__name__}")
            if not any(parameter.requires_grad for parameter in model.parameters()):
                broken("it has no parameter that requires a gradient")
        return model

    def _logits(self, model: nn.Module, images: Tensor) -> Tensor:
        """Return the logits in evaluation mode."""
        with seeded(1), torch.no_grad():
            logits: Tensor = model.eval()(images)
        return logits

    def test_logits_shape(self) -> None:
        """Two images give logits (2, K)."""
        self._require_logits(self.info)

    def test_takes_info(self) -> None:
        """Another data set's channels and classes, 1 and 3, are followed as well."""
        self._require_logits(sample_info(1, self.info.height, self.info.width, classes=3))

    def _require_logits(self, info: DataInfo) -> None:
        contract = "every model turns images (B, C, H, W) into logits (B, K), for the C and K of the data set's info"
        with promise(contract) as broken:
            with seeded():
                model = self.build(info)
            images = sample_inputs(info, 2)
            logits = self._logits(model, images)
            expected = (2, info.num_classes)
            if not isinstance(logits, Tensor) or tuple(logits.shape) != expected:
                got = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
                broken(f"{got} of images {tuple(images.shape)}, where logits {expected} are needed")

    def test_finite(self) -> None:
        """Freshly made, in training and in evaluation, it gives finite logits."""
        with promise("every model gives finite logits of normalised images") as broken:
            for training in (True, False):
                with seeded(1):
                    logits = self._model().train(training)(sample_inputs(self.info))
                if bad := int((~torch.isfinite(logits)).sum()):
                    mode = "training" if training else "evaluation"
                    broken(f"{bad} of {logits.numel()} logits are not finite in {mode} mode")

    def test_gradients(self) -> None:
        """The loss has a gradient with respect to every parameter that asks for one, at some step not zero.

        Layers that are zero at first hide those before them, and blocks may be skipped by chance, so a few steps are
        taken, each on a batch and with draws of its own. A parameter passes that gets a gradient in any of them.
        """
        with promise("every parameter of a model that requires a gradient gets one, not of zeros alone") as broken:
            model = self._model()
            trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
            none, zeros = dict(trained), dict(trained)
            for step in range(_STEPS):
                self._train_once(model, step)
                for name, parameter in trained.items():
                    if parameter.grad is None:
                        continue
                    none.pop(name, None)
                    if not parameter.grad.isfinite().all():
                        broken(f"the gradient of {name} is not finite")
                    if parameter.grad.any():
                        zeros.pop(name, None)
                if not zeros:
                    return
                self._update(model)
            if none:
                broken(
                    f"{len(none)} of {len(trained)} get none in {_STEPS} steps: {', '.join([*none][:3])}",
                    "Use them in forward, remove them, or set requires_grad to False",
                )
            broken(
                f"{len(zeros)} of {len(trained)} get only zeros in {_STEPS} steps: {', '.join([*zeros][:3])}",
                "Use them in forward, or remove them; or set `info` to larger images, if that is what it is for",
            )

    def _update(self, model: nn.Module) -> None:
        """Take an optimizer step by the gradients there are, and clear them."""
        SGD(model.parameters(), lr=_RATE).step()
        model.zero_grad()

    def _train_on(self, model: nn.Module, first: int) -> nn.Module:
        """Take `_RESUMED` whole training steps from number `first` on."""
        for step in range(first, first + _RESUMED):
            self._train_once(model, step)
            self._update(model)
        return model

    def _train_once(self, model: nn.Module, number: int = 0) -> nn.Module:
        """Pass the batch of that number forward and its loss back, as a training step does before it updates."""
        count = 4 * (number + 1)
        images, labels = sample_inputs(self.info, count)[-4:], sample_labels(self.info, count)[-4:]
        with seeded(1 + number):
            cross_entropy(model.train()(images).float(), labels).backward()
        return model

    def test_state(self) -> None:
        """Its parameters and buffers, written to a checkpoint and read into a fresh model, are the whole model.

        The fresh model gives the same logits, and trains on as the first one does, to the bit.
        """
        with promise(
            "the parameters and buffers of a model are all that it remembers, as a checkpoint keeps them"
        ) as broken:
            model = self._train_on(self._model(), 0)
            packed, tensors = pack(model_state(model))
            fresh = self._model(seed=1)
            load_model_state(fresh, unpack(json.loads(json.dumps(packed)), tensors))
            images = sample_inputs(self.info)
            if not torch.equal(self._logits(model, images), self._logits(fresh, images)):
                broken(
                    "a fresh model that was given them returns other logits",
                    "Keep tensors as nn.Parameter or with register_buffer",
                )
            one, other = (model_state(self._train_on(net, _RESUMED)) for net in (model, fresh))
            if different := _different(one, other):
                broken(
                    f"a fresh model that was given them trains on in another way: {different[0]} differs after "
                    f"{_RESUMED} steps",
                    "Draw from torch's global generator, which a run seeds before each step, and count in buffers",
                )

    def test_eval_deterministic(self) -> None:
        """In evaluation the same images give the same logits, to the bit."""
        with promise("every model in evaluation mode gives the same logits for the same images") as broken:
            model, images = self._model().eval(), sample_inputs(self.info)
            with torch.no_grad():
                first, second = model(images), model(images)
            if not torch.equal(first, second):
                broken(f"they differ by up to {_difference(first, second):.3g} between two calls")

    def test_batch_of_one(self) -> None:
        """In evaluation an image gives the same logits alone as among others."""
        with promise("every model in evaluation mode gives an image the same logits alone and in a batch") as broken:
            model, images = self._train_once(self._model()), sample_inputs(self.info)
            together, alone = self._logits(model, images), self._logits(model, images[:1])
            if not _close(alone, together[:1]):
                broken(f"logits {tuple(alone.shape)} that differ by up to {_difference(alone, together[:1]):.3g}")

    def test_channels_last(self) -> None:
        """In channels-last memory order it gives the same logits."""
        with promise("every model takes weights and images in channels-last memory order") as broken:
            model, images = self._model(), sample_inputs(self.info)
            expected = self._logits(model, images)
            model = model.to(memory_format=torch.channels_last)
            got = self._logits(model, images.contiguous(memory_format=torch.channels_last))
            if not _close(got, expected):
                broken(f"its logits then differ by up to {_difference(got, expected):.3g}")

    def test_exports(self) -> None:
        """``torch.export`` takes it, and the exported program gives the same logits."""
        with promise("every model can be exported by torch.export, in evaluation mode") as broken:
            model, images = self._model().eval(), sample_inputs(self.info, 2)
            with torch.no_grad():
                exported = torch.export.export(model, (images,), strict=False).module()(images)
                expected = model(images)
            if not _close(exported, expected):
                broken(f"the exported program's logits differ by up to {_difference(exported, expected):.3g}")

    def test_initialisation(self) -> None:
        """The initial weights follow from the global seed: the same for the same, others for another."""
        with promise("the initial weights of a model are a function of the global seed") as broken:
            one, same, other = (model_state(self._model(seed)) for seed in (1, 1, 2))
            if different := _different(one, same):
                broken(f"two models of one seed differ in {different[0]}", "Draw from torch's global generator")
            if not _different(one, other):
                broken("the seed makes no difference: models of two seeds are the same")

    def test_eval_leaves_buffers(self) -> None:
        """Evaluation changes no parameter and no buffer."""
        with promise("a model in evaluation mode leaves its parameters and buffers as they are") as broken:
            model = self._model()
            before = {name: tensor.clone() for name, tensor in model_state(model).items()}
            self._logits(model, sample_inputs(self.info))
            if changed := _different(before, model_state(model)):
                broken(f"{changed[0]} is changed by a forward pass", "Update it only where self.training")

    def test_leaves_input(self) -> None:
        """The images it is given stay as they were, in training and in evaluation."""
        with promise("a model leaves the images that it is given as they were") as broken:
            for training in (True, False):
                images = sample_inputs(self.info)
                before = images.clone()
                with seeded(1):
                    self._model().train(training)(images)
                if not torch.equal(images, before):
                    mode = "training" if training else "evaluation"
                    broken(
                        f"it writes into them in {mode} mode",
                        "Copy before working in place, as nn.ReLU(inplace=True) does not",
                    )

    def test_bf16(self) -> None:
        """Under autocast to bfloat16 it trains: finite logits, finite gradients."""
        with promise("every model trains under autocast to bfloat16") as broken:
            model = self._model()
            with torch.autocast("cpu", torch.bfloat16):
                self._train_once(model)
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            if bad := sum(not gradient.isfinite().all() for gradient in gradients):
                broken(f"{bad} of {len(gradients)} gradients are not finite")

    def test_copies(self) -> None:
        """A deep copy is a model of its own, also after training: tuners train one, and averaged weights are one."""
        with promise("a deep copy of a model works, and shares no weight with it") as broken:
            model, images = self._train_once(self._model()), sample_inputs(self.info)
            twin = copy.deepcopy(model)
            expected = self._logits(model, images)
            if not torch.equal(self._logits(twin, images), expected):
                broken("the copy gives other logits")
            with torch.no_grad():
                for tensor in model_state(twin).values():
                    tensor.zero_()
            if not torch.equal(self._logits(model, images), expected):
                broken("the model changes when its copy does")


def _close(one: Tensor, other: Tensor) -> bool:
    """Whether two logits agree but for the order of sums, which batch size and memory format change."""
    return one.shape == other.shape and torch.allclose(one.float(), other.float(), rtol=1e-3, atol=1e-4)


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one.float() - other.float()).abs().max())


def _different(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    return [name for name, tensor in one.items() if not torch.equal(tensor, other[name])]
