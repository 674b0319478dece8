"""Haemony: one knowledge graph of blood cancer from what many partners deliver."""

__all__ = ["__version__"]

__version__ = "0.1.0"
