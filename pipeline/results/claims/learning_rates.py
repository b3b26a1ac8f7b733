"""What is judged on `learning_rates`: isotropic against standard tanh, each at a learning rate of its own."""

from __future__ import annotations

import pandas as pd

from pipeline.experiments.learning_rates import ISOTROPIC, STANDARD
from pipeline.results.claims.base import Context, Values, at_chance
from pipeline.results.claims.repeats import per_repeat
from pipeline.results.claims.tanh_comparison import final
from pipeline.results.divergence import completed
from pipeline.results.statistics import differences, select

CHOICE = ["activation", "hidden_width"]  # for each of them one learning rate is chosen


def best_rates(rows: pd.DataFrame, repeats: int, chance: float) -> pd.DataFrame:
    """The learning rate of the highest validation accuracy, one for each activation and width.

    The mean over repeats decides, in which a network that diverged counts as guessing; of equal ones the lowest rate
    is taken. No test image has a part in it.

    Args:
        rows: of networks that did not diverge, on one data set.
        repeats: how many networks were trained at each rate.
        chance: accuracy of guessing, percent.

    Returns:
        Columns "activation", "hidden_width", "learning_rate"; no row where all networks of all rates diverged.
    """
    accuracy = select(rows, phase="validation", measure="validation_accuracy")
    found = accuracy.groupby([*CHOICE, "learning_rate"], observed=True)["value"].agg(["sum", "size"]).reset_index()
    # Rounded, so that ties are ties in whatever order they were added up.
    mean = ((found["sum"] + (repeats - found["size"]) * chance) / repeats).round(9)
    order = found.assign(mean=mean).sort_values(["mean", "learning_rate"], ascending=[False, True], kind="stable")
    return order.drop_duplicates(CHOICE).sort_values(CHOICE)[[*CHOICE, "learning_rate"]].reset_index(drop=True)


def at_best(accuracy: pd.DataFrame, best: pd.DataFrame) -> pd.DataFrame:
    """Those of the accuracies that are of networks at the rates chosen."""
    return accuracy.merge(best, on=[*CHOICE, "learning_rate"], validate="many_to_one")


def ahead(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of isotropic minus standard tanh, paired by width and repeat; of each activation one rate a width."""
    return differences(accuracy, ISOTROPIC, STANDARD, ["hidden_width"], of="activation")


def ahead_at_best(rows: pd.DataFrame, context: Context) -> Values:
    """Test accuracy of isotropic minus standard tanh, each at its best learning rate; one cell for each width."""
    left = completed(rows)
    best = best_rates(left, context.settings.repeats, context.chance)
    table = ahead(at_best(at_chance(rows, final(left), context.chance), best)).sort_values("hidden_width")
    return per_repeat(table.assign(cell="width " + table["hidden_width"].astype("string")))


def chosen(rows: pd.DataFrame, context: Context) -> pd.DataFrame:
    """The rows of the two activations that are compared, each at its best rates: what others did is no matter.

    Where all networks of an activation and width diverged, at all rates.
    """
    best = best_rates(completed(rows), context.settings.repeats, context.chance)
    known, chosen = (pd.MultiIndex.from_frame(best[columns]) for columns in (CHOICE, [*CHOICE, "learning_rate"]))
    own, at = (pd.MultiIndex.from_frame(rows[columns]) for columns in (CHOICE, [*CHOICE, "learning_rate"]))
    return rows[rows["activation"].isin([ISOTROPIC, STANDARD]) & (at.isin(chosen) | ~own.isin(known))]


def at_an_end(rows: pd.DataFrame, context: Context) -> str:
    """Whether the best rate of one of the two is the lowest or the highest tried: a better one may lie beyond."""
    rates = context.settings.learning_rates
    best = best_rates(rows, context.settings.repeats, context.chance)
    ends = best[best["activation"].isin([ISOTROPIC, STANDARD]) & best["learning_rate"].isin([min(rates), max(rates)])]
    said = [
        f"{activation} at width {width}: {rate:g}"
        for activation, width, rate in ends.itertuples(index=False, name=None)
    ]
    return f"best rate at an end of those tried: {'; '.join(said)}" if said else ""
