"""SHACL, compiled: shapes become an algebra, and the algebra queries over a layout of the data."""
