"""Explain what a trained model looks at: explainers, their scores, and the files of `cvkit explain`."""
