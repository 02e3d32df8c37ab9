"""Joins the faces of a video to appearances, and classifies them."""
