"""May a row be used, by its licence?"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping

from license_expression import AND, OR

from slipway.api.dataset_steps import Licence, Step
from slipway_data.raw import RawFile, Refused
from slipway_data.rows import LICENCE_NOT_ALLOWED, LICENCE_UNKNOWN, Rejected, Row
from slipway_data.spdx import Expression, expression, of_licence_text
from slipway_pod.errors import BadConfig

COLUMNS = ("licence", "license")
"""Columns of a row that say its licence; the first that says something counts."""
NAMES = re.compile(r"(?:licen[cs]e|copying|unlicense)(?:-[\w.-]+?)?(?:\.(?:txt|md|rst))?", re.IGNORECASE)
SIDECAR = ".license"
CURE = "say it as SPDX does, as in MIT, or set licence.unknown to Keep"
NOASSERTION = "NOASSERTION"
"""SPDX's word for a licence that is not known."""
NONE = "NONE"
"""SPDX's word for a licence that is not even stated; only the report tells it from NOASSERTION."""


def is_licence(path: str) -> bool:
    """Tell whether a file says a licence and is no data."""
    return path.endswith(SIDECAR) or NAMES.fullmatch(path.rpartition("/")[2]) is not None


def asked_for(steps: Iterable[Step]) -> bool:
    """Tell whether one of `steps` judges licences."""
    return any(isinstance(step.chosen, Licence) for step in steps)


class Unstated(Refused):
    """Nobody says what the licence is."""


class Licences:
    """The licences of a source's rows, and in `database` how many rows were left out under each.

    `stated` are those that the source itself states of folders (see LicenceFiles).
    """

    def __init__(
        self, files: Iterable[RawFile], database: sqlite3.Connection, stated: Mapping[str, str] | None = None
    ) -> None:
        self._files = LicenceFiles(files, stated)
        self._database = database
        database.execute("CREATE TABLE licences_left_out (licence TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID")

    def of(self, row: Row) -> Expression:
        """Return the licence of `row`; raise Refused where it is not known, and Unstated where nobody states one."""
        for column in COLUMNS:
            said = row.columns.get(column)
            if said is None or said == "":
                continue
            found = expression(said) if isinstance(said, str) else None
            if found is None:
                raise Refused(LICENCE_UNKNOWN, f"its own {column} is no SPDX expression: {CURE}")
            return found
        return self._files.of(row.path)

    def named(self, row: Row) -> str:
        """Return the licence of `row` as an SPDX expression, NONE or NOASSERTION."""
        try:
            return str(self.of(row))
        except Unstated:
            return NONE
        except Refused:
            return NOASSERTION

    def left_out(self, row: Row) -> None:
        """Count a row that is left out for its licence."""
        insert = "INSERT INTO licences_left_out VALUES (?, 1) ON CONFLICT DO UPDATE SET number = number + 1"
        self._database.execute(insert, (self.named(row),))


class Allowed:
    """Rejects rows whose licence is not allowed or not known, and notes in `database` those of the others."""

    def __init__(self, step: Licence, number: int, licences: Licences, database: sqlite3.Connection) -> None:
        self._keeps_unknown = step.unknown == "Keep"
        self._allowed = {str(_allowed(text, number)) for text in step.allow}
        self._licences = licences
        self._database = database
        database.execute("CREATE TABLE IF NOT EXISTS licences (id TEXT PRIMARY KEY, licence TEXT) WITHOUT ROWID")

    def __call__(self, row: Row) -> Row | Rejected:
        """Return the row where it may be used, and a rejection where not."""
        judged = self._judged(row)
        if isinstance(judged, Rejected):
            self._licences.left_out(row)
        return judged

    def _judged(self, row: Row) -> Row | Rejected:
        try:
            found = self._licences.of(row)
        except Refused as error:
            if not self._keeps_unknown:
                return error.rejected(row.id)
            found = None
        if found is not None and not self._passes(found):
            listed = ", ".join(sorted(self._allowed))
            return Rejected(row.id, LICENCE_NOT_ALLOWED, f"its licence is {found}, licence.allow has {listed}")
        said = NOASSERTION if found is None else str(found)
        self._database.execute("INSERT OR REPLACE INTO licences VALUES (?, ?)", (row.id, said))
        return row

    def _passes(self, found: Expression) -> bool:
        if str(found) in self._allowed:
            return True
        if isinstance(found, OR):
            return any(map(self._passes, found.args))
        return isinstance(found, AND) and all(map(self._passes, found.args))


