"""Aligned face crops with labels, and their splits."""
