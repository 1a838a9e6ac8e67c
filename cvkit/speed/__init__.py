"""Measures on this machine how fast a recipe trains in other settings, and what limits it."""
