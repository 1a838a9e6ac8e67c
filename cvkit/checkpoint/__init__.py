"""Checkpoints of a run: state dicts, their serialization, and atomic writes."""
