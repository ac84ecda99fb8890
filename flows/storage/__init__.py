"""What lasts: files through fsspec, the commit log, datasets, checkpoints, reports. No Prefect."""
