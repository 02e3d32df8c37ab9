"""Networks, their weights files and what these say about themselves."""
