"""How far a job is, as it says itself from time to time."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Progress:
    """What is known of a job while it runs.

    Attributes:
        phase: the name of what it does now.
        place: where in it, e.g. "epoch 3/50".
        accuracy: mean of the networks that are still trained after the last epoch, percent; None before the first.
        steps: network-steps taken.
        before: of these, before the job was interrupted the last time.
        rate: network-steps a second since it began or went on.
    """

    phase: str
    place: str
    accuracy: float | None
    steps: int
    before: int
    rate: float

    def to_bytes(self) -> bytes:
        """As it is left for those who watch."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Progress:
        """What `to_bytes` made."""
        return cls(**json.loads(content))
