"""Finds faces in pictures and follows them through time. Knows images and seconds, never files, people or gender."""
