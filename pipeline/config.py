"""Settings: typed, without defaults in code where a profile must decide, checked before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import InputError

IntrinsicLength = Literal["none", "constant", "trainable"]
Compensation = Literal["none", "constant", "trainable", "trainable+decay", "expectation"]
Columns = Literal["normal", "semi-orthogonal", "combination", "zero"]
Source = Literal[
    "mnist",
    "fashion-mnist",
    "emnist-aj",
    "cifar10",
    "cifar100",
    "caltech256",
    "digits",
    "digits-permuted",
    "digits-turned",
    "image-folder",
]


class Settings(BaseModel):
    """Base of all settings: unknown keys are refused, and 3.0 is no integer."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Data(Settings):
    """Where a data set comes from."""

    source: Source
    root: str = "datasets"  # folder that the source reads, or downloads to
    download: bool = False
    optional: bool = False  # one that cannot be had is left out, with a note in the report, and is no error


class Execution(Settings):
    """How jobs are run. None of it changes a result beyond rounding."""

    runner: Literal["serial", "processes", "ray"]
    workers: int = Field(ge=0)  # 0: one per core; with Ray, as many as the cluster has room for
    device: Literal["auto", "cpu", "cuda"]
    shards: str = Field(default=".shards", min_length=1)  # of results and checkpoints: a folder, or an fsspec URL
    checkpoint_seconds: float = Field(default=30.0, gt=0)  # between checkpoints: as much work is lost at the most


class Training(Settings):
    """What every experiment that trains must say (EXPERIMENTS, "Common to all")."""

    repeats: int = Field(ge=1)
    epochs: int = Field(ge=0)
    batch_size: int = Field(ge=1)
    optimiser: Literal["adamw", "adam", "sgd"]
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    psi_decay: float = Field(ge=0)  # lambda_psi of METHOD section 1, used by compensation "trainable+decay"
    matmul: Literal["float32", "tf32", "bf16"] = "float32"  # matrix products of training, whatever the device


class Configuration(Settings):
    """The activation, and how it treats intrinsic lengths and compensatory vectors (METHOD section 1)."""

    activation: Literal["isotropic-tanh", "tanh"] = "isotropic-tanh"
    intrinsic_length: IntrinsicLength
    compensation: Compensation

    @model_validator(mode="after")
    def _possible(self) -> Configuration:
        if self.activation == "tanh" and (self.intrinsic_length, self.compensation) != ("none", "none"):
            raise ValueError("activation tanh has no intrinsic length and no compensation; both must be none")
        return self

    @property
    def label(self) -> str:
        """The name used in rows, tables and figures, e.g. "trainable, trainable+decay" or "standard tanh"."""
        return "standard tanh" if self.activation == "tanh" else f"{self.intrinsic_length}, {self.compensation}"


Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        InputError: no such file, not YAML, or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a mapping of settings, found {type(content).__name__}")
    return content


def validate(model: type[Model], content: object, origin: str) -> Model:
    """`content` as an instance of `model`.

    Raises:
        InputError: one line for the first wrong value: where it is, what it is and what would be valid.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{origin}: {where}: {_explain(first)}") from None


def _explain(error: Any) -> str:
    """One pydantic error in the words of this project."""
    value, context = error["input"], error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not a setting; check its spelling and its place"
        case "literal_error":
            allowed = context["expected"].replace(" or ", ", ").replace("'", "")
            return f"{value!r} is not one of {allowed}"
        case "float_type" if isinstance(value, str):
            return f"{value!r} is text, not a number (YAML wants 1.0e-3, not 1e-3)"
        case _:
            return f"{value!r}: {error['msg'][0].lower()}{error['msg'][1:]}".replace("value error, ", "")
