"""How did a run go? Its history as curves, on a page and for programs. Nothing here needs torch."""
