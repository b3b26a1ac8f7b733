"""Normalisers that keep the symmetry, and bases of whitened activations."""
