"""Says something about a face crop: perceived gender and age. Knows crops, never video, boxes or tracks."""
