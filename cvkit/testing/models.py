"""The checks of models, as required by training, evaluation, checkpoints and explainers."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection

import torch
from torch import Tensor, nn

from ..checkpoint.serialization import pack, unpack
from ..checkpoint.state_dicts import load_model_state, model_state
from ..data.splits import DataInfo
from ..engine.image_initialisation import METHOD
from ..kinds import KINDS
from ..protocols import TrainingOutputs
from .comparison import close, difference, different
from .contract import promise
from .sample_parts import sample_info, sample_inputs, seeded
from .sample_steps import parts_of, take_gradients, train, update
from .suite import Suite

_STEPS = 16
"""The number of steps in which each parameter must get a nonzero gradient at least once.

Each zero-initialised layer before the loss requires one more step, and blocks that are randomly skipped require some
more: at a rate of one half, a block is skipped in all 16 steps once in 65,536 cases.
"""
_IMAGES = 32  # the number of training images that may determine first weights
_RESUMED = 3  # the number of training steps before a checkpoint, and after it


class ModelSuite(Suite):
    """The checks that every model must pass.

    Attributes:
        info: Channels, size and classes of the data, by default 3x32x32 and 10 classes.
        loss_terms: The names of the further terms of the training loss of `factory`. For a `component`, its
            declaration determines them.
    """

    kind = KINDS["models"]
    info: DataInfo = sample_info()
    loss_terms: Collection[str] = ()

    def supplied(self) -> tuple[DataInfo]:
        """Return the information about the data set."""
        return (self.info,)

    def _model(self, seed: int = 0, *, with_images: bool = True) -> nn.Module:
        """Build the model with seeded generators, and set its first weights by images, as a run does."""
        with seeded(seed):
            model: nn.Module = self.build()
            if with_images:
                _initialise(model, self.info)
        with promise("every model is an nn.Module with parameters") as broken:
            if not isinstance(model, nn.Module):
                broken(f"the factory returned {type(model).__name__}")
            if not any(parameter.requires_grad for parameter in model.parameters()):
                broken("no parameter requires a gradient")
        return model

    def _logits(self, model: nn.Module, images: Tensor) -> Tensor:
        """Return the logits in evaluation mode."""
        with seeded(1), torch.no_grad():
            logits: Tensor = model.eval()(images)
        return logits

    def test_logits_shape(self) -> None:
        """Two images result in logits (2, K)."""
        self._require_logits(self.info)

    def test_training_outputs(self) -> None:
        """With ``loss_terms``, training mode returns exactly these terms beside the logits; else logits alone."""
        declared = set(self.loss_terms or self.entry.component.loss_terms)
        contract = "a model returns logits in training, or with loss_terms TrainingOutputs with exactly these terms"
        with promise(contract) as broken:
            images = sample_inputs(self.info)
            with seeded(1):
                made = self._model().train()(images)
            if not isinstance(made, TrainingOutputs):
                if declared:
                    broken(f"it declares {_listed(declared)}, but returns {type(made).__name__}")
                return
            returned = {*made.aux, *made.losses}
            if not declared or returned != declared or len(made.aux) + len(made.losses) > len(returned):
                broken(
                    f"it declares {_listed(declared)}, but returns {_listed([*made.aux, *made.losses])}",
                    "Return the terms that the component declares, a constant where one does not apply",
                )
            expected = (len(images), self.info.num_classes)
            for name, logits in (("logits", made.logits), *made.aux.items()):
                if tuple(logits.shape) != expected:
                    broken(f"'{name}' has shape {tuple(logits.shape)}; expected {expected}")
            for name, loss in made.losses.items():
                if loss.ndim or not loss.is_floating_point():
                    broken(f"the loss '{name}' is {loss.dtype} {tuple(loss.shape)}", "Return the mean of the batch")

    def test_takes_info(self) -> None:
        """The model also works for a data set with 1 channel and 3 classes."""
        self._require_logits(sample_info(1, self.info.height, self.info.width, classes=3))

    def _require_logits(self, info: DataInfo) -> None:
        contract = "every model maps images (B, C, H, W) to logits (B, K), with the C and K of the data set's info"
        with promise(contract) as broken:
            with seeded():
                model = self.build(info)
            images = sample_inputs(info, 2)
            logits = self._logits(model, images)
            expected = (2, info.num_classes)
            if not isinstance(logits, Tensor) or tuple(logits.shape) != expected:
                got = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
                broken(f"{got} for images {tuple(images.shape)}; expected logits {expected}")

    def test_finite(self) -> None:
        """A new model returns finite logits in training mode and in evaluation mode."""
        with promise("every model returns finite logits for normalised images") as broken:
            for training in (True, False):
                with seeded(1):
                    outputs, own = parts_of(self._model().train(training)(sample_inputs(self.info)))
                mode = "training" if training else "evaluation"
                for logits in outputs:
                    if bad := int((~torch.isfinite(logits)).sum()):
                        broken(f"{bad} of {logits.numel()} logits are not finite in {mode} mode")
                if not all(torch.isfinite(loss).all() for loss in own):
                    broken(f"a loss of its own is not finite in {mode} mode")

    def test_gradients(self) -> None:
        """The loss has a nonzero gradient with respect to every parameter that requires one.

        Zero-initialised layers hide the layers before them, and blocks may be skipped randomly. So the check takes
        several steps, each with its own batch and random draws. A parameter passes if it gets a gradient in any step.
        """
        with promise("every parameter of a model that requires a gradient gets a nonzero one") as broken:
            model = self._model()
            trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
            none, zeros = dict(trained), dict(trained)
            for step in range(_STEPS):
                take_gradients(model, self.info, step)
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
                update(model)
            if none:
                broken(
                    f"{len(none)} of {len(trained)} get no gradient in {_STEPS} steps: {', '.join([*none][:3])}",
                    "Use them in forward, remove them, or set requires_grad to False",
                )
            broken(
                f"{len(zeros)} of {len(trained)} get only zeros in {_STEPS} steps: {', '.join([*zeros][:3])}",
                "Use them in forward, or remove them. If the model requires larger images, set `info` to such a size",
            )

    def test_state(self) -> None:
        """A new model with the parameters and buffers from a checkpoint is equal to the original.

        The new model returns the same logits, and further training results in exactly the same weights.
        """
        with promise(
            "the parameters and buffers of a model are its complete state, because a checkpoint stores only them"
        ) as broken:
            model = train(self._model(), self.info, range(_RESUMED))
            packed, tensors = pack(model_state(model))
            fresh = self._model(seed=1, with_images=False)
            load_model_state(fresh, unpack(json.loads(json.dumps(packed)), tensors))
            images = sample_inputs(self.info)
            if not torch.equal(self._logits(model, images), self._logits(fresh, images)):
                broken(
                    "a new model with the restored state returns other logits",
                    "Store tensors as nn.Parameter or with register_buffer",
                )
            one, other = (model_state(train(net, self.info, range(_RESUMED, 2 * _RESUMED))) for net in (model, fresh))
            if odd := different(one, other):
                broken(
                    f"a new model with the restored state trains differently: {odd[0]} differs after "
                    f"{_RESUMED} steps",
                    "Use torch's global generator, which a run seeds before each step, and store counters in buffers",
                )

    def test_eval_deterministic(self) -> None:
        """In evaluation mode, the same images result in exactly the same logits."""
        with promise("every model in evaluation mode returns the same logits for the same images") as broken:
            model, images = self._model().eval(), sample_inputs(self.info)
            with torch.no_grad():
                first, second = model(images), model(images)
            if not torch.equal(first, second):
                broken(f"the logits of two calls differ by up to {difference(first, second):.3g}")

    def test_batch_of_one(self) -> None:
        """In evaluation mode, the logits of an image are the same alone and in a batch."""
        with promise(
            "a model in evaluation mode returns the same logits for an image alone and in a batch"
        ) as broken:
            model, images = take_gradients(self._model(), self.info), sample_inputs(self.info)
            together, alone = self._logits(model, images), self._logits(model, images[:1])
            if not close(alone, together[:1]):
                broken(f"logits {tuple(alone.shape)} differ by up to {difference(alone, together[:1]):.3g}")

    def test_channels_last(self) -> None:
        """In channels-last memory format, the logits are the same."""
        with promise("every model accepts weights and images in channels-last memory format") as broken:
            model, images = self._model(), sample_inputs(self.info)
            expected = self._logits(model, images)
            model = model.to(memory_format=torch.channels_last)
            got = self._logits(model, images.contiguous(memory_format=torch.channels_last))
            if not close(got, expected):
                broken(f"the logits then differ by up to {difference(got, expected):.3g}")

    def test_exports(self) -> None:
        """``torch.export`` accepts the model, and the exported program returns the same logits."""
        with promise("torch.export can export every model in evaluation mode") as broken:
            model, images = self._model().eval(), sample_inputs(self.info, 2)
            with torch.no_grad():
                exported = torch.export.export(model, (images,), strict=False).module()(images)
                expected = model(images)
            if not close(exported, expected):
                broken(f"the logits of the exported program differ by up to {difference(exported, expected):.3g}")

    def test_initialisation(self) -> None:
        """The initial weights depend on the global seed: equal seeds result in equal weights, others do not."""
        with promise("the initial weights of a model are a function of the global seed") as broken:
            one, same, other = (model_state(self._model(seed)) for seed in (1, 1, 2))
            if odd := different(one, same):
                broken(f"two models with the same seed differ in {odd[0]}", "Use torch's global generator")
            if not different(one, other):
                broken("two models with different seeds are equal")

    def test_initialised_with_images(self) -> None:
        """If training images determine first weights, the same images result in the same finite weights.

        They are set in place: names, shapes and which weights are trained stay, as a checkpoint expects them.
        """
        with promise(f"{METHOD}(sample) sets weights of a model in place, as a function of the images") as broken:
            model, twin, before = self._model(), self._model(), self._model(with_images=False)
            if not callable(getattr(model, METHOD, None)):
                return
            shapes, own = ({k: v.shape for k, v in model_state(each).items()} for each in (before, model))
            if shapes != own or _trained(before) != _trained(model):
                broken("names, shapes or requires_grad change", "Set them when the model is built")
            finite = [name for name, value in model_state(before).items() if value.isfinite().all()]
            if bad := [name for name in finite if not model_state(model)[name].isfinite().all()]:
                broken(f"{bad[0]} is not finite")
            if odd := different(model_state(model), model_state(twin)):
                broken(f"the same images result in another {odd[0]}", "Use torch's global generator")

    def test_eval_leaves_buffers(self) -> None:
        """Evaluation changes no parameter and no buffer."""
        with promise("a model in evaluation mode does not change its parameters and buffers") as broken:
            model = self._model()
            before = {name: tensor.clone() for name, tensor in model_state(model).items()}
            self._logits(model, sample_inputs(self.info))
            if changed := different(before, model_state(model)):
                broken(f"a forward pass changes {changed[0]}", "Update it only if self.training is true")

    def test_leaves_input(self) -> None:
        """The input images are not modified, in training mode and in evaluation mode."""
        with promise("a model does not modify its input images") as broken:
            for training in (True, False):
                images = sample_inputs(self.info)
                before = images.clone()
                with seeded(1):
                    self._model().train(training)(images)
                if not torch.equal(images, before):
                    mode = "training" if training else "evaluation"
                    broken(
                        f"it writes to them in {mode} mode",
                        "Copy them before in-place operations such as nn.ReLU(inplace=True)",
                    )

    def test_bf16(self) -> None:
        """Under autocast to bfloat16, the gradients are finite."""
        with promise("every model trains under autocast to bfloat16") as broken:
            model = self._model()
            with torch.autocast("cpu", torch.bfloat16):
                take_gradients(model, self.info)
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            if bad := sum(not gradient.isfinite().all() for gradient in gradients):
                broken(f"{bad} of {len(gradients)} gradients are not finite")

    def test_copies(self) -> None:
        """A deep copy is independent, also after training. Tuners train a copy, and averaged weights are a copy."""
        with promise("a deep copy of a model works, and shares no weights with it") as broken:
            model, images = take_gradients(self._model(), self.info), sample_inputs(self.info)
            twin = copy.deepcopy(model)
            expected = self._logits(model, images)
            if not torch.equal(self._logits(twin, images), expected):
                broken("the copy returns other logits")
            with torch.no_grad():
                for tensor in model_state(twin).values():
                    tensor.zero_()
            if not torch.equal(self._logits(model, images), expected):
                broken("changing the copy changes the model")


def _initialise(model: nn.Module, info: DataInfo) -> None:
    method = getattr(model, METHOD, None)
    if callable(method):
        with torch.no_grad():
            method(lambda count: sample_inputs(info, min(count, _IMAGES)))


def _trained(model: nn.Module) -> list[str]:
    return [name for name, weight in model.named_parameters() if weight.requires_grad]


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "no terms"
