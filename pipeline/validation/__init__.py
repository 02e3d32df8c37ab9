"""A run beside hand labels: figures, intervals, and the verdict on a target."""
