FOLDERS = ("covidx-sources", "covidx-lists", "ham10000")
"""What a data folder holds at least one of."""

GENERATED = "phantoms.json"
"""What a folder of phantoms, or a copy of it, holds beside them."""

ALSO_READ = ("covidx-lists-full", "masks", GENERATED)
"""What is read of a data folder, too, where it is there."""


class DataError(ValueError):
    """Data that cannot be used as they are. The message names the file, what was found, and what to do."""
