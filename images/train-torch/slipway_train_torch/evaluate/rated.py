"""What are people asked, where a metric is their preference?

This side lets both models answer, and lays out the sheet. What people said is counted by slipway_pod.ratings.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence

from slipway.api.preference import HumanPreference
from slipway.contract.job import Evaluate
from slipway.contract.ratings import Sheet, SideKey
from slipway_pod.ratings import page
from slipway_pod.ratings.draw import Answered, Turns, draw, telling
from slipway_train_torch.evaluate.items import Item
from slipway_train_torch.evaluate.results import Figure, Results

log = logging.getLogger("slipway")

PAGE, KEY = "sheet.html", "sheet-key.json"


def asked_for(metric: HumanPreference) -> HumanPreference:
    """Return what of `metric` determines the answers: not how many people are asked about them."""
    return HumanPreference(max_examples=metric.max_examples, max_new_tokens=metric.max_new_tokens)


def sheet(
    name: str,
    metric: HumanPreference,
    items: Sequence[Item],
    job: Evaluate,
    answered: tuple[Sequence[Figure], Sequence[Figure]],
    results: Results,
) -> Sheet | str:
    """Write the sheet of metric `name` and its key into the store; where there is too little to rate, return why.

    `answered` are the figures of subject and reference on `items`.
    """
    pairs = telling(
        Answered(item.id, item.group, _question(item), str(now.note["answer"]), str(then.note["answer"]))
        for item, now, then in zip(items, *answered, strict=True)
    )
    if len(pairs) < metric.min_rated:
        return (
            f"{len(pairs)} of {len(items)} pairs of answers differ, and minRated is {metric.min_rated}: raise "
            "maxExamples or the share of the test split, or lower minRated"
        )
    folder = job.fingerprint().removeprefix("sha256:")
    # A secret, kept: the sheet of an evaluation that is repeated is the one that people may have begun to rate.
    before = results.kept(folder, KEY, SideKey)
    drawn = draw(pairs, before.lot if before is not None else secrets.token_hex(16))
    # The key first: a sheet that somebody can open can be counted.
    key = results.keep(folder, KEY, drawn.key.model_dump_json(by_alias=True).encode())
    uri = results.keep(folder, PAGE, page.sheet(drawn.shown, drawn.digest).encode())
    log.info("%s: people are to rate %d pairs on %s", name, len(pairs), uri)
    return Sheet(metric=name, uri=uri, key=key, digest=drawn.digest, pairs=len(pairs))


def _question(item: Item) -> Turns:
    return item.question if item.chat else (("prompt", item.prompt),)
