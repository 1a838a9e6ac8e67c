"""`cvkit explain`: pictures in, explanations of what a trained model sees in them out."""
