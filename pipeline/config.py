"""Settings: typed, without defaults in code where a profile must decide, checked before anything runs."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import InputError
from pipeline.paths import NAME

IntrinsicLength = Literal["none", "constant", "trainable"]
Compensation = Literal["none", "constant", "trainable", "trainable+decay", "expectation"]
Optimiser = Literal["adamw", "adam", "sgd"]
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
    "arrays",
]

Item = TypeVar("Item")


def _different(values: list[Item]) -> list[Item]:
    for number, value in enumerate(values):
        if value in values[:number]:
            raise ValueError(f"{getattr(value, 'label', value)!r} is there twice; once is enough")
    return values


def _at_home(place: str) -> str:
    """A place with the home folder written out, in a path or the URL of one; as it is where there is none."""
    if variable := re.search(r"\$([A-Za-z_]\w*|\{\w*\}?)", place):
        home = place.replace("${HOME}", "~").replace("$HOME", "~")
        remedy = f"write {home}" if "$" not in home else "write it out, or ~ for the home folder"
        raise ValueError(f"{variable[0]} would be the name of a folder: {remedy}")
    # One colon, or the name of this machine, is as good to some libraries, and part of the path to others.
    place = re.sub(r"^(file|local):(//localhost(?=/)|//)?", r"\1://", place)
    start, path = re.fullmatch(r"((?:(?:file|local)://)?)(.*)", place, re.DOTALL).groups()  # type: ignore[union-attr]
    if (found := os.path.expanduser(path)).startswith("~"):
        raise ValueError(
            f"there is no home folder {path.partition('/')[0]}; for a folder of that name write ./{path}"
        )
    return start + found


# Bounds are far beyond what any machine does with it: they keep a slip of the keyboard from being tried.
WIDEST = 100_000
Width = Annotated[int, Field(ge=1, le=WIDEST)]  # neurons of a layer
Depth = Annotated[int, Field(ge=1, le=100)]  # hidden layers
MOST_EPOCHS = 100_000
EpochCount = Annotated[int, Field(ge=0, le=MOST_EPOCHS)]
Name = Annotated[str, Field(pattern=f"^{NAME}$")]  # of a data set
# A path or an address; ~ in it is the home folder, wherever it is used.
Place = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$"), AfterValidator(_at_home)]
Samples = Annotated[int, Field(ge=1, le=100_000_000)]
Widths = Annotated[list[Width], Field(min_length=1, max_length=100)]  # of the hidden layers
Several = Annotated[list[Item], Field(min_length=1, max_length=1000), AfterValidator(_different)]


class Settings(BaseModel):
    """Base of all settings: unknown keys are refused, 3.0 is no integer, and infinity no number.

    A check of several settings together raises a ValueError whose message begins with the key that is refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Data(Settings):
    """Where a data set comes from."""

    source: Source
    root: Place = "datasets"  # folder that the source reads, or downloads to; of arrays, their file
    download: bool = False
    optional: bool = False  # one that cannot be had is left out, with a note in the report, and is no error
    side: int | None = Field(default=None, ge=1, le=4096)  # pixels that images of an image folder are resized to
    validation: Literal["join", "drop"] | None = None  # what becomes of the validation images of arrays; None: drop

    @model_validator(mode="after")
    def _check_own(self) -> Data:
        if self.side is not None and self.source != "image-folder":
            raise ValueError(f"side: is for image-folder; images of {self.source} keep their size")
        if self.download and self.source in ("arrays", "image-folder"):
            raise ValueError(f"download: {self.source} is not downloaded; its root has to be there")
        if self.validation is not None and self.source != "arrays":
            raise ValueError(f"validation: is for arrays; {self.source} has no validation images")
        return self


class Execution(Settings):
    """How jobs are run. None of it changes a result beyond rounding."""

    runner: Literal["serial", "processes", "ray"]
    workers: int = Field(ge=0, le=1024)  # 0: one per core; with Ray, as many as the cluster has room for
    device: Literal["auto", "cpu", "cuda"]
    shards: Place = ".shards"  # of results and checkpoints: a folder, or an fsspec URL
    checkpoint_seconds: float = Field(default=30.0, gt=0)  # between checkpoints: as much work is lost at the most


