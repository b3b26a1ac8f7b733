"""From observations to conclusions: the schema of rows, their statistics, and the paper's claims as tests on them.

Nothing here draws, formats or trains; the report and the tracker are made from what these modules return.
"""
