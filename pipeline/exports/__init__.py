"""Writes a run's tables for other programs (CSV, Excel, SQLite), and tracks for labelling tools."""
