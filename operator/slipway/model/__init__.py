"""The room of the kind ModelVersion."""
