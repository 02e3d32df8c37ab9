"""Sums over a run, and the report made from them."""
