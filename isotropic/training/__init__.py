"""What a step of training is made of, and what is measured: nothing here knows a data set."""
