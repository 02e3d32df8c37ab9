"""Videos as sampled frames with true times."""
