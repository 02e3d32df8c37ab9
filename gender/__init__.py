"""Estimates perceived gender and age from face crops. Knows crops, never video, boxes or tracks."""
