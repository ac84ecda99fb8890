"""What to train, from which checkpoint, and which checkpoint becomes the champion. No Prefect."""