class Training(Settings):
    """What every experiment that trains must say (EXPERIMENTS, "Common to all")."""

    repeats: int = Field(ge=1, le=1000)
    epochs: EpochCount
    batch_size: Samples
    optimiser: Optimiser
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    psi_decay: float = Field(ge=0)  # lambda_psi of METHOD section 1, used by compensation "trainable+decay"
    matmul: Literal["float32", "tf32", "bf16"] = "float32"  # matrix products of training, whatever the device


Activation = Literal[
    "isotropic-tanh",
    "isotropic-erf",
    "isotropic-arctan",
    "isotropic-softsign",
    "isotropic-algebraic",
    "isotropic-relu",
    "isotropic-identity",
    "tanh",
]


class Configuration(Settings):
    """The activation, and how it treats intrinsic lengths and compensatory vectors (METHOD section 1)."""

    activation: Activation = "isotropic-tanh"
    intrinsic_length: IntrinsicLength
    compensation: Compensation

    @model_validator(mode="after")
    def _possible(self) -> Configuration:
        if not self.isotropic and (self.intrinsic_length, self.compensation) != ("none", "none"):
            raise ValueError(
                f"activation: {self.activation} has no intrinsic length and no compensation; both must be none"
            )
        return self

    @property
    def isotropic(self) -> bool:
        """Whether the activation acts on the norm; the library's registry has the same."""
        return self.activation.startswith("isotropic-")

    @property
    def label(self) -> str:
        """The name used in rows, tables and figures, e.g. "trainable, trainable+decay" or "standard tanh"."""
        if not self.isotropic:
            return f"standard {self.activation}"
        treatment = f"{self.intrinsic_length}, {self.compensation}"
        return treatment if self.activation == "isotropic-tanh" else f"{self.activation}, {treatment}"


Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], content: object, origin: str, *under: str) -> Model:
    """`content` as an instance of `model`.

    Args:
        model: what it is to be.
        content: plain values.
        origin: the file that they come from.
        under: the keys that lead to them there.

    Raises:
        InputError: one line for the first wrong value: where it is, what it is and what would be valid.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_url=False)
        # A key that is not known first: misspelt, it is also the cause of another that is missing.
        first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
        raise _refusal(model, first, origin, under) from None


def validate_some(model: type[BaseModel], content: object, origin: str, *under: str) -> None:
    """Check `content` as `validate` does, but for what is missing.

    Raises:
        InputError: as there.
    """
    try:
        model.model_validate(content)
    except ValidationError as error:
        wrong = [each for each in error.errors(include_url=False) if each["type"] != "missing"]
        if wrong:
            raise _refusal(model, wrong[0], origin, under) from None


def _refusal(model: type[BaseModel], error: Any, origin: str, under: Sequence[str]) -> InputError:
    where = ".".join([*under, *map(str, error["loc"])])
    if error["type"] == "value_error" and isinstance(error["input"], dict):  # of several settings together:
        # its message begins with the one that it refuses
        return InputError(f"{origin}: {where}{'.' if where else ''}{error['ctx']['error']}")
    return InputError(f"{origin}: {where}: {_explain(model, error)}")


def _explain(model: type[BaseModel], error: Any) -> str:
    """One pydantic error in the words of this project."""
    value, context = _shown(error["input"]), error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            there = ", ".join(_place(model, error["loc"]).model_fields)
            return f"is not a setting; there are: {there}"
        case "literal_error":
            allowed = context["expected"].replace(" or ", ", ").replace("'", "")
            return f"{value} is not one of {allowed}"
        case "model_type" | "dict_type":
            return f"{value} is not a mapping of settings"
        case "list_type":
            return f"{value} is not a list"
        case "float_type" if isinstance(error["input"], str):
            return f"{value} is text, not a number"
        case "value_error":
            return f"{value}: {context['error']}"
        case _:
            return f"{value}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _shown(value: object) -> str:
    """A value as Python writes it, cut short: a line is for reading."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _place(model: type[BaseModel], loc: Sequence[int | str]) -> type[BaseModel]:
    """The settings that the last key of `loc` was looked for in."""
    for key in loc[:-1]:
        field = model.model_fields.get(str(key))
        if field is not None:  # otherwise a number or name in a list or mapping, of which all are alike
            model = _settings(field.annotation)
    return model


def _settings(annotation: Any) -> Any:
    """The class of settings that a type is, or is a list or mapping of."""
    inner = get_args(annotation)
    return annotation if not inner else _settings(next(each for each in reversed(inner) if each is not type(None)))
