"""What the dashboard asks besides this API in the cloud: Identity Platform and Firestore, or emulators."""

from __future__ import annotations

from typing import Final

from cloud_run.api.settings import FirebaseSettings

_IDENTITY: Final = ("https://identitytoolkit.googleapis.com", "https://securetoken.googleapis.com")
_FIRESTORE: Final = ("https://firestore.googleapis.com",)


def firebase_addresses(settings: FirebaseSettings | None) -> tuple[str, ...]:
    """The addresses that its pages have to be allowed to ask."""
    if settings is None:
        return ()
    identity: tuple[str, ...] = _IDENTITY
    firestore: tuple[str, ...] = _FIRESTORE
    if settings.auth_emulator is not None:
        identity = (f"http://{settings.auth_emulator}",)
    if settings.firestore_emulator is not None:
        firestore = (f"http://{settings.firestore_emulator}",)
    return (*identity, *firestore)
