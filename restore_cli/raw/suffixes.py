"""Names of RAW files; without what reads them."""

from restore_cli.images.listing import Suffixes

RAWS = Suffixes(
    frozenset(
        (
            *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq"),
            *(".k25", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf"),
            *(".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
        )
    ),
    kind="RAW files",
)
"""The files of a folder that are worth developing, by their names."""
