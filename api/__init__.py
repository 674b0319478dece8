"""Who is asking: the command line and the named query library."""
