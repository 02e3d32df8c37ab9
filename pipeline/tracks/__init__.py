"""From the faces of a video to appearances with their attributes."""
