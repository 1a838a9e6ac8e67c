"""Predict image files with a trained model: in batches, with worker processes, and without holding all results."""
