"""Write a trained model as a file for other programs, and certify that the file computes the same."""
