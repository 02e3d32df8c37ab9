"""Reads videos as sampled frames with their presentation times."""
