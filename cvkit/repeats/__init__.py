"""Repeats a run with several seeds, and measures how much its result depends on them."""
