"""Compares runs with hand labels: figures, intervals, and the verdict on a target accuracy."""
