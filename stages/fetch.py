"""Fetch a data set of a profile and keep it as one file: python -m stages.fetch NAME --profile PROFILE."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline import paths
from pipeline.errors import InputError
from pipeline.profile import load_profile
from stages import cli
from stages.alone import begin_with_dvc
from stages.as_made import check_unchanged


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the profile's `data.NAME`, fetch it, save it and say in one line what came."""
    parser = cli.parser("Fetch a data set of a profile and keep it as one file.")
    parser.add_argument("name", metavar="NAME", help="a data set of the profile")
    options = parser.parse_args(arguments)
    with cli.clear_errors():
        begin_with_dvc(paths.dataset(options.profile, options.name))
        print(_fetch(options.name, options.profile))


def _fetch(name: str, profile: str) -> str:
    from pipeline.data.dataset import save, save_absence
    from pipeline.data.reading import place
    from pipeline.data.sources import fetch

    loaded = load_profile(profile)
    known = loaded.data
    if name not in known:
        names = ", ".join(sorted(known))
        raise InputError(f"{paths.profile(profile)}: data.{name} is not there; there are: {names}")
    path = paths.dataset(profile, name)
    again = f"dvc repro --force --single-item {paths.pipeline(profile)}:fetch@{name}"
    try:
        dataset = fetch(name, known[name])
    except InputError as error:
        if not known[name].optional:
            raise InputError(f"{paths.profile(profile)}: {error}") from error
        save_absence(str(error), path)
        return f"{name} is left out: {error}. Once it is there, `{again}` fetches it."
    save(dataset, path)
    check_unchanged(loaded, load_profile(profile), "data", name)
    shape = " x ".join(map(str, dataset.shape))
    said = (
        f"{name}: {len(dataset.train)} training and {len(dataset.test)} test images of {shape}, "
        f"{dataset.classes} classes, {path.stat().st_size} bytes, {dataset.provenance['checksum']}"
    )
    where, origin = place(known[name]), dataset.provenance.get("origin")
    if known[name].source == "image-folder" or origin:  # DVC does not look into it
        where = where / str(origin) if origin and where.is_dir() else where
        said += f"\nIf images in {where} are changed, `{again}` reads them again."
    if origin:
        said += f"\nIt is from the file {origin}; its images in whatever order are {dataset.provenance['images']}."
    return said


if __name__ == "__main__":
    main()
