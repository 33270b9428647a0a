"""The page of a search: its history, and what each parameter did."""
