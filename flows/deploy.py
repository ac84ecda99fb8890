"""`python -m flows.deploy`: set a Prefect server up for this project."""

from flows.command_line.start import call_main

if __name__ == "__main__":
    call_main("flows.runtime.deployment")
