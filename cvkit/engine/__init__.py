"""The engine: data on the device, the training step, the loop, checkpoints, and the run that joins them."""
