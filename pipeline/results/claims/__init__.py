"""The paper's claims as stated tests on rows: one file per experiment, each with a `judge(rows, ...)`.

Every criterion is stated in words beside its verdict. Its thresholds are named constants at the top of the file.
"""
