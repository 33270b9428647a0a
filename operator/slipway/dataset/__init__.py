"""The room of Datasets."""
