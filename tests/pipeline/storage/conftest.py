"""The S3 server of the tests."""

from s3_server import s3, s3_server

__all__ = ["s3", "s3_server"]
