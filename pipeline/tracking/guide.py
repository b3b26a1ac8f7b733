"""What a stranger reads in MLflow: how to read the pages of an experiment."""

from __future__ import annotations

from pipeline.reporting.presenters import presenter


def guide(experiment: str, question: str, profile: str) -> str:
    """The description of an MLflow experiment, in Markdown."""
    return "\n\n".join(
        (
            f"**{question}**",
            presenter(experiment).NOTE.reading,
            "**Runs.** A numbered run is a configuration: the means over its repeats. Open it (▸) for a run per"
            " repeat, which may hold its network as a model: its description says how to load it. `0 summary` holds"
            " the tables, figures and claims, under *Artifacts*.",
            "**Metrics.** `train/`, `test/`: step = epoch. `by change in width/`: step = neurons added (positive) or"
            " removed (negative), 0 = diagonalised only; a table shows the last step, so choose `epsilon/pruned ...`"
            " and the like for its columns. `... sd/`: standard deviation over repeats. Accuracies are in percent,"
            " their changes in percentage points. `diverged/`, if it is there: in which epoch a network diverged,"
            " that is, had a loss or a parameter that was not finite; means are over the other repeats.",
            "**Charts.** Section `compared`, if it is there, has several metrics in a chart, told apart by dashes.",
            f"Profile `{profile}`. Made from `results/{profile}/{experiment}/rows.parquet`, which has all digits;"
            " here are six. Times are that of the first publication, not of training.",
        )
    )
