"""The page that `dvc plots` fills, with the scripts in it that it would fetch: python -m stages.plots_page FILE."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from dvc_render.html import HTML, PAGE_HTML
from vl_convert import get_vegalite_versions, javascript_bundle

from pipeline import paths
from stages import cli


def main(arguments: Sequence[str] | None = None) -> None:
    """Write DVC's own page, its place for scripts taken by the scripts themselves."""
    parser = argparse.ArgumentParser(description="Write a page for `dvc plots --html-template` that works offline.")
    parser.add_argument("file", type=Path, metavar="FILE", help="where to")
    file = parser.parse_args(arguments).file
    with cli.clear_errors():
        _write(file)


def _write(file: Path) -> None:
    # DVC's templates are written in version 5 of Vega-Lite.
    version = [each for each in get_vegalite_versions() if each.startswith("5.")][-1]
    scripts = javascript_bundle(vl_version=version)  # type: ignore[call-arg]  # its stub lacks the default
    page = PAGE_HTML.replace(f"{{{HTML.SCRIPTS_PLACEHOLDER}}}", f"<script>{scripts}</script>")
    with paths.written(file) as beside:
        beside.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
