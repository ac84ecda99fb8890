"""compose.yaml, run without Docker: each service's command in the image, on a network of its own.

The network is a namespace with a loopback alone, where each service's name is an address of it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from tests.support.containers import Image, project
from tests.support.site import process_tree

network_of_its_own = ("unshare", "--net", "sh", "-c", "ip link set lo up && exec sleep infinity")
needs_value = re.compile(r"\$\{(\w+):\?[^}]+\}")
postgres = "database"
start_seconds = 180


def read() -> dict[str, Any]:
    """The file as YAML, with its variables as they are written."""
    found: dict[str, Any] = yaml.safe_load((project / "compose.yaml").read_text(encoding="utf-8"))
    return found


def filled_in(value: Any, variables: Mapping[str, str]) -> Any:
    """`value` with its variables filled in, as compose does."""
    if isinstance(value, dict):
        return {key: filled_in(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [filled_in(each, variables) for each in value]
    if isinstance(value, str):
        return needs_value.sub(lambda found: variables[found[1]], value)
    return value


class Compose:
    """The services of the file, as far as they were started."""

    def __init__(
        self, image: Image, folder: Path, variables: Mapping[str, str], **volumes: Path
    ) -> None:
        self._image, self._folder = image, folder
        self.services: dict[str, dict[str, Any]] = filled_in(read()["services"], variables)
        self._hosts = folder / "hosts"
        self._hosts.write_text(f"127.0.0.1 localhost {' '.join(self.services)}\n")
        self._network = subprocess.Popen(network_of_its_own)
        self._volumes = volumes
        self._started: set[str] = set()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.database = Database(self.network())

    def network(self) -> list[str]:
        """What enters the network of the services."""
        return ["nsenter", f"--net=/proc/{self._network.pid}/ns/net"]

    def up(self) -> None:
        """Start all services, each when those that it depends on are as it asks for."""
        for name in self.services:
            self._start(name)
        for name, service in self.services.items():
            if "test" in service.get("healthcheck", {}):
                self._await(name, "service_healthy")

    def run(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a new container of a service, as `docker compose run` does."""
        return self._image.run(*command, **self._place(service, "run"))

    def is_healthy(self, service: str) -> bool:
        """Whether its health check passes."""
        kind, *test = self.services[service]["healthcheck"]["test"]
        assert "CMD" == kind
        if service == postgres:
            return self.database.is_ready(test)
        return 0 == self.run(service, *test).returncode

    def volume(self, name: str) -> Path:
        """The folder of a volume, made if need be."""
        if name not in self._volumes:
            folder = self._folder / "volumes" / name
            folder.mkdir(parents=True)
            self._volumes[name] = self._image.own(folder)
        return self._volumes[name]

    def stop(self, service: str) -> None:
        """Kill the containers of a service."""
        for name in [name for name in self._running if name.rpartition("-")[0] == service]:
            process = self._running.pop(name)
            for number in process_tree(process.pid):
                with suppress(ProcessLookupError):  # the first to die takes others with it
                    os.kill(number, signal.SIGKILL)
            process.wait(timeout=60)

    def log(self, container: str) -> str:
        """What a container has printed."""
        return (self._folder / f"{container}.log").read_text(errors="replace")

    def down(self) -> None:
        """Stop everything."""
        for service in reversed(self.services):
            self.stop(service)
        self.database.stop()
        self._network.kill()
        self._network.wait()

    def _start(self, name: str) -> None:
        """Start a service once, after those that it depends on."""
        service = self.services[name]
        if name in self._started:
            return
        self._started.add(name)
        for needed, how in service.get("depends_on", {}).items():
            self._start(needed)
            self._await(needed, how["condition"])
        if name == postgres:
            self.database.start(service["environment"])
            return
        for number in range(service["deploy"].get("replicas", 1)):
            self._start_container(name, f"{name}-{number}")

    def _start_container(self, name: str, container: str) -> None:
        command = self.services[name]["command"]
        command = self._image.command(*command, **self._place(name, container))
        with (self._folder / f"{container}.log").open("wb") as log:
            self._running[container] = subprocess.Popen(command, stdout=log, stderr=log)

    def _place(self, name: str, container: str) -> dict[str, Any]:
        """Folders, environment and network of a container."""
        service = self.services[name]
        mounts = {"/etc/hosts": self._hosts}
        for volume in service.get("volumes", ()):
            source, _, place = volume.partition(":")
            mounts[place] = self.volume(source)
        for place in service["tmpfs"]:
            mounts[place] = self.volume(f"tmpfs-{container}")
        environment = service.get("environment", {})
        return {"mounts": mounts, "environment": environment, "network": self.network()}

    def _await(self, name: str, condition: str) -> None:
        if condition == "service_completed_successfully":
            status = self._running[f"{name}-0"].wait(timeout=start_seconds)
            assert 0 == status, self.log(f"{name}-0")
            return
        assert "service_healthy" == condition
        deadline = time.monotonic() + start_seconds
        while not self.is_healthy(name):
            if time.monotonic() > deadline:
                pytest.fail(f"{name} is not healthy: {self.log(f'{name}-0')}")
            time.sleep(1)


class Database:
    """Debian's PostgreSQL in place of the image, with the variables that the image takes."""

    def __init__(self, network: list[str]) -> None:
        # Below no folder of pytest's, which PostgreSQL's own user cannot enter.
        self._temporary = TemporaryDirectory()
        self._folder, self._network = Path(self._temporary.name), network
        self._programs = max(Path("/usr/lib/postgresql").glob("*/bin"))

    def start(self, environment: Mapping[str, str]) -> None:
        """Make the database and serve it to whoever has the password."""
        password = self._folder / "password"
        password.write_text(environment["POSTGRES_PASSWORD"])
        for path in (self._folder, password):
            shutil.chown(path, "postgres")
        user, name = environment["POSTGRES_USER"], environment["POSTGRES_DB"]
        access = f"--auth=scram-sha-256 --username={user} --pwfile={password}"
        self._control("init", f"--options={access}")
        listening = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        self._control("start", f"--options={listening}", f"--log={self._folder}/log")
        create = ["createdb", "--host=127.0.0.1", f"--username={user}", name]
        secret = {"PGPASSWORD": environment["POSTGRES_PASSWORD"]}
        subprocess.run([*self._network, *create], env=os.environ | secret, check=True)

    def is_ready(self, test: list[str]) -> bool:
        """Whether the health check of the image passes."""
        command = [*self._network, *test]
        return 0 == subprocess.run(command, check=False, capture_output=True).returncode

    def stop(self) -> None:
        """Stop it, if it was started."""
        with suppress(subprocess.CalledProcessError):
            self._control("stop", "--mode=immediate")
        self._temporary.cleanup()

    def _control(self, *arguments: str) -> None:
        control = [str(self._programs / "pg_ctl"), f"--pgdata={self._folder}/data", "--silent"]
        as_owner = ["runuser", "-u", "postgres", "--"]
        subprocess.run([*self._network, *as_owner, *control, *arguments], check=True)
