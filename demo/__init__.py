"""Made-up deliveries of three demo partners, with mistakes whose exact number is known."""
