"""Where the pieces of a flow run: threads of this process, or the workers of a Dask cluster."""

from flows.runtime.engines.choice import check_engine, engine_of, executor_of
from flows.runtime.engines.workers import Outcome, Piece, Workers

__all__ = ["Outcome", "Piece", "Workers", "check_engine", "engine_of", "executor_of"]
