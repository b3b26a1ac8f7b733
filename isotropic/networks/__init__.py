"""Networks, alone and stacked."""
