"""Labels of other tools."""
