"""How data moves: read, harmonise, validate, load."""
