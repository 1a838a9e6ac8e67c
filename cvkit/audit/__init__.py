"""What is wrong with the data of a recipe: damaged images, duplicates, conflicting labels, unbalanced classes."""
