"""What can go wrong with what lasts.

StorageError
├── CorpusError             a source that cannot be read, or a text that cannot be trained on
├── StoreError              a store that cannot be used
│   ├── ObjectMissing       nothing lies at that path
│   ├── ObjectExists        something lies there already (create-if-absent)
│   └── UnsafeStore         two writers could overwrite each other there
├── NotDurable              written, but the disk would not promise to keep it
├── DamagedObject           bytes that are not what their record says
│   └── NewerFormat         written by a newer version of this program
├── UnknownObject           no dataset, run or checkpoint of that name
└── RunConflict             another run has advanced the same model
"""


class StorageError(Exception):
    """Base of every error that this package raises on purpose."""


class CorpusError(StorageError):
    """A source cannot be read, or its text cannot be trained on."""


class StoreError(StorageError):
    """The store cannot be used as it is."""


class ObjectMissing(StoreError):
    """Nothing lies at that path of the store."""


class ObjectExists(StoreError):
    """Create-if-absent found something there."""


class NotDurable(StorageError):
    """The object is there, but the disk would not promise that it survives a loss of power.

    No `StoreError`: those who catch one look what lies there, and would find it.
    """


class UnsafeStore(StoreError):
    """The store ignores create-if-absent, so two writers could overwrite each other."""


class DamagedObject(StorageError):
    """An object's bytes are not what its record says; names the object and the reason."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class NewerFormat(DamagedObject):
    """Written by a newer version of this program."""

    def __init__(self, name: str, found: object, known: int) -> None:
        super().__init__(
            name, f"format {found} is newer than this program ({known}): update it to read this"
        )


class UnknownObject(StorageError):
    """The store has no dataset, run or checkpoint of that name."""


class RunConflict(StorageError):
    """Another run has advanced the same model since this one looked."""
