"""Data that ships with Tunewright: the starter model, the samples, and the scripts that made them."""
