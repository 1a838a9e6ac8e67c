"""The lines of metrics.jsonl, one epoch record each."""

from __future__ import annotations

import json

from ..engine.records import EpochRecord
from .json_files import read_record


def read_lines(content: bytes) -> list[EpochRecord | ValueError]:
    """Return the record in each line of metrics.jsonl, or an error that names the line and an invalid value.

    A last line that a kill cut short is skipped.
    """
    found: list[EpochRecord | ValueError] = []
    for number, line in enumerate(content.splitlines(keepends=True), start=1):
        if line.endswith(b"\n"):
            try:
                found.append(read_record(line))
            except ValueError as error:
                found.append(ValueError(f"line {number}: {error}"))
    return found


def read_records(content: bytes) -> list[EpochRecord]:
    """Return the records in metrics.jsonl; raise the error of the first line that cannot be read."""
    records = []
    for line in read_lines(content):
        if isinstance(line, ValueError):
            raise line
        records.append(line)
    return records


def written_line(record: EpochRecord) -> bytes:
    """Return the line of metrics.jsonl that contains `record`."""
    return (json.dumps(record.to_json(), allow_nan=False) + "\n").encode()
