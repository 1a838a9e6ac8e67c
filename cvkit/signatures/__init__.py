"""A factory's options, read from its source without importing it."""
