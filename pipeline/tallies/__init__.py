"""Sums over a run, and the report made of them."""
