"""Trains SCRFD detectors in plain torch: network, anchor assignment, losses, scenes, training loop and export."""
