"""The image, built without a registry: Debian's buildah, on a base that debootstrap makes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

project = Path(__file__).parents[2]
programs = ("buildah", "debootstrap", "setpriv", "unshare")
needed = "needs root, and apt-get install --no-install-recommends buildah debootstrap"
suite, python = "bookworm", "3.11"  # Debian's, and its Python
base = "localhost/python"
# A container runtime would need control groups of version 2, which not every machine has. The
# arguments are the root, the number of mounts, folder and place of each, and the command.
isolation = """
mount --bind "$0" "$0"
mount -o remount,bind,ro "$0"
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
number=$1; shift
while [ "$number" -gt 0 ]; do
    mount --bind "$1" "$0$2"
    shift 2
    number=$((number - 1))
done
exec chroot "$0" "$@"
"""


def can_build() -> bool:
    """Whether this user and machine can build images."""
    return os.geteuid() == 0 and all(map(shutil.which, programs))


class Image:
    """The project's image, with everything that makes it below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = os.environ | {
            "STORAGE_DRIVER": "overlay",
            "BUILDAH_ISOLATION": "chroot",
        }
        self._storage = (f"--root={folder}/storage", f"--runroot={folder}/run")

    def build(self) -> None:
        """Build the base, then the project's Dockerfile on it, without a network."""
        self._make_base()
        wheels, pip = self._download(), self.folder / "pip.conf"
        pip.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
        self._buildah(
            *("build", "--format=docker", "--tag=localhost/rnn", f"--build-arg=BASE={base}"),
            *(f"--volume={wheels}:/wheels:ro", f"--volume={pip}:/etc/pip.conf:ro"),
            str(project),
        )
        container = self._buildah("from", "localhost/rnn")
        self.root = Path(self._buildah("mount", container))
        self.config: dict[str, Any] = json.loads(
            self._buildah("inspect", "--type=image", "localhost/rnn")
        )["Docker"]["config"]

    def run(
        self, *command: str, mounts: Mapping[str, Path], **place: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as the image's user, on a read-only root with folders mounted in it."""
        return subprocess.run(
            self.command(*command, mounts=mounts, **place),
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )

    def command(
        self,
        *command: str,
        mounts: Mapping[str, Path],
        environment: Mapping[str, str] = MappingProxyType({}),
        network: Sequence[str] = (),
    ) -> list[str]:
        """What runs a command so; `network` is a command that enters a network's namespace."""
        bound = [str(part) for place, folder in mounts.items() for part in (folder, place)]
        user, _, group = self.config["User"].partition(":")
        rights = ["--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
        rights += ["--pdeathsig=KILL"]  # of --kill-child below, which a change of user clears
        inside = [
            *("setpriv", f"--reuid={user}", f"--regid={group}", *rights),
            *("env", "--ignore-environment", f"--chdir={self.config['WorkingDir']}"),
            *self.config["Env"],
            *(f"{name}={value}" for name, value in environment.items()),
            *command,
        ]
        outside = ["unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "sh", "-ec"]
        return [*network, *outside, isolation, str(self.root), str(len(mounts)), *bound, *inside]

    def own(self, folder: Path) -> Path:
        """A folder, made the image's user's, as a named volume is."""
        os.chown(folder, *map(int, self.config["User"].split(":")))
        return folder

    def remove(self) -> None:
        """Unmount and remove everything."""
        self._buildah("rm", "--all")
        self._buildah("rmi", "--all", "--force")
        shutil.rmtree(self.folder)

    def _make_base(self) -> None:
        """An image with Debian's Python: it stands in for the one in the registry."""
        root = self.folder / "debian"
        packages = "--include=python3,python3-venv"
        subprocess.run(
            ["debootstrap", "--variant=minbase", packages, suite, str(root)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        container = self._buildah("from", "scratch")
        self._buildah("copy", "--quiet", container, str(root), "/")
        self._buildah("commit", "--quiet", container, base)
        shutil.rmtree(root)

    def _download(self) -> Path:
        """A folder with the wheels that the Dockerfile installs; pip keeps most of them."""
        wheels = self.folder / "wheels"
        metadata = tomllib.loads((project / "pyproject.toml").read_text())
        extras = metadata["project"]["optional-dependencies"]
        wanted = [*metadata["project"]["dependencies"], *metadata["build-system"]["requires"]]
        wanted += [*extras["dask"], *extras["s3"]]
        wanted += ["async-timeout"]  # which redis needs on 3.11.2, not on this Python
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", f"--dest={wheels}"),
                *(f"--python-version={python}", "--only-binary=:all:"),
                *("--constraint=constraints.txt", *wanted),
            ],
            cwd=project,
            check=True,
        )
        return wheels

    def _buildah(self, *arguments: str) -> str:
        done = subprocess.run(
            ["buildah", *self._storage, *arguments],
            env=self._environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert 0 == done.returncode, done.stderr
        return done.stdout.strip()
