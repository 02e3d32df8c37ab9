"""Finds and fixes labels that do not line up with their videos."""
