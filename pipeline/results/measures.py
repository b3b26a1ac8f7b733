"""What several experiments measure, by the name that it has in rows; an experiment's own measures are in its file."""

from __future__ import annotations

from pipeline.results.schema import Measure

TRAINING = {
    "train_loss": Measure("training loss", "nats", 3),
    "test_loss": Measure("test loss", "nats", 3),
    "test_accuracy": Measure("test accuracy", "%", 2),
}
ACCURACY = {"accuracy": Measure("test accuracy", "%", 2)}
FUNCTION_CHANGE = {  # METHOD section 10, `isotropic.training.measures.function_change`
    "epsilon": Measure("change of logits ε", "", None, log=True),
    "epsilon_scaled": Measure("scaled change of logits", "%", None, log=True),
    "kl": Measure("KL divergence", "nats", None, log=True),
    "delta_accuracy": Measure("accuracy, after − before", "percentage points", 2),
}
WIDTH = {"width": Measure("width", "neurons", 1)}
