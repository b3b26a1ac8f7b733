"""Names that settings are checked against, apart from the networks they are of: a check needs no torch."""

ACTIVATIONS = ("isotropic-tanh", "tanh")
WITH_PSI = ("constant", "trainable", "trainable+decay")  # compensations with compensatory vectors
