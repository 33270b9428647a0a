"""Which keys do our pods get, and what are they told about signatures?

The key that signs goes to training pods only; public keys go to the pods that evaluate and serve. Both are mounted as
`optional`: a pod that finds nothing says so in words, where the kubelet would only say that a volume is missing.
"""

from __future__ import annotations

from slipway.contract.signature import KEY_ENTRY, SIGNING_FOLDER, TRUST_FOLDER, Signing, Trust
from slipway.settings import Settings
from slipway.workload import Mount


def signing(settings: Settings) -> Signing | None:
    """Return with what training pods sign; None where the installation does not sign."""
    return Signing(secret=settings.signing_secret) if settings.signing_secret else None


def signing_mounts(settings: Settings) -> tuple[Mount, ...]:
    """Return the volume of the key that signs; a key that is replaced reaches pods that start later."""
    if not settings.signing_secret:
        return ()
    items = [{"key": KEY_ENTRY, "path": KEY_ENTRY}]
    source = {"secret": {"secretName": settings.signing_secret, "items": items, "optional": True, "defaultMode": 0o440}}
    return (Mount("signing", SIGNING_FOLDER, source),)


def trust(settings: Settings) -> Trust | None:
    """Return whose signatures are demanded; None where digests suffice."""
    return Trust(config_map=settings.public_keys) if settings.signatures_required else None


def trust_mounts(settings: Settings) -> tuple[Mount, ...]:
    """Return the volume of the public keys, where signatures are demanded."""
    if not settings.signatures_required:
        return ()
    source = {"configMap": {"name": settings.public_keys, "optional": True}}
    return (Mount("trust", TRUST_FOLDER, source),)
