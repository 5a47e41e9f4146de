"""The source ``s3``: a bucket of files, ``<table>/.../<file>.csv``."""
