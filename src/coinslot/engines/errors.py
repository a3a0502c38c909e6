"""What can go wrong with an engine, told to the person who can put it right."""

from __future__ import annotations


class EngineError(Exception):
    """An engine or its schema cannot be used. `message` says what is wrong, `remedy` what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}\n{remedy}")
        self.message = message
        self.remedy = remedy


class FolderError(EngineError):
    """The engine's folder cannot be used as it is."""


class FolderBusy(EngineError):
    """Another process owns the engine's folder."""


class BinaryMissing(EngineError):
    """The engine's program was not found, or is not the one that is needed."""


class StartFailed(EngineError):
    """The engine was started and did not become ready."""


class MigrationError(EngineError):
    """The database's schema and this program's migrations do not fit together."""
