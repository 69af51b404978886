"""Antiphon: speech and chat in your own AWS account."""