class LicenceFiles:
    """The licence files of a source, by folder. Each is read once, when a row needs it.

    `stated` are the licences that the source itself knows of folders. A file has the first word, for it is what the
    author wrote: what is stated counts where there is none, or one whose words are of no licence that is known here.
    """

    def __init__(self, files: Iterable[RawFile], stated: Mapping[str, str] | None = None) -> None:
        self._stated = stated or {}
        self._sidecars: dict[str, RawFile] = {}
        self._folders: dict[str, list[RawFile]] = {}
        self._known: dict[str, Expression | Refused] = {}
        for file in files:
            if file.path.endswith(SIDECAR):
                self._sidecars[file.path.removesuffix(SIDECAR)] = file
            elif is_licence(file.path):
                self._folders.setdefault(file.path.rpartition("/")[0], []).append(file)

    def of(self, path: str) -> Expression:
        """Return the licence of the file at `path` by the files beside and above it; raise Refused if none is known."""
        if path in self._sidecars:
            return self._read(path, self.speaking_for(path), None)
        folder = self._folder(path)
        if folder is not None:
            return self._read(f"{folder}/", self.speaking_for(path), self._stated.get(folder))
        message = "neither the row nor its file names a licence, and no folder above has a licence file that source "
        raise Unstated(LICENCE_UNKNOWN, f"{message}include lets through: add one, or set licence.unknown to Keep")

    def speaking_for(self, path: str) -> list[RawFile]:
        """Return the files that say the licence of the file at `path`."""
        if path in self._sidecars:
            return [self._sidecars[path]]
        folder = self._folder(path)
        return [] if folder is None else self._folders.get(folder, [])

    def _folder(self, path: str) -> str | None:
        """Return the nearest folder above `path` of which a licence is said; None where none has any."""
        while path:
            path = path.rpartition("/")[0]
            if path in self._folders or path in self._stated:
                return path
        return None

    def _read(self, key: str, files: list[RawFile], stated: str | None) -> Expression:
        if key not in self._known:
            try:
                self._known[key] = self._together(files, stated)
            except Refused as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, Refused):
            raise Refused(found.reason, found.message)
        return found

    def _together(self, files: list[RawFile], stated: str | None) -> Expression:
        """Return what all of `files` demand: of two licences beside each other, nobody said that one is enough."""
        try:
            said = " AND ".join(f"({_named(file)})" for file in files)
        except Refused:
            # The source read it too, and may know the words. Of several files nobody says which one it means.
            if len(files) > 1 or stated is None or expression(stated) is None:
                raise
            said = ""
        found = expression(said or stated or NONE)
        if found is None:
            raise Refused(LICENCE_UNKNOWN, f"the source states {stated}, which is no licence of SPDX's: {CURE}")
        return found


def _named(file: RawFile) -> str:
    """Return the licence that a licence file names or is."""
    try:
        said = of_licence_text(file.text())
    except Refused as error:
        raise Refused(LICENCE_UNKNOWN, f"{file.path}: {error.message}") from error
    if said is None or expression(said) is None:
        message = "has the words of no licence that is known: add a line SPDX-License-Identifier to it"
        raise Refused(LICENCE_UNKNOWN, f"{file.path} {message}, or set licence.unknown to Keep")
    return said


def _allowed(text: str, number: int) -> Expression:
    found = expression(text)
    if found is None:
        raise BadConfig(
            "UnknownLicence",
            f"steps[{number}].licence.allow: {text} is no licence of SPDX: see the list at https://spdx.org/licenses",
        )
    return found


def counted(database: sqlite3.Connection, steps: Iterable[Step]) -> dict[str, int] | None:
    """Return how many rows of each licence the dataset has; None where no step looked at licences."""
    if not asked_for(steps):
        return None
    query = "SELECT l.licence, COUNT(*) FROM licences l JOIN rows USING (id) GROUP BY l.licence ORDER BY l.licence"
    return dict(database.execute(query).fetchall())
