"""The library's names, asked of the laboratory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

import isotropic
import pipeline
from isotropic import activations
from isotropic.networks import treatment
from isotropic.surgery.correction import CORRECTIONS
from pipeline.config import Activation, Compensation, Configuration, IntrinsicLength, Optimiser, Source
from pipeline.data.sources import SOURCES
from pipeline.execution.sizes import KNOWN
from pipeline.experiments import pruning_order
from pipeline.training import optimiser


@pytest.mark.parametrize("name", isotropic.__all__)
def test_the_names_of_the_library_are_here(name: str) -> None:
    assert getattr(pipeline, name) is getattr(isotropic, name)


def test_its_directory_lists_them() -> None:
    assert {*isotropic.__all__} <= {*dir(pipeline)}


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'shrink'"):
        _ = pipeline.shrink


def test_importing_the_package_does_not_import_torch() -> None:
    """Stages that only draw tables need not wait for it."""
    code = "import sys, pipeline.config; from pipeline import config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(pipeline.__file__).parents[1]).returncode == 0


def test_settings_allow_what_the_library_knows() -> None:
    """They are written twice, since settings are checked without torch."""
    assert get_args(Compensation) == treatment.COMPENSATIONS
    assert get_args(IntrinsicLength) == treatment.INTRINSIC_LENGTHS
    assert get_args(Activation) == activations.ACTIVATIONS
    assert get_args(Optimiser) == tuple(optimiser.KINDS)
    assert {*get_args(Source)} == {*SOURCES} == {*KNOWN, "image-folder", "arrays"}, "whose sizes nobody knows before"
    for name in activations.ACTIVATIONS:
        configuration = Configuration(activation=name, intrinsic_length="none", compensation="none")
        assert configuration.isotropic == activations.is_isotropic(name), name
    assert pruning_order.CORRECTIONS == CORRECTIONS
