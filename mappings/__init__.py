"""How a partner says it: reading, checking and compiling the three mapping files."""
