"""The API reference: the library's README, then its docstrings.

`make docs` writes docs/api/; `python docs/api.py FOLDER`, a folder.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pdoc

import isotropic

here = Path(__file__).parent
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here / "api"
warnings.simplefilter("error")  # a name that does not resolve, a link to nowhere
readme = (here.parent / "isotropic" / "README.md").read_text(encoding="utf-8")
isotropic.__doc__ = readme.removeprefix("# isotropic\n")
for public in (getattr(isotropic, name) for name in isotropic.__all__):
    for kind in getattr(public, "__mro__", ()):
        if "__init__" in vars(kind) and not kind.__init__.__doc__:
            kind.__init__.__doc__ = "\N{ZERO WIDTH SPACE}"  # not torch's: arguments are in the docstring of the class
pdoc.render.configure(docformat="google", show_source=True, footer_text="Isotropic neural networks")
pdoc.pdoc("isotropic", output_directory=folder)
