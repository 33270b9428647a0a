"""What do all pipelines do? The numbers and patterns that they share, as one file."""

from __future__ import annotations

from dataclasses import dataclass

from bench.numbers import Numbers


@dataclass(frozen=True)
class Plan(Numbers):
    """One run: the same filter, private text, shingles, similarity, number of hashes and of processes."""

    min_characters: int
    max_characters: int
    max_line_characters: int
    min_alphanumeric_percent: int
    similarity_percent: int
    words: int
    """In a shingle."""
    bands: int
    band_size: int
    """Values of a band: as many hashes as bands times this are drawn of each row."""
    peer_bands: int
    peer_band_size: int
    """The same of datatrove, for which candidates are duplicates: see settings.peer_banding."""
    word: str
    """What a word is, as a pattern."""
    email: str
    ipv4: str
    """What an address of IPv4 looks like, as a pattern; which of them are some is asked of Python's ipaddress."""
    workers: int


@dataclass(frozen=True)
class Run:
    """What one pipeline did once."""

    seconds: float
    """From the first look at the files to the last row written, processes started for it included."""
    peak_mib: float
    """Of all its processes together, loading included."""
    cpu_seconds: float
    """Of all its processes together, loading included; what else the machine does hardly changes it."""
