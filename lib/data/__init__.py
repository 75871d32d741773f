class DataError(ValueError):
    """Data that cannot be used as they are. The message names the file, what was found, and what to do."""
