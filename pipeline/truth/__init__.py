"""Hand labels: their types, their files, and what other tools write."""
