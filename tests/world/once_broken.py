"""Which histories broke a rule once? Long runs found them, and they are rare.

They are written out: what a seed stands for changes with each new beginning and disturbance. What was wrong
is told in docs/decisions/rollout-histories.md.
"""

from __future__ import annotations

from tests.world.disturbances import Disturbance
from tests.world.histories import History
from tests.world.measures import Measure

ONCE_BROKEN = (
    History(
        seed=12000495,
        beginning=12,
        lead=8,
        disturbances=(
            Disturbance(0, "behaves", ("v2", 40.0, 90.0)),
            Disturbance(0, "crash", (0,)),
            Disturbance(0, "fate", ("v1", "Unschedulable")),
            Disturbance(1, "crash", (3,)),
            Disturbance(3, "prometheus", (True, 4.0)),
        ),
    ),
    History(
        seed=1025140,
        beginning=10,
        lead=3,
        disturbances=(
            Disturbance(0, "behaves", ("v2", 8.0, 90.0)),
            Disturbance(0, "crash", (4,)),
            Disturbance(6, "fate", ("v1", "BadArtefact")),
            Disturbance(3, "fate", ("v3", "BadArtefact")),
            Disturbance(0.03, "edit_route", (1,)),
            Disturbance(3, "lose_pods", ("v3", 0.5)),
            Disturbance(0.03, "behaves", ("v2", 0.0, 350.0)),
            Disturbance(6, "crash", (6,)),
            Disturbance(1, "wait"),
        ),
    ),
    History(
        seed=3003708,
        beginning=3,
        lead=14,
        disturbances=(
            Disturbance(25, "want", ("v3",)),
            Disturbance(0.3, "version_turns", ("v3", "Rejected")),
            Disturbance(0, "behaves", ("v1", 100.0, 350.0)),
            Disturbance(0, "hand_over"),
            Disturbance(0.3, "edit_route", (1,)),
            Disturbance(1, "gateway", ("Sleeps",)),
            Disturbance(15, "wait"),
        ),
        measures=(Measure("web", "Advisory", forgiven=1),),
    ),
    History(
        seed=3004495,
        beginning=11,
        lead=3,
        disturbances=(
            Disturbance(0, "crash", (8,)),
            Disturbance(1, "scale", (5,)),
            Disturbance(12, "template", (4096,)),
            Disturbance(1, "wait"),
        ),
    ),
    History(
        seed=3004527,
        beginning=1,
        lead=0,
        disturbances=(
            Disturbance(3, "want", ("v2",)),
            Disturbance(25, "want", ("v1",)),
            Disturbance(0.03, "recreate"),
            Disturbance(0.03, "fate", ("v1", "Slow")),
            Disturbance(25, "fate", ("v2", "Slow")),
            Disturbance(0.03, "want", ("v1",)),
            Disturbance(1, "wait"),
        ),
    ),
    History(
        seed=5006756,
        beginning=11,
        lead=14,
        disturbances=(
            Disturbance(0, "version_turns", ("v3", "Ready")),
            Disturbance(0, "want", ("v2",)),
            Disturbance(6, "crash", (2,)),
            Disturbance(3, "want", ("v2",)),
            Disturbance(0, "name_gateway", ("slipway",)),
            Disturbance(12, "fate", ("v2", "CrashLoop")),
            Disturbance(15, "wait"),
        ),
    ),
    History(
        seed=5010523,
        beginning=1,
        lead=0,
        disturbances=(
            Disturbance(0, "behaves", ("v2", 40.0, 90.0)),
            Disturbance(0.3, "recreate"),
            Disturbance(3, "crash", (8,)),
            Disturbance(0, "hand_over"),
            Disturbance(0, "command", ("abort", "v3")),
            Disturbance(0.03, "hand_over"),
            Disturbance(6, "wait"),
        ),
    ),
)
