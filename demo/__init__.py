"""Made-up deliveries of two demo partners, with mistakes whose exact number is known."""
