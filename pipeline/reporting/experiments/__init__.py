"""One file per experiment, named after it, with `present(rows, settings, data) -> Presentation`."""
