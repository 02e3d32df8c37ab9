"""Writes tracks of faces for labelling tools, from a run or from hand labels."""
