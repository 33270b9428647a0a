"""The two examples: each one run from data to a served model, and a table of what that gained over the base model."""
