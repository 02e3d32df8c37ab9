"""Charts as inline SVG: numbers in, markup out. Knows nothing of runs."""
