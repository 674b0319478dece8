"""What things mean: the schema, the vocabulary and its reasoning, units."""
