"""How large the data sets of a profile are: read from the fetched file, or known of the source beforehand."""

from __future__ import annotations

from pipeline import paths
from pipeline.config import Source
from pipeline.data import facts
from pipeline.execution.prepare import size
from pipeline.experiments.plan import Size
from pipeline.profile import Profile

_DIGITS = Size(features=64, classes=10, train=1437, test=360)

# As the loaders of `data.sources` make them. Image folders and arrays are not known before they are read.
KNOWN: dict[Source, Size] = {
    "mnist": Size(features=784, classes=10, train=60_000, test=10_000),
    "fashion-mnist": Size(features=784, classes=10, train=60_000, test=10_000),
    "emnist-aj": Size(features=784, classes=10, train=48_000, test=8_000),
    "cifar10": Size(features=3072, classes=10, train=50_000, test=10_000),
    "cifar100": Size(features=3072, classes=100, train=50_000, test=10_000),
    "caltech256": Size(features=12_288, classes=257, train=24_485, test=6_122),
    "digits": _DIGITS,
    "digits-permuted": _DIGITS,
    "digits-turned": _DIGITS,
}


def sizes(profile: Profile) -> tuple[dict[str, Size], dict[str, str]]:
    """The sizes of the profile's data sets by name; and of those that have none, why.

    Raises:
        InputError: a fetched file is damaged.
    """
    known, unknown = {}, {}
    for name, settings in profile.data.items():
        path = paths.dataset(profile.name, name)
        if (reason := facts.absence(path)) is not None:
            unknown[name] = f"left out by a run as well: {reason}"
        elif path.is_file():
            known[name] = size(facts.read(path))
        elif settings.source in KNOWN:
            known[name] = KNOWN[settings.source]
        else:
            unknown[name] = f"the size of source {settings.source} is not known before it is fetched"
    return known, unknown
