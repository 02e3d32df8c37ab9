"""Many videos, each in a process of its own, with nothing lost when one of them fails."""
