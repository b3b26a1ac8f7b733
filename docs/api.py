"""The API reference, from the docstrings: `make docs` writes docs/api/; `python docs/api.py FOLDER`, a folder."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pdoc

import isotropic

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "api"
warnings.simplefilter("error")  # a name that does not resolve, a link to nowhere
public = {name: getattr(isotropic, name) for name in isotropic.__all__}
for each in public.values():
    if isinstance(each, type) and not each.__init__.__doc__:
        each.__init__.__doc__ = " "  # not torch's: the arguments are in the docstring of the class
pdoc.render.configure(docformat="google", show_source=True, footer_text="Isotropic neural networks")
pdoc.pdoc("isotropic", output_directory=folder)
