"""`python -m flows.server`: Prefect's server and UI; its arguments are those of `prefect server start`."""

from flows.command_line.start import call_main

if __name__ == "__main__":
    call_main("flows.runtime.server")
