"""Files, time, people, tables, truth and the command line: everything around `detection` and `gender`."""

__version__ = "0.1.0"
