"""Detects faces in images and tracks them through time. Knows images and seconds, never files, people or gender."""
