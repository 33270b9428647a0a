"""The four kinds, as pydantic models."""
