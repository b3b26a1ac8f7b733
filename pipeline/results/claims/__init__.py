"""The paper's claims, judged on rows: `criteria.py` is the table of what is judged and how, `base.py` the judge.

A file for each experiment has the estimands: what is measured of each repeat.
"""
