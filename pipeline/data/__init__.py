"""Data sets: where they come from, the one file each is kept in, and standardised batches of them."""
