"""How a plan is run: the typed plan vocabulary over Ibis, and the engines below it."""
