"""Prefect flows that retrain the network, and what they keep."""
