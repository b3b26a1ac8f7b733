"""What is known of a data set without reading its images: a small file beside its own, for whoever has no torch."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InputError
from pipeline.json_file import read_json, write_json
from pipeline.paths import is_name, missing

if TYPE_CHECKING:
    from pipeline.data.dataset import Dataset

_MAKER = "dvc repro"
_KEY = "absent"  # of the reason why a data set could not be had
ABSENT = "this data set could not be had when it was fetched"


@dataclass(frozen=True)
class DataSet:
    """What a report says of a data set.

    Attributes:
        name: what the profile calls it.
        source: the kind of source it was fetched from.
        description: what it is, in words.
        train_count, test_count: numbers of images.
        features: values of an image.
        classes: number of classes.
        checksum: of all it holds, "sha256:...".
        images: of its images and labels in whatever order (`canonical.py`), "sha256:..."; "" if an older version
            fetched it.
        origin: name of the file that it was read from; "" where that is one that its source always has.
    """

    name: str
    source: str
    description: str
    train_count: int
    test_count: int
    features: int
    classes: int
    checksum: str
    images: str = ""
    origin: str = ""

    @classmethod
    def of(cls, content: object) -> DataSet:
        """From plain values.

        Raises:
            TypeError: they are not those of a data set, or its name is none.
        """
        if not isinstance(content, dict):
            raise TypeError
        made = cls(**content)
        kinds = {"str": str, "int": int}
        if not all(isinstance(getattr(made, field.name), kinds[str(field.type)]) for field in fields(cls)):
            raise TypeError
        if not is_name(made.name):
            raise TypeError
        return made

    @property
    def slug(self) -> str:
        """The name as part of file names and identifiers."""
        return slug(self.name)

    @property
    def words(self) -> str:
        """Name, description and numbers of images and classes."""
        counts = f"{self.train_count:,} + {self.test_count:,} images, {self.classes} classes"
        return f"{self.name}: {self.description} ({counts})"


def slug(name: str) -> str:
    """The name of a data set as part of file names and identifiers."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", name)


def describe(dataset: Dataset) -> DataSet:
    """What a report says of a data set, from the data set itself."""
    origin = dataset.provenance
    return DataSet(
        name=dataset.name,
        source=str(origin["source"]),
        description=str(origin["description"]),
        train_count=len(dataset.train),
        test_count=len(dataset.test),
        features=dataset.features,
        classes=dataset.classes,
        checksum=str(origin["checksum"]),
        images=str(origin.get("images", "")),
        origin=str(origin.get("origin", "")),
    )


def beside(path: Path) -> Path:
    """The file of facts of the data set in the file `path`."""
    return path.with_name(f"{path.stem}.json")


def write(dataset: Dataset, path: Path) -> None:
    """Write the facts of a data set beside its file `path`."""
    write_json(asdict(describe(dataset)), beside(path))


def write_absence(reason: str, path: Path) -> None:
    """Write beside the file `path` why there is no data set in it."""
    write_json({_KEY: reason}, beside(path))


def read(path: Path) -> DataSet:
    """The facts of the data set in the file `path`, as they were when it was fetched.

    Raises:
        InputError: the data set or its facts are not there, or are none; or it could not be had.
    """
    if not path.is_file():
        raise missing(path, _MAKER)
    if (reason := absence(path)) is not None:
        raise InputError(f"{path}: {ABSENT}: {reason}")
    content = read_json(beside(path), dict, _MAKER)
    try:
        return DataSet.of(content)
    except TypeError:
        raise InputError(
            f"{beside(path)}: {str(content)[:100]!r} does not describe a data set; `{_MAKER}` makes it"
        ) from None


def absence(path: Path) -> str | None:
    """Why the data set of the file `path` could not be had, if that is what is beside it; otherwise None."""
    try:
        reason = read_json(beside(path), dict, _MAKER).get(_KEY)
    except InputError:  # not there or damaged, which `read` says better
        return None
    return " ".join(reason.split()) if isinstance(reason, str) else None
