"""Networks -> MLflow models: `mlflow.pytorch.load_model("runs:/<run>/trained")` gives the network back."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Metric
    from mlflow.entities import Run as Stored

    from pipeline.results.networks import Network

TRAINED = "trained"  # the name of a network as training left it
KEY = "isotropic.key"  # a tag of what is ours, of runs as well
Copy = Callable[[Path, str], bool]  # a folder to where a server looks for what is at an address; False if it cannot


def log(client: MlflowClient, run: Stored, network: Network, metrics: Sequence[Metric], put: Copy) -> None:
    """Make `network` a model of a run that is being written: linked from its page, and from that of all models.

    A model has the run's tags. If it is the trained one, it also has those of the run's `metrics` that are its last
    losses and accuracies on test data, so that MLflow's table of models compares what they can do.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus
    from mlflow.entities import Metric as New

    where, run_id = run.info.experiment_id, run.info.run_id
    tags = {name: value for name, value in run.data.tags.items() if not name.startswith("mlflow.")}
    made = client.create_logged_model(where, network.name, run_id, tags, _params(network), "isotropic network")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        _save(network, folder, made, run_id)
        if not put(folder, made.artifact_location):
            client.log_model_artifacts(made.model_id, str(folder))
    if network.name == TRAINED:
        tested = [each for each in metrics if each.key.startswith("test/")]
        last = max((each.step for each in tested), default=0)
        ends = [each for each in tested if each.step == last]
        own = [New(each.key, each.value, each.timestamp, each.step, made.model_id) for each in ends]
        client.log_batch(run_id, own)
    client.log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])
    client.finalize_logged_model(made.model_id, LoggedModelStatus.READY)


def sweep(client: MlflowClient, experiment_id: str, shown: Container[str]) -> None:
    """Delete our models of runs that are not `shown` any more, and those whose writing was cut off.

    Deleting a run leaves its models; a call that a server answered too late, and that the client repeated, made one
    that nothing was put in. Models without our tag were made by hand, and are left alone.
    """
    from mlflow.entities import LoggedModelStatus

    found: list[LoggedModel] = []
    token: str | None = None
    while token != "":
        page = client.search_logged_models([experiment_id], page_token=token)
        found += [model for model in page if KEY in model.tags]
        token = page.token or ""
    for model in found:
        if model.source_run_id not in shown or model.status != LoggedModelStatus.READY:
            client.delete_logged_model(model.model_id)


def _params(network: Network) -> dict[str, str]:
    settings = {"widths": network.widths, **network.settings, "diagonal maps": network.diagonal}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in settings.items()}


def _save(network: Network, folder: Path, model: LoggedModel, run_id: str) -> None:
    """Write the files of an MLflow model.

    Pickled, as the object of this package that it is: such a network can be grown and pruned. MLflow's other form,
    an exported graph, would load without this package but only compute, and exporting takes seconds. Whoever loads
    a pickle executes it, so it has to be a store that one trusts; `results/.../networks.npz` holds arrays alone.
    """
    import mlflow.pytorch
    import numpy as np
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    ends = (
        Schema([TensorSpec(np.dtype(np.float32), (-1, width))]) for width in (network.widths[0], network.widths[-1])
    )
    mlflow.pytorch.save_model(
        network.module(),
        folder,
        mlflow_model=Model(model.artifact_location, run_id, model_id=model.model_id, model_uuid=model.model_id),
        signature=ModelSignature(*ends),
        # Given, since MLflow takes seconds to find out. Without a suffix such as +cpu, which no registry has.
        pip_requirements=[f"torch=={version('torch').partition('+')[0]}"],
        serialization_format="pickle",
    )
