"""Champion turns a table into a served model: split, train, track, register, serve."""
