"""Draws the faces of a run into its videos, covers them, and writes subtitles."""
