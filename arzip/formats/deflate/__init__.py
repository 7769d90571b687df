"""Deflate streams opened up and made again, bit for bit, without any deflate library."""

from arzip.formats.deflate.recreate import Opened, Settings, put_together, take_apart

__all__ = ["Opened", "Settings", "put_together", "take_apart"]
