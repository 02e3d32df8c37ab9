"""Networks, weights files and their model cards."""
