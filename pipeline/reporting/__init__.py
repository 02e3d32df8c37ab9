"""The report: one self-contained HTML page over runs, and what hand labels say of them."""
