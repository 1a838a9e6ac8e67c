"""Sets of images in few large files: their index, their store, and the splits that read them."""
