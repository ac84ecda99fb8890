"""Scheduled retraining of a character RNN: Prefect flows above, what they do below."""
