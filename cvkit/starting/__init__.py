"""The first recipe for somebody's photos, which `cvkit new` writes: what the data are, and what follows from it."""
