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
    "spectra": Note(
        reading=(
            "Every network starts with all singular values at 1. The figures of the summary show where they go, map"
            " by map: in isotropic networks a few should grow away from a bulk that decays, in standard tanh networks"
            " the whole bulk should grow together. The spectra themselves are rows with an `index`, not metrics."
        ),
        columns=("test/accuracy", "test/loss", "repeats"),
    ),
    "task_schedule": Note(
        reading=(
            "`width` of each layer should rise when the schedule adds a task and fall when tasks are removed;"
            " accuracies of all tasks are recorded throughout, those of inactive ones too. *adaptive* networks keep"
            " a scaffold of neurons under the threshold after every epoch; *static* ones are their twins of the same"
            " initialisation and order of samples."
        ),
        columns=("width*", "test/accuracy*", "psi_norm*", "repeats"),
    ),
    "tanh_comparison": Note(
        reading=(
            "`test/accuracy` at the last epoch is what is compared. Networks of one size and repeat differ in their"
            " activation alone: same initial weights, same batches. A run is named by its widths and its"
            " configuration: *none, none* is isotropic tanh without intrinsic length and compensation, *standard"
            " tanh* the elementwise one. Table 7 in `0 summary` has the differences in pairs."
        ),
        columns=("test/accuracy", "test/loss", "train/loss", "repeats"),
        logarithmic=("train_loss", "test_loss"),
    ),
    "abundance": Note(
        reading=(
            "A run is a pair of hidden widths: it trains at the first, moves to the other on a straight line, and"
            " trains there. If only the final width matters, runs with one `end` finish alike, whatever their"
            " `network` (the widths at the start). `training/width map 1` is the width in each epoch."
        ),
        columns=("final/accuracy", "final/best_accuracy", "final sd/*", "repeats"),
    ),
    "width_transitions": Note(
        reading=(
            "Runs without an `end` are the training before any change, once for each width; those with an `end`"
            " go on from the same trained networks, moving to that width a few neurons an epoch. Standard tanh keeps"
            " its width: it is the control, and should end below all others."
        ),
        columns=("test/accuracy", "test/loss", "repeats"),
    ),
    "sparsification": Note(
        reading=(
            "`adapted` is after full diagonalisation of every second map, `baseline` before. `epsilon` should be at"
            " rounding level, and `percent_removed`, of parameters above a threshold, close to `percent_exact`, from"
            " the widths alone. `epsilon_form` is of the network that stores and multiplies only what is left;"
            " `latency` is its time in milliseconds beside the dense one's."
        ),
        columns=(
            "test/accuracy",
            "adapted/percent_*",
            "adapted/epsilon",
            "adapted float64/epsilon",
            "latency/latency_ratio*",
            "repeats",
        ),
    ),
    "timing": Note(
        reading=(
            "`timed/training_seconds`, `.../testing_seconds` and `.../adapting_seconds` are wall-clock seconds of"
            " the parts of an epoch; step = epoch. A run is a case: whether it tests, and how it adapts after every"
            " epoch. Compare adapting with training within a case. All cases took turns on the same machine."
        ),
        columns=("timed/training_seconds", "timed/testing_seconds", "timed/adapting_seconds"),
    ),
    "equivariance": Note(
        reading=(
            "A run is a descent. After some epochs copies of its networks are turned into another basis with their"
            " moments, and both are trained on: `turned/epsilon`, the distance between their logits, starts at the"
            " change of basis (step = epoch). It should stay at rounding level for gradient descent and momentum"
            " (about 1e-6 in float32, 1e-14 in float64) and grow to the size of the logits for Adam and AdamW, in"
            " both precisions alike. `test/accuracy` is of the networks that were never turned. The parameters"
            " `optimiser` and `learning_rate` are those of descents that have none of their own."
        ),
        columns=("turned/epsilon", "turned float64/epsilon", "test/accuracy", "repeats"),
        logarithmic=("epsilon", "epsilon_scaled", "kl"),
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
            " their changes in percentage points. `diverged/`, if it is there: in which epoch a network diverged,"
            " that is, had a loss or a parameter that was not finite; means are over the other repeats.",
            f"Profile `{profile}`. Made from `results/{profile}/{experiment}/rows.parquet`, which has all digits;"
            " here are six. Times are that of the first publication, not of training.",
        )
    )
