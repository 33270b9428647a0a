"""The room of ModelVersions."""
