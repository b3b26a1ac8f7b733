"""Width by number of layers: what the pages of experiments with networks of several architectures have in common."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import pandas as pd

from pipeline.experiments.plan.architectures import ARCHITECTURE
from pipeline.reporting.page import By, DataSet, Page, Plot
from pipeline.reporting.protocol import architectures
from pipeline.results.text import counted


class Architectures(Page):
    """A page of networks with every number of hidden layers in every width; rows get a column of both."""

    def __init__(self, rows: pd.DataFrame, settings: Any, data: DataSet) -> None:
        named = rows["hidden_width"].astype("string") + "x" + rows["hidden_layers"].astype("string")
        super().__init__(rows.assign(architecture=named), settings, data)
        widths = {str(width): f"width {width}" for width in settings.hidden_widths}
        layers = {str(number): counted(number, "hidden layer") for number in settings.hidden_layers}
        both = {f"{n}x{h}": (width, depth) for n, width in widths.items() for h, depth in layers.items()}
        self.columns = By("architecture", "architecture", both)
        self.panels = {
            "hidden_width": By("hidden_width", ARCHITECTURE["hidden_width"].words, widths),
            "hidden_layers": By("hidden_layers", ARCHITECTURE["hidden_layers"].words, layers),
        }

    @cached_property
    def network(self) -> str:
        """The architectures."""
        return architectures(self.settings)

    @property
    def subject(self) -> str:
        """The data alone: there are too many networks."""
        return self.data.name

    def against(self, x: str, *said: Any, **more: Any) -> Plot:
        """A figure of `lines` against the width, with a panel for each number of hidden layers, or the reverse."""
        (other,) = {*ARCHITECTURE} - {x}
        return self.lines(*said, x=x, x_label=ARCHITECTURE[x].words, panels=self.panels[other], **more)
