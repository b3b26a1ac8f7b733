"""The report of a profile, one HTML file: python -m stages.report --profile PROFILE."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline import paths
from pipeline.profile import load_profile
from stages import cli


def main(arguments: Sequence[str] | None = None) -> None:
    """Read what the analyses of the profile's experiments wrote; write the page."""
    options = cli.parser("Make the report of a profile from what its analyses wrote.").parse_args(arguments)
    with cli.clear_errors():
        from pipeline.reporting.report import page

        experiments = list(load_profile(options.profile).experiments)
        page(options.profile, experiments, paths.report(options.profile), paths.page(options.profile))
        print(paths.page(options.profile))


if __name__ == "__main__":
    main()
