"""Training in lockstep: the closed-form gradient, the optimiser, the loop, and what is measured."""
