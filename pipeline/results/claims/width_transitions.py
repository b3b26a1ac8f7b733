"""What is judged on `width_transitions`: isotropic networks against standard tanh."""

from __future__ import annotations

import pandas as pd

from pipeline.experiments import width_transitions
from pipeline.results.claims.base import Context, Estimand, Values
from pipeline.results.claims.repeats import per_repeat
from pipeline.results.claims.widths import arrived, moved
from pipeline.results.statistics import select

CONTROL = width_transitions.CONTROL.label
TRAINED = {"optimiser": "adam", "learning_rate": 0.08, "batch_size": 24}  # as the paper says it; rates decide this
LEARNT = 5.0  # percentage points above chance from which on networks count as having learnt something


def above_control(rows: pd.DataFrame, context: Context) -> Values:
    """Accuracy of isotropic networks minus that of the control of their end width, mean over starts.

    One cell for each end width.
    """
    last = arrived(rows, context)
    control = last["configuration"] == CONTROL
    controls = last.loc[control, ["end", "repeat", "value"]].rename(columns={"value": "control"})
    both = last[~control].merge(controls, on=["end", "repeat"], validate="many_to_one").sort_values("end")
    above = both["value"] - both["control"]
    return per_repeat(both.assign(cell="to " + both["end"].astype("string"), value=above))


def over_static(cell: str) -> Estimand:
    """Accuracy of isotropic networks taken to a width minus that of those that always had it, mean over pairs.

    Of one cell of `widths.moved`: grown from narrower, or pruned from wider.
    """

    def values(rows: pd.DataFrame, context: Context) -> Values:
        last = arrived(rows, context)
        found = moved(last[last["configuration"] != CONTROL])
        return found[found["cell"] == cell]

    return values


def trained_otherwise(rows: pd.DataFrame, context: Context) -> str:
    """Whether networks were trained otherwise than the claim says, or the controls learnt nothing."""
    own = {name: getattr(context.settings, name) for name in TRAINED}
    if own != TRAINED:
        return f"out of scope: the claim is of {_words(TRAINED)}; here: {_words(own)}"
    control = select(rows, phase="training", measure="test_accuracy", configuration=CONTROL)
    reached = control.loc[control["epoch"] == control["epoch"].max(), "value"].mean()
    if reached < context.chance + LEARNT:
        return f"the controls learnt next to nothing: they reach {reached:.1f}%, guessing {context.chance:.1f}%"
    return ""


def _words(settings: dict[str, object]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in settings.items())
