"""Faces of a camera or a stream, drawn as they come."""
