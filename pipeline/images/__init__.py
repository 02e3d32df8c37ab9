"""Faces in images instead of videos."""
