"""Reads and writes files safely: links out of a folder are not followed, and no file is left half-written."""
