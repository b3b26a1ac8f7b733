"""What every worker process needs, imported once by the server that they are forked from: see `processes.context`.

Nothing here computes: a thread pool that torch made before a fork would be of no use after it.
"""

from __future__ import annotations

import pipeline.data.dataset
import pipeline.execution.jobs
import pipeline.experiments.plan.work
import pipeline.training.checkpoint  # noqa: F401
