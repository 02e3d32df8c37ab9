"""`train` and `evaluate`: labelled images in, weights, card and evaluation out."""
