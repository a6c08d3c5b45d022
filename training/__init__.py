"""Training scripts: one file, one thing; each says in its docstring how it is run."""
