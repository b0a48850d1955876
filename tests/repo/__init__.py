"""Linters and laws: what the repository as a whole is held to."""
