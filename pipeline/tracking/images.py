"""Pictures of several epochs -> the files in which MLflow finds them, as `MlflowClient.log_image` would write them.

Not by it: it names files at random and by the time, gives charts pictures of 256 pixels, too small to be read, and
cannot write where a server on a SQLite store looks for artifacts.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.reporting.figures import styled
from pipeline.reporting.frames import Frame

_SHOWN = 900  # pixels across, as a chart shows them
FOLDER, LOGGED = "images", "mlflow.loggedImages"  # of a run's artifacts; the tag that says that it has some


def save(frames: Iterable[Frame], folder: Path, start: int, progress: Callable[[], object] = lambda: None) -> None:
    """Draw pictures into `folder`, with `progress` before each; step 0 is at `start`, in milliseconds since 1970."""
    from PIL import Image

    for frame in frames:
        progress()
        known = uuid.uuid5(uuid.NAMESPACE_OID, frame.digest)
        name = f"{frame.key.replace('/', '~')}+step+{frame.step}+timestamp+{start + 1000 * frame.step}+{known}"
        path = folder / f"{name}.png"
        with styled():
            figure = frame.figure()
            figure.savefig(path, dpi=_SHOWN / figure.get_figwidth())
        with Image.open(path) as image:
            image.convert("RGB").save(folder / f"{name}+compressed.webp", quality=80, method=2)
