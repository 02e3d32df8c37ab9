"""How each known system is trained: recipes, losses, and the one loop."""
