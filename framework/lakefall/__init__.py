"""Files fall into a bucket; tables rise in the lake."""

__version__ = "0.1.0"
