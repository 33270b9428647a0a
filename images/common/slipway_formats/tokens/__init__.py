"""How do rows become tokens? The one way for preparation, training and judgement."""
