"""How are the rows of files that are as they were taken from the store, and those of the others kept there?

Where steps redact, rows are kept as these steps left them: what they replaced never lies there.

Nothing here may cost a Dataset: what is not there, damaged, or of other code is read from the source, and a store that
does not answer ends the keeping and not the preparation.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeVar

from slipway.contract.dataset_report import FilesRead
from slipway.contract.job import PrepareDataset
from slipway.contract.parsed_rows import folder
from slipway_data.alone import Done, Work
from slipway_data.known import Known
from slipway_data.raw import RawFile
from slipway_data.reuse import index, tidy
from slipway_data.reuse.before import Before
from slipway_data.reuse.beside import Beside
from slipway_data.reuse.code import code
from slipway_data.reuse.index import Part
from slipway_data.reuse.keeping import Keeping
from slipway_data.reuse.lines import Broken
from slipway_data.reuse.packs import Writer
from slipway_data.reuse.wanted import form
from slipway_data.reuse.watched import Watched
from slipway_data.rows import Parsed, Rejected
from slipway_pod.errors import PodError, SourceUnreachable
from slipway_pod.store import Bucket, open_store
from slipway_pod.visible import one_line

log = logging.getLogger("slipway")

FORMAT = 1
"""To be raised when rows are kept in another form."""
PATIENCE = timedelta(seconds=10)
"""How long a request is tried again: to read the source is no disaster."""
MIB = 1024 * 1024
T = TypeVar("T")
Read = Callable[[RawFile], Iterator[Parsed | Rejected]]


def opened(job: PrepareDataset, files: Iterable[RawFile], columns: frozenset[str]) -> KeptRows:
    """Return what is kept of `files`, of which these `columns` are read."""
    bucket = open_store(job.store, patience=PATIENCE)
    place = f"{job.store.prefix}/{folder(job.namespace, job.name)}"
    most, by = job.parsed_rows.max_mebibytes * MIB, [job.schema_, sorted(columns)]
    match form(job):
        case "Nothing" | "Described":
            return KeptRows(bucket, place, "", files, 0)
        case "Read":
            reading = json.dumps([FORMAT, code(), job.steps[0].dump(), *by])
            return KeptRows(bucket, place, reading, files, most)
    done = job.steps[: 1 + len(Work.of(job.steps).steps)]
    # The group of a row may be a digest of what it was before it was redacted: with another it would be another one.
    reading = json.dumps([FORMAT, code(), [step.dump() for step in done], *by, job.split.group_by])
    return KeptRows(bucket, place, reading, files, most, Beside(done))


class KeptRows:
    """The rows that are kept for one Dataset, of files that are read as `reading` says.

    At most `most` bytes of them; 0 keeps nothing. With `beside` they are kept as the first steps left them, else as
    they were read.
    """

    def __init__(
        self,
        bucket: Bucket,
        folder: str,
        reading: str,
        files: Iterable[RawFile],
        most: int,
        beside: Beside | None = None,
    ) -> None:
        self._bucket, self._folder, self._reading, self._most = bucket, folder, reading, most
        self._beside = beside
        files = tuple(files)
        self._paths = [file.path for file in files]
        self._whole: dict[str, str | None] = {}
        """Files that are being read from their first row on, by their path, and their keys once they are read."""
        self._fault = ""
        self._read = self._damaged = 0
        self._used: set[str] = set()
        self._new: dict[str, list[Part]] = {}
        self._writer = Writer(bucket, folder)
        self._before: Before | None = None
        """None where nothing is kept, or not any more."""
        self._keeping: Keeping | None = None
        """The rows of the file that is being read."""
        if most:
            try:
                self._before = Before(bucket, folder, reading, files)
            except PodError as error:
                self._give_up(error)

    @property
    def after_steps(self) -> bool:
        """Whether rows are kept as steps leave them; what these count is to be told with each row."""
        return self._beside is not None

    @property
    def report(self) -> FilesRead | None:
        """How many files were read, and of how many the rows were taken; None where nothing is to be kept."""
        if not self._most:
            return None
        return FilesRead(read=self._read, kept=len(self._used), damaged=self._damaged, fault=self._fault)

    def rows(self, file: RawFile, read: Read) -> Iterator[Parsed | Rejected | Known]:
        """Yield what `read` makes of `file`, or made of it when it was as it is now, or what became of that.

        Raises SourceUnreachable where a file changes under our hands, and has given some rows already.
        """
        key, taken = self._found(file), 0
        if key is not None:
            for item in self._taken(key, file):
                taken += 1
                yield item
            if key in self._used:
                return
        self._read += 1
        watched = Watched(file)
        if not taken:
            self._whole[file.path] = None
        yield from islice(self._anew(watched, read), taken, None)
        if taken and self._key(watched) != key:
            # Its beginning is from before, the rest from now: these are the rows of neither.
            said = f"{file.path} was changed while it was read: it is tried again"
            raise SourceUnreachable("SourceChanged", said)

    def passing(self, items: Iterator[tuple[int, Done]]) -> Iterator[tuple[int, Done]]:
        """Yield `items`, what the first steps made of the rows, each with the number of its file; keep them here if
        they are kept as that.

        All rows of a file come before those of the next, and after it was read.
        """
        if self._beside is None:
            yield from items
            return
        at = 0
        for number, done in items:
            if number != at:
                self._complete(at, number)
                at = number
                if self._before is not None and self._paths[at - 1] in self._whole:
                    self._keeping = Keeping(self._writer, self._room)
            self._tried(self._keep_done, done)
            yield number, done
        self._complete(at, len(self._paths) + 1)

    def settle(self) -> None:
        """Let the rows of this time be what is kept, and nothing else; to be called when the Dataset is published."""
        try:
            if self._before is not None:
                log.info("%d files were read, of %d the rows were there already", self._read, len(self._used))
                self._settle(self._before)
            elif not self._most and (count := tidy.forgotten(self._bucket, self._folder)):
                log.info("%d objects of kept rows deleted", count)
        except PodError as error:
            self._give_up(error)
        finally:
            self._before = None
            self._writer.give_up()

    def leave(self) -> None:
        """Keep what was read so far beside what was kept before, for the pod that tries it again; end in any case."""
        try:
            if self._before is not None and self._new:
                if self._keeping is not None:
                    self._keeping.take_back()
                self._writer.close()
                known = dict(self._before.index.packs) | self._writer.sizes
                entries = dict(self._before.index.entries) | self._entries()
                index.write(self._bucket, self._folder, tidy.listed(entries, known))
        except PodError as error:
            self._give_up(error)
        finally:
            self._before = self._keeping = None
            self._writer.give_up()

    def _found(self, file: RawFile) -> str | None:
        return None if self._before is None else self._before.find(file)

    def _taken(self, key: str, file: RawFile) -> Iterator[Parsed | Rejected | Known]:
        """Yield the rows under `key`, as far as they are there."""
        before = self._before
        if before is None:
            return
        try:
            yield from before.rows(key)
        except Broken as error:
            log.warning("%s: its kept rows are damaged (%s): it is read anew", file.path, error)
            self._damaged += 1
            before.drop(key)
        except PodError as error:
            self._give_up(error)
        else:
            self._used.add(key)

    def _anew(self, watched: Watched, read: Read) -> Iterator[Parsed | Rejected]:
        """Yield what `read` makes of a file, and keep it."""
        if self.after_steps:
            yield from read(watched.file)
            if watched.file.path in self._whole:
                self._whole[watched.file.path] = self._key(watched)
            return
        if self._before is not None:
            self._keeping = Keeping(self._writer, self._room)
        for item in read(watched.file):
            self._tried(self._keep, item)
            yield item
        self._tried(self._end, watched)

    def _keep(self, item: Parsed | Rejected) -> None:
        if self._keeping is not None:
            self._keeping.add(item)

    def _keep_done(self, done: Done) -> None:
        if self._keeping is None:
            return
        assert self._beside is not None
        assert done.counted is not None, "it is told where rows are kept as steps leave them"
        if self._beside.private(done.item):
            self._keeping.take_back()
        else:
            self._keeping.add(Known(done.item, done.step, done.counted))

    def _complete(self, at: int, until: int) -> None:
        """End file `at`, of which all rows have passed (0: there is none), and those before `until`: they have none."""
        for number in range(max(at, 1), until):
            self._tried(self._end_done, self._paths[number - 1])

    def _end_done(self, path: str) -> None:
        key, keeping = self._whole.pop(path, None), self._keeping
        self._keeping = None
        if keeping is not None and key is None:
            keeping.take_back()
        elif key is not None and (parts := keeping.end() if keeping is not None else []) is not None:
            self._new[key] = parts

    def _end(self, watched: Watched) -> None:
        keeping, self._keeping = self._keeping, None
        if keeping is None:
            return
        if (key := self._key(watched)) is None:
            keeping.take_back()
        elif (parts := keeping.end()) is not None:
            self._new[key] = parts

    def _key(self, watched: Watched) -> str | None:
        """Return the key of the rows of a file that was read; None where nobody can say what it held."""
        content = watched.content()
        return index.key(index.place(self._reading, watched.file.path), content) if content else None

    def _tried(self, do: Callable[[T], None], with_: T) -> None:
        try:
            do(with_)
        except PodError as error:
            self._give_up(error)

    def _room(self) -> int:
        """Return how many bytes may be kept besides: never more than twice the bound lies there."""
        if self._before is None:
            return 0
        lies = sum(size for size, _ in self._before.there.values())
        return min(self._most - self._before.bytes, 2 * self._most - lies) - self._writer.bytes

    def _give_up(self, error: PodError) -> None:
        log.warning("rows are not kept any more in this run: %s", error)
        self._before, self._keeping, self._fault = None, None, one_line(str(error))

    def _entries(self) -> dict[str, tuple[Part, ...]]:
        return {key: tuple(parts) for key, parts in self._new.items()}

    def _settle(self, before: Before) -> None:
        self._writer.close()
        known = dict(before.index.packs) | self._writer.sizes
        used = {key: before.live[key] for key in sorted(self._used)}
        after = tidy.compacted(self._bucket, self._folder, tidy.listed(used | self._entries(), known))
        if after != before.index:
            index.write(self._bucket, self._folder, after)
        now = datetime.now(UTC)
        there = {name: written for name, (_, written) in before.there.items()} | dict.fromkeys(self._writer.sizes, now)
        tidy.swept(self._bucket, self._folder, there, known, after, now)
