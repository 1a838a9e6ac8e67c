"""Calibrate the probabilities of a trained model, and let it decline images."""
