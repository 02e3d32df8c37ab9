"""Hand labels made in a browser: a random sample of a run's appearances, and a verdict while one labels."""
