"""Trains SCRFD detectors of our own: network, assignment, losses, pictures, loop and evaluation, in plain torch."""
