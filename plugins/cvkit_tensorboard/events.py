"""Convert cvkit's records and figures to TensorBoard events; the step of an event counts optimizer steps."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.text.metadata import create_summary_metadata

if TYPE_CHECKING:
    from cvkit import EpochRecord

_PNG = b"\x89PNG\r\n\x1a\n"


def session() -> Iterator[Event]:
    """Yield the first events of a file, which make TensorBoard discard the events of earlier files after step 0."""
    yield Event(wall_time=time.time(), file_version="brain.Event:2")
    yield Event(wall_time=time.time(), step=1, session_log=SessionLog(status=SessionLog.START))


def text(tag: str, markdown: str) -> Event:
    """Return an event at step 0 with a text that TensorBoard shows as Markdown."""
    content = TensorProto(dtype=DT_STRING, tensor_shape=TensorShapeProto(), string_val=[markdown.encode()])
    return _event(0, Summary.Value(tag=tag, metadata=create_summary_metadata(None, None), tensor=content))


def epoch(record: EpochRecord) -> Iterator[Event]:
    """Yield the scalars of each step of an epoch, then the scalars of the epoch."""
    first = record.step - len(record.step_losses) + 1
    series = {
        "step/loss": record.step_losses,
        "step/learning_rate": record.step_lrs,
        "step/momentum": record.step_momenta,
    }
    for position in range(len(record.step_losses)):
        yield _scalars(first + position, {tag: values[position] for tag, values in series.items() if values})
    views = "flip_tta" if record.tta == "flip TTA" else "-".join(["tta", *record.tta_views])
    more = {
        "accuracy/train": record.train_accuracy,
        f"accuracy/{record.half}_{views}": record.accuracy_tta,
        f"accuracy/{record.half}_unaveraged": record.accuracy_unaveraged,
    }
    if record.half == "validation":  # the test images may be watched too
        more |= {"loss/test": record.test_loss, "accuracy/test": record.test_accuracy}
    where_asked = {tag: accuracy for tag, accuracy in more.items() if accuracy is not None}
    measured = {
        "loss/train": record.train_loss,
        f"loss/{record.half}": record.loss,
        f"accuracy/{record.half}": record.accuracy,
        "speed/images_per_second": record.images_per_second,
        "speed/seconds": record.seconds,
        "epoch": record.epoch,
    }
    metrics = {f"metrics/{name}": value for name, value in record.metrics.items()}
    rates = {f"learning_rate/{name}": rate for name, rate in record.group_lrs.items()}
    terms = {f"loss_terms/{name}": value for name, value in record.train_terms.items()}
    yield _scalars(record.step, measured | where_asked | metrics | rates | terms)


def picture(tag: str, png: bytes, step: int) -> Event:
    """Return an event with an unchanged PNG image; raise `ValueError` if `png` is not a PNG."""
    if not png.startswith(_PNG) or len(png) < 24:
        raise ValueError("it is not a PNG")
    width, height = struct.unpack(">II", png[16:24])
    return _event(
        step, Summary.Value(tag=tag, image=Summary.Image(width=width, height=height, encoded_image_string=png))
    )


def _scalars(step: int, values: dict[str, float]) -> Event:
    return _event(step, *(Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()))


def _event(step: int, *values: Summary.Value) -> Event:
    return Event(wall_time=time.time(), step=step, summary=Summary(value=values))
