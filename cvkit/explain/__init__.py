"""What a trained model looks at: explainers at work, their scores, and `cvkit explain`."""
