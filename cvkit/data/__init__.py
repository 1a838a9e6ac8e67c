"""Images on their way to the model: splits, loading, augmentation of single images, preprocessing."""
