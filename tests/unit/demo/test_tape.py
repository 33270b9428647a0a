"""A tape drops what shows nothing new, and comes back from its file as it was."""

from __future__ import annotations

from pathlib import Path

from e2e.demo.tape import Mark, Sighting, Tape, read
from tests.unit.demo import story


def test_it_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    with path.open("w") as file:
        written = Tape(file)
        for record in story.records():
            written.add(record)
    found = read(path)
    assert (found.sightings, found.requests, found.marks) == (written.sightings, written.requests, written.marks)


def test_the_same_sight_twice_is_one() -> None:
    tape = Tape()
    for at in (1.0, 2.0):
        tape.add(Sighting(at, "Dataset", "d", {"status": {"state": "Ready"}}))
    assert [s.at for s in tape.sightings] == [1.0]


def test_what_is_gone_is_not_present() -> None:
    tape = Tape()
    tape.add(Sighting(1.0, "Dataset", "d", {"status": {}}))
    tape.add(Sighting(2.0, "Dataset", "d", {}))
    assert tape.now("Dataset", "d") is None
    assert tape.present("Dataset") == []
    assert tape.sightings[-1].gone


def test_a_tape_spans_its_records() -> None:
    tape = Tape()
    assert (tape.begun, tape.ended) == (0.0, 0.0)
    tape.add(Mark(5.0, "begin"))
    tape.add(story.request(9.0, "v1"))
    assert (tape.begun, tape.ended) == (5.0, 9.0)
