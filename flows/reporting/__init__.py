"""What people read of a model: samples, reports, the loss curve. No Prefect."""
