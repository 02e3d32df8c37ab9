"""Shares and their intervals, corrected for the errors of a classifier."""
