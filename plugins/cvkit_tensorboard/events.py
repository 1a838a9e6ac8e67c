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
    for step, values in record.step_scalars():
        yield _scalars(step, values)
    yield _scalars(record.step, record.scalars())


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
