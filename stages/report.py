"""The report of a profile, one HTML file: python -m stages.report --profile PROFILE; of several, side by side."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline import paths
from pipeline.errors import InputError
from pipeline.json_file import write_json
from pipeline.profile import load_profile
from stages import cli


def main(arguments: Sequence[str] | None = None) -> None:
    """Read what the analyses of the profiles' experiments wrote; write the page, and all claims beside it.

    Of a profile alone its outcomes are written, too, as metrics.
    """
    parser = cli.parser("Make the report of a profile, or of several, from what their analyses wrote.", several=True)
    names = parser.parse_args(arguments).profile
    with cli.clear_errors():
        from pipeline.reporting.analysed import read
        from pipeline.reporting.report import outcomes, page

        if len({*names}) < len(names):
            raise InputError(f"--profile: {' '.join(names)} names a profile twice; give each once")
        profiles = [read(name, list(load_profile(name).experiments), paths.report(name)) for name in names]
        whole = paths.AND.join(names)
        html = page(profiles)
        claims = [{"profile": profile.name} | dict(claim) for profile in profiles for claim in profile.claims]
        write_json(claims, paths.claims(whole))
        if len(profiles) == 1:
            write_json(outcomes(profiles[0]), paths.outcomes(whole))
        with paths.written(paths.page(whole)) as path:
            path.write_text(html, encoding="utf-8")
        print(paths.page(whole))


if __name__ == "__main__":
    main()
