"""cvkit from Python: train a recipe, load a run, predict and explain."""
