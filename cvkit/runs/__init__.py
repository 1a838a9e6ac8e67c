"""A run in its folder: start, resume, extend, repair and load it."""
