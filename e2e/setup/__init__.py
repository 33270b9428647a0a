"""Which tools does this machine need, and where are they? Installed once, cached by what they are made of."""
