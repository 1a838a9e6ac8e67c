"""The training engine: building the parts of a run, the training step, the loop, evaluation and tuning."""
