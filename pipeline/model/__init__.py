"""Networks: the activation, the axis table, one network and K stacked networks."""
