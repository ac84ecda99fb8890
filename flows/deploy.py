"""`python -m flows.deploy`: set a Prefect server up for this project."""

from flows.runtime.deployment import main

if __name__ == "__main__":
    main()
