"""Smaller weights: arithmetic on arrays, apart from any layer."""
