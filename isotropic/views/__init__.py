"""Views of other people's models: chains of their nn.Linear modules, which surgery takes as it takes a network."""
