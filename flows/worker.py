"""`python -m flows.worker`: start a worker of this project's work pool on this machine."""

from flows.command_line.start import call_main

if __name__ == "__main__":
    call_main("flows.runtime.worker")
