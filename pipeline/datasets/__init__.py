"""Labelled images: folders, archives and tables."""
