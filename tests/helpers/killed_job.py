"""Run the first job of profile `faults`, killed at random moments: python killed_job.py KILLS SEED SHORTEST LONGEST.

Each try is a fork of this process, which has everything imported: so a try begins within milliseconds. Prints, as
JSON, the kills and for each the seconds of work that were lost.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from faults import EXPERIMENT, last_kept, profile

from pipeline.execution.prepare import prepare
from pipeline.execution.store import Store

torch.set_num_threads(1)


def main(kills: int, seed: int, shortest: float, longest: float) -> None:
    loaded = profile()
    (job, *_) = prepare(loaded, EXPERIMENT).jobs
    store, draw, lost = Store(loaded.execution.shards), random.Random(seed), list[float]()
    while job.result(store) is None:
        began, child = time.time(), os.fork()
        if child == 0:
            job.run(store, loaded.execution.checkpoint_seconds)
            os._exit(0)
        if len(lost) < kills:
            time.sleep(draw.uniform(shortest, longest))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            lost.append(time.time() - max(last_kept(Path()), began))
        elif status != 0:
            raise SystemExit(f"the job ended with status {status}")
    print(json.dumps(lost))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
