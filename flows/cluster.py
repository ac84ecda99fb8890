"""`python -m flows.cluster`: a Dask scheduler and workers on this machine, until Ctrl-C."""

from flows.command_line.start import call_main

if __name__ == "__main__":
    call_main("flows.runtime.cluster")
