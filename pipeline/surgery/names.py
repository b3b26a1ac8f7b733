"""Names that settings are checked against, apart from the surgery they are of: a check needs no torch."""

CORRECTIONS = ("none", "linear", "isometric")  # of what follows a pruned width (`correction.py`)
