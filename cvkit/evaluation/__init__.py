"""Evaluate a trained model on any labelled images: those of its data set, or others."""
