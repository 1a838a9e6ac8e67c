"""The state of a run as files: state dicts, their serialization, and writing them atomically."""
