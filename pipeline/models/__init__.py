"""Weights: finding, verifying, fetching and loading them."""
