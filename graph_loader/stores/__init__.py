"""Graph stores behind one small protocol."""
