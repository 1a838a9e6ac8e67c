"""The data of a run: splits, loading, augmentation of single images, and preprocessing."""
