"""What a stranger reads in MLflow: how to read the pages of an experiment, and what they show first."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """Words and layout for one experiment.

    Attributes:
        reading: how its numbers answer its question, a few sentences.
        columns: metrics shown as columns of the table of runs, as patterns.
        logarithmic: measures whose charts have a logarithmic axis.
        headlines: measures that also get a metric per change of width, so that they can be columns.
    """

    reading: str
    columns: tuple[str, ...] = ()
    logarithmic: tuple[str, ...] = ()
    headlines: tuple[str, ...] = ()


NOTES = {
    "invariance": Note(
        reading=(
            "`epsilon` is the mean distance between the logits before and after. Diagonalising and growing"
            " should leave it at rounding level (about 1e-6 in float32, below 1e-10 in float64); pruning"
            " should change least where the network has both an intrinsic length and a compensatory vector."
            " A configuration is named by its treatment of the two: *intrinsic length, compensation*."
        ),
        columns=(
            "test/accuracy",
            "epsilon/diag*",
            "epsilon/pruned*",
            "epsilon/grown*",
            "epsilon float64/diag*",
            "repeats",
        ),
        logarithmic=("epsilon", "epsilon_scaled", "kl"),
        headlines=("epsilon", "delta_accuracy"),
    ),
}


def note(experiment: str) -> Note:
    """The note of an experiment."""
    return NOTES[experiment]


def guide(experiment: str, question: str, profile: str) -> str:
    """The description of an MLflow experiment, in Markdown."""
    return "\n\n".join(
        (
            f"**{question}**",
            note(experiment).reading,
            "**Runs.** A numbered run is a configuration: the means over its repeats. Open it (▸) for a run per"
            " repeat. `0 summary` holds the tables, figures and claims, under *Artifacts*.",
            "**Metrics.** `train/`, `test/`: step = epoch. `by change in width/`: step = neurons added (positive) or"
            " removed (negative), 0 = diagonalised only; a table shows the last step, so choose `epsilon/pruned ...`"
            " and the like for its columns. `... sd/`: standard deviation over repeats. Accuracies are in percent,"
            " their changes in percentage points.",
            f"Profile `{profile}`. Made from `results/{profile}/{experiment}/rows.parquet`, which has all digits;"
            " here are six. Times are that of the first publication, not of training.",
        )
    )
