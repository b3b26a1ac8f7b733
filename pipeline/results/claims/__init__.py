"""The paper's claims as stated tests on rows: one file per experiment, each with a `judge(rows, ...)`.

Every criterion is stated in words beside its verdict. Its thresholds are named constants at the top of the file.
"""

# Experiment -> the claims judged on it, on each of its data sets or on all of them together; others have none.
CLAIMS = {
    "invariance": ("exact-growth", "close-pruning", "constant-as-trainable", "accuracy-kept"),
    "spectra": ("stratified-spectra",),
    "tanh_comparison": ("harder-favours-isotropic", "depth-hurts-standard"),
    "abundance": ("final-width-only", "overabundance"),
    "width_transitions": ("isotropic-above-control", "overabundance"),
    "task_schedule": ("grows-with-tasks", "adaptive-beats-static", "bifurcation"),
    "sparsification": ("exact-sparsity",),
    "timing": ("cheap-adaptation",),
    "equivariance": ("descent-equivariant",),
}
