"""Searches values of a recipe that are best on the validation images, with Optuna."""
