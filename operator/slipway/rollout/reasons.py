"""Which stable words do conditions and events of a Rollout use?"""

from __future__ import annotations

from typing import Final

# Conditions
SERVING: Final = "Serving"
INITIALIZING: Final = "Initializing"
PROGRESSING: Final = "Progressing"
PAUSED: Final = "Paused"
BAKING: Final = "Baking"
ROLLING_BACK: Final = "RollingBack"
ROLLED_BACK: Final = "RolledBack"
DRAINING: Final = "Draining"
STABLE_NOT_READY: Final = "StableNotReady"
STABLE_SCALING: Final = "StableScaling"
ROUTE_NOT_ACCEPTED: Final = "RouteNotAccepted"
ROUTE_PENDING: Final = "RoutePending"
GATEWAY_NOT_FOUND: Final = "GatewayNotFound"
SPEC_INVALID: Final = "SpecInvalid"

# Why a version cannot serve, or not yet
VERSION_NOT_FOUND: Final = "VersionNotFound"
VERSION_INVALID: Final = "VersionInvalid"
VERSION_REJECTED: Final = "VersionRejected"
VERSION_FAILED: Final = "VersionFailed"
VERSION_NOT_READY: Final = "VersionNotReady"
MODEL_MISMATCH: Final = "ModelMismatch"
FORMAT_MISSING: Final = "FormatMissing"
HOSTNAME_TAKEN: Final = "HostnameTaken"
SHADOW_UNSUPPORTED: Final = "ShadowUnsupported"

# Why a candidate was rolled back
METRIC_FAILED: Final = "MetricFailed"
NO_DATA: Final = "NoData"
PROGRESS_DEADLINE: Final = "ProgressDeadlineExceeded"
CRASH_LOOP: Final = "CrashLoop"
UNSTEADY: Final = "Unsteady"
FETCH_FAILED: Final = "FetchFailed"
NO_WINNER: Final = "NoWinner"
NO_DIFFERENCE: Final = "NoDifference"

ABORTED: Final = "Aborted"

# What commands did
COMMAND_STALE: Final = "CommandStale"
COMMAND_REFUSED: Final = "CommandRefused"
RESUMED: Final = "Resumed"
PAUSE_ENDED: Final = "PauseEnded"
STEP_SKIPPED: Final = "StepSkipped"
PROMOTED_IN_FULL: Final = "PromotedInFull"
RETRY: Final = "Retry"

# Events that are no condition
CANDIDATE_STARTED: Final = "CandidateStarted"
SHARE_CHANGED: Final = "ShareChanged"
STEP_PASSED: Final = "StepPassed"
PROMOTED: Final = "Promoted"
SUPERSEDED: Final = "Superseded"
RETURNED: Final = "ReturnedToStable"
WITHDRAWN: Final = "Withdrawn"
ENDPOINTS_LOST: Final = "EndpointsLost"
RETIRED: Final = "Retired"
QUERY_REFUSED: Final = "QueryRefused"
MEASURED_WELL: Final = "MeasurementPassed"
MEASURED_BADLY: Final = {"Fail": "MeasurementFailed", "Error": "MeasurementError", "NoData": "MeasurementEmpty"}
INTERRUPTION_REFUSED: Final = "InterruptionRefused"
ADOPTED: Final = "Adopted"
STEPS_EDITED: Final = "StepsEdited"
MIRRORED: Final = "RequestsCopied"
WON: Final = "CandidateWon"
COOLED: Final = "NoLongerWarm"
PREVIEW_OPENED: Final = "PreviewOpened"
