"""compose.yaml, as docker-compose reads it and as podman is told to run it."""

import subprocess
from typing import Any

import yaml

from tests.image.podman import READ_ONLY
from tests.support.processes import ROOT


def configuration() -> dict[str, Any]:
    """The file with all that it leaves to defaults and variables filled in."""
    command = ["docker-compose", "--file", "compose.yaml", "--profile", "webhooks", "config"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = yaml.safe_load(done.stdout)
    return read


def options(service: dict[str, Any], secrets: dict[str, str]) -> list[str]:
    """A service's part of the file as podman's options.

    Args:
        secrets: the files that hold the secrets, by their names.
    """
    found = [f"--env={name}={value}" for name, value in service.get("environment", {}).items()]
    found += [f"--cap-drop={name}" for name in service.get("cap_drop", [])]
    found += [f"--cap-add={name}" for name in service.get("cap_add", [])]
    found += [
        f"--security-opt={option.split(':')[0]}" for option in service.get("security_opt", [])
    ]
    found += [f"--tmpfs={place}" for place in service.get("tmpfs", [])]
    found += [f"--volume={volume}" for volume in service.get("volumes", [])]
    for secret in service.get("secrets", []):
        name = secret["source"]
        found.append(f"--volume={secrets[name]}:/run/secrets/{name}:ro")
    return found + (READ_ONLY if service.get("read_only") else [])
