from lib.data.errors import DataError

__all__ = ["DataError"]
