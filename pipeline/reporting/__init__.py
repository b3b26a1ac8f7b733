"""From rows to paper artefacts: tables, figures, outcomes of the claims, and one HTML report per profile.

An experiment joins by one file in `experiments/`, named after it, with one function `present`; its claims are
one file in `pipeline/results/claims/`. Everything else here is common to all experiments; what a measure is called,
and its unit, is declared with the experiment, or where it is derived.
"""
