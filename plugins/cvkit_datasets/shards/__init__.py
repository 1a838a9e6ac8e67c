"""Data sets in tar shards of the WebDataset layout."""
