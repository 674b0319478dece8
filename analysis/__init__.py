"""What follows from the graph: survival."""
