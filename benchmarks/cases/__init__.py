"""One module per benchmark: its contenders, and the bounds that the project holds itself to."""
