"""Comparison of trained runs: are they different, what differs, and on which images."""
