"""Function-preserving changes of a network: its bases and its widths, with the optimiser's state."""
