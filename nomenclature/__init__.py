"""How laboratories write: ISCN karyotypes and HGVS names, read once per distinct text."""
