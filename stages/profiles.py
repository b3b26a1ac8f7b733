"""What DVC needs of a profile, made from the profile itself: python -m stages.profiles [PROFILE...]."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from pipeline import paths, sources
from pipeline.clone import check_clone
from pipeline.errors import InputError
from pipeline.profile import Profile, load_profile
from pipeline.remedies import in_the_way
from pipeline.yaml_file import to_text
from stages import cli
from stages.as_made import check_as_made

MAIN = "digits"  # the profile whose pipeline lies at the top
_IGNORED = Path(".dvcignore")
_CODE = re.compile(r" +- (isotropic\b|(pipeline|stages)/)")  # a line of a dependency on code


def main(arguments: Sequence[str] | None = None) -> None:
    """Write params.yaml and dvc.yaml of the profiles where their content differs, and say which.

    Without names: of every profile that has them already. The others get theirs when they are first run, so that
    DVC's commands do not miss the results of profiles that nobody ran.
    """
    parser = argparse.ArgumentParser(description="Write each profile's params.yaml and dvc.yaml for DVC.")
    parser.add_argument("names", nargs="*", metavar="PROFILE", help="(default: all that have them already)")
    names = parser.parse_args(arguments).names or made()
    with cli.clear_errors():
        check_clone()
        profiles = [load_profile(name) for name in names]
        for profile in profiles:
            _check_places(profile)
            check_as_made(profile)
        wanted = [files(profile) for profile in profiles]  # all are right, or nothing is written
        for path, text in (item for each in wanted for item in each.items()):
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                with paths.written(path) as beside:
                    beside.write_text(text, encoding="utf-8")
                print(f"{path} is written")


def _check_places(profile: Profile) -> None:
    """Raise InputError if a file is where a folder of the profile is to be, at which DVC ends without saying so."""
    places = [paths.dataset(profile.name, name) for name in profile.data]
    places += [paths.rows(profile.name, name) for name in profile.experiments]
    places += [paths.report(profile.name) / name / paths.SECTION for name in profile.experiments]
    if words := next(filter(None, map(in_the_way, places)), ""):
        raise InputError(words)


def made() -> list[str]:
    """The profiles that have a pipeline."""
    return [MAIN, *sorted(path.parent.name for path in Path("profiles").glob("*/params.yaml"))]


def files(profile: Profile) -> dict[Path, str]:
    """The files that DVC needs of a profile, and what is in them.

    Raises:
        InputError: a data set has a name that DVC cannot have.
    """
    pipeline = paths.pipeline(profile.name)
    for name in profile.data:
        if "." in name:  # in the name of a parameter a dot leads one level down
            raise InputError(f"{paths.profile(profile.name)}: data: {name!r} has a dot, which DVC cannot have there")
    values = {
        "profile": profile.name,
        "root": "." if profile.name == MAIN else "../..",
        "datasets": list(profile.data),
        "experiments": {name: {"presenter": sources.presenter(name)} for name in profile.experiments},
    }
    head = f"# Made from {paths.profile(profile.name)}, by `make repro` or `make profiles`: edit that.\n"
    made = {pipeline.with_name("params.yaml"): head + to_text(values)}
    whole = with_code(paths.pipeline(MAIN).read_text(encoding="utf-8"))
    stages, plots, drawn = whole.partition("\nplots:")
    if profile.published:
        stages = as_published(stages)
    there = "invariance" in profile.experiments or profile.name == MAIN  # which the plots are of
    made[pipeline] = stages + plots + drawn if there else stages
    return made | {_IGNORED: with_apart(_IGNORED.read_text(encoding="utf-8"))} if profile.name == MAIN else made


def with_code(pipeline: str) -> str:
    """The text of a pipeline with the dependencies on code that `pipeline/sources.py` says, in place of those it has.

    Raises:
        FileNotFoundError: something that is said there is not here.
    """
    lines: list[str] = []
    stage = ""
    for line in pipeline.splitlines():
        if found := re.fullmatch(r"  (\w+):.*", line):
            stage = found[1]
        if _CODE.match(line):
            continue
        lines.append(line)
        if line.strip() == "deps:" and stage in sources.STAGES:
            space = " " * (len(line) - len(line.lstrip()) + 2)
            lines += [f"{space}- {path}" for path in _code(sources.STAGES[stage])]
    return "\n".join(lines) + "\n"


# Stage -> what DVC is told of the outputs of a profile that is published: data sets are never pushed, rows lie in the
# repository's own remote, and the report in git.
_PUBLISHED = {"fetch": "push: false", "run": "remote: published", "analyse": "cache: false", "report": "cache: false"}


def as_published(pipeline: str) -> str:
    """The text of a pipeline's stages for a profile that is published."""
    lines: list[str] = []
    stage = part = ""
    for line in pipeline.splitlines():
        if found := re.fullmatch(r"  (\w+):.*", line):
            stage = found[1]
        if found := re.fullmatch(r" +(\w+):.*", line):
            part = found[1]
        space = " " * (len(line) - len(line.lstrip()))
        if part == "outs" and line.lstrip().startswith("- ") and stage in _PUBLISHED:
            lines += [f"{line}:", f"{space}    {_PUBLISHED[stage]}"]
            continue
        lines.append(line)
        if part == "cmd" and stage == "run":  # what was published is not made anew by later code
            lines.append(f"{space}frozen: true")
    return "\n".join(lines) + "\n"


def with_apart(ignored: str) -> str:
    """The text of .dvcignore with what counts as being in no folder, in place of what it says of it."""
    kept = [line for line in ignored.splitlines() if not line.startswith(("/isotropic/", "/pipeline/"))]
    return "\n".join([*kept, *(f"/{entry}" for entry in sources.APART)]) + "\n"


def _code(entries: Sequence[str]) -> list[str]:
    """Entries as DVC has them: patterns filled in, and the experiment's name left to it."""
    named = [entry.replace("{name}", "${key}") for entry in entries if "{name}" in entry]
    return sorted([*named, *sources.expanded(entry for entry in entries if "{name}" not in entry)])


if __name__ == "__main__":
    main()
