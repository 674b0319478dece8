"""Haemony: one knowledge graph of blood cancer from what many partners deliver."""

__version__ = "0.1.0"
