"""Processes many videos in worker processes; a video that fails does not affect the others."""
