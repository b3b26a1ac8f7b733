"""Networks as MLflow models, loaded back as a user does: through a server on the store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import mlflow_server
import pandas as pd
import pytest
import torch
from mlflow_testing import assert_shown

from isotropic import grow, prune
from isotropic.networks.network import IsotropicMLP
from isotropic.networks.sparse import SparseMLP
from pipeline import tracking
from pipeline.experiments.invariance import ROWS
from pipeline.results.networks import Network, read, write
from pipeline.results.rows import read as read_rows
from pipeline.results.rows import write as write_rows
from pipeline.tracking import models
from pipeline.tracking.connection import address, load
from pipeline.tracking.publisher import Publisher
from pipeline.tracking.store import NOTE, Counts

LABEL = "trainable, none"


@pytest.fixture(scope="module", autouse=True)
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One store for all tests here, each with a profile of its own."""
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        yield folder


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[str]:
    """A server on the store, as `make ui` starts one."""
    with mlflow_server.server(f"sqlite:///{store}/mlflow.db", store / "mlartifacts") as (_, served):
        yield served


@pytest.fixture
def rows(invariance_rows: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    made = invariance_rows(changes=(0,), repeats=2, configurations=(LABEL, "trainable, trainable"))
    return made[made["precision"] == "float32"]


@pytest.fixture
def networks() -> list[Network]:
    """Of one configuration: a trained network of each repeat, and of the first also the sparsified one."""
    nets = [IsotropicMLP([5, 4, 3, 2], compensation="none", seed=seed) for seed in (0, 1)]
    trained = [Network.of(net, "trained", where(repeat), 0.1) for repeat, net in enumerate(nets)]
    with torch.no_grad():
        weight = nets[0].affine[1].weight
        weight.copy_(torch.zeros_like(weight).fill_diagonal_(2.0))
    return [*trained, Network.of(nets[0], "sparsified", where(0), 0.1, diagonal=[2])]


def where(repeat: int) -> dict[str, str | int]:
    factors: dict[str, str | int] = {"intrinsic_length": "trainable", "compensation": "none"}
    return {"data": "digits", "network": "64-16-16-10", "configuration": LABEL, **factors, "repeat": repeat}


def published(rows: pd.DataFrame, settings: dict[str, Any], profile: str, networks: list[Network]) -> Counts:
    return tracking.synchronise(rows, profile=profile, settings=settings, networks=networks)


def found(profile: str) -> dict[tuple[str, str], Any]:
    """Name of the run and of the model -> model, of those that MLflow shows."""
    client = load()(address())
    experiment = client.get_experiment_by_name(f"invariance ({profile})")
    runs = {run.info.run_id: run.info.run_name for run in client.search_runs([experiment.experiment_id])}
    shown = client.search_logged_models([experiment.experiment_id])
    return {(runs.get(each.source_run_id, ""), each.name): each for each in shown}


FIRST, SECOND = f"1 repeat 0, {LABEL}", f"1 repeat 1, {LABEL}"
ALL = [(FIRST, "sparsified"), (FIRST, "trained"), (SECOND, "trained")]


def assert_loads(network: Network, model: Any) -> Any:
    """From its run: the same class, the same outputs, and the signature of its widths."""
    from mlflow.models import get_model_info
    from mlflow.pytorch import load_model

    uri = f"runs:/{model.source_run_id}/{network.name}"
    loaded, x = load_model(uri), torch.randn(7, network.widths[0])
    assert type(loaded) is type(network.module())
    assert torch.equal(loaded(x), network.module()(x))
    signature = get_model_info(uri).signature
    (into,), (out,) = signature.inputs.inputs, signature.outputs.inputs
    assert (into.shape, out.shape) == ((-1, network.widths[0]), (-1, network.widths[-1]))
    assert into.type == out.type == "float32"
    return loaded


def test_networks_are_loaded_from_the_store_that_is_served(
    rows: pd.DataFrame,
    settings: dict[str, Any],
    profile: str,
    networks: list[Network],
    server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert published(rows, settings, profile, networks) == Counts(added=6)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    shown = found(profile)
    assert sorted(shown) == ALL
    trained = assert_loads(networks[0], shown[FIRST, "trained"])
    assert_loads(networks[1], shown[SECOND, "trained"])
    assert isinstance(assert_loads(networks[2], shown[FIRST, "sparsified"]), SparseMLP)
    grow(trained, 1, 2)
    prune(trained, 2, 1)
    assert trained.widths == [5, 6, 2, 2], "it is the project's own network"
    with pytest.raises(AssertionError):  # negative control
        assert_loads(networks[0], shown[SECOND, "trained"])


def test_networks_are_handed_to_a_server_that_has_its_own_place_for_them(
    rows: pd.DataFrame,
    settings: dict[str, Any],
    profile: str,
    networks: list[Network],
    server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert published(rows, settings, profile, networks) == Counts(added=6)
    assert_loads(networks[1], found(profile)[SECOND, "trained"])
    assert published(rows, settings, profile, networks) == Counts(kept=6)


def test_a_model_says_what_it_is_and_the_run_how_to_load_it(
    rows: pd.DataFrame, settings: dict[str, Any], profile: str, networks: list[Network]
) -> None:
    published(rows, settings, profile, networks)
    shown = found(profile)
    model = shown[FIRST, "trained"]
    assert {"configuration": LABEL, "repeat": "0", "profile": profile}.items() <= model.tags.items()
    assert model.params["widths"] == "[5, 4, 3, 2]" and model.params["compensation"] == "none"
    client = load()(address())
    run = client.get_run(model.source_run_id)
    assert {each.model_id for each in run.outputs.model_outputs} == {
        shown[FIRST, name].model_id for name in ("trained", "sparsified")
    }
    assert '`mlflow.pytorch.load_model("runs:/<Run ID>/sparsified")`' in run.data.tags[NOTE]
    assert {each.key: each.value for each in model.metrics} == {
        name: run.data.metrics[name] for name in ("test/accuracy", "test/loss")
    }
    assert not shown[FIRST, "sparsified"].metrics, "they are those of the trained network"
    assert_shown(rows, settings, profile, networks=networks)


def test_publishing_again_writes_nothing_and_a_changed_network_replaces_its_run(
    rows: pd.DataFrame, settings: dict[str, Any], profile: str, networks: list[Network]
) -> None:
    published(rows, settings, profile, networks)
    before = found(profile)
    assert published(rows, settings, profile, networks) == Counts(kept=6)
    assert {key: each.model_id for key, each in found(profile).items()} == {
        key: each.model_id for key, each in before.items()
    }
    tensors = {key: t + 1 for key, t in networks[1].tensors.items()}
    networks[1] = replace(networks[1], tensors=tensors)
    assert published(rows, settings, profile, networks) == Counts(replaced=1, kept=5)
    after = found(profile)
    assert sorted(after) == ALL, "and the model of the run before is not shown any more"
    assert {key for key in ALL if after[key].model_id != before[key].model_id} == {(SECOND, "trained")}


def test_what_is_gone_is_not_shown_and_models_of_others_are_left(
    rows: pd.DataFrame, settings: dict[str, Any], profile: str, networks: list[Network]
) -> None:
    published(rows, settings, profile, networks)
    client = load()(address())
    experiment = client.get_experiment_by_name(f"invariance ({profile})")
    client.create_logged_model(experiment.experiment_id, "by hand")
    assert published(rows, settings, profile, networks[:1]) == Counts(replaced=2, kept=4)
    assert sorted(found(profile)) == [("", "by hand"), (FIRST, "trained")]
    published(rows, settings, profile, [])
    assert sorted(found(profile)) == [("", "by hand")], "without networks there is no model"


def test_a_network_of_no_run_is_not_published(
    rows: pd.DataFrame, settings: dict[str, Any], profile: str, networks: list[Network]
) -> None:
    other = [replace(networks[0], where=where(0) | change) for change in ({"repeat": 2}, {"end": 8}, {"data": "x"})]
    assert published(rows, settings, profile, other) == Counts(added=6)
    assert not found(profile)


def test_a_publication_that_ends_in_the_middle_of_a_model_is_mended(
    rows: pd.DataFrame,
    settings: dict[str, Any],
    profile: str,
    networks: list[Network],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(models, "_save", fails)
    with pytest.raises(OSError, match="no space left"):
        published(rows, settings, profile, networks)
    assert found(profile), "begun, and empty"
    monkeypatch.undo()
    published(rows, settings, profile, networks)
    assert sorted(found(profile)) == ALL
    assert all(each.status == "READY" for each in found(profile).values())


def test_networks_are_read_in_the_process_that_publishes_and_nothing_is_said(
    rows: pd.DataFrame,
    settings: dict[str, Any],
    profile: str,
    networks: list[Network],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    write_rows(rows, tmp_path / "rows.parquet")
    write(networks, tmp_path / "networks.npz")
    source = partial(read_rows, tmp_path / "rows.parquet", "invariance", ROWS)
    publisher = Publisher(profile, settings)
    with caplog.at_level(logging.WARNING):
        assert publisher.finish(source, networks=partial(read, tmp_path / "networks.npz")) is True
        assert not caplog.records and capfd.readouterr() == ("", "")
        (tmp_path / "networks.npz").write_text("something else")
        assert publisher.finish(source, networks=partial(read, tmp_path / "networks.npz")) is False
    assert "networks.npz: is not a file of networks" in caplog.text
    assert sorted(found(profile)) == ALL
