"""Trains the classifiers: recipes, losses, and the training loop."""
