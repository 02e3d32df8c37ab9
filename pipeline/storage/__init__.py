"""Videos and results in object storage: addresses such as s3://bucket/folder/ beside paths.

`addresses.py` reads them, `opening.py` opens a storage (`s3.py`, `arrow.py`), `listing.py` finds videos, `copies.py`
fetches one to a local file, and `read_ahead.py` several in advance. `outputs.py` keeps an output folder at an address
equal to a local one, `lock.py` locks it, and `uploads.py` stores the results of a run there while the run goes on.
"""
