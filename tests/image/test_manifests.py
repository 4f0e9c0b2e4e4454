"""What describes the containers, by the tools that read it, and held against the settings."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import service
from service.config import SETTINGS
from tests.image.compose import configuration
from tests.support.processes import ROOT

KUBERNETES = ROOT / "deploy/kubernetes.yaml"
OURS = ("migrate", "service", "events")
# libpq's.
OTHERS = {"PGCONNECT_TIMEOUT"}


def reads(program: str, *arguments: str | Path) -> None:
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_containerfile_has_no_findings() -> None:
    reads("hadolint", "Containerfile")


def test_the_kubernetes_manifest_is_valid() -> None:
    reads("kubernetes-validate", "--strict", KUBERNETES)


def is_known(name: str) -> bool:
    setting = SETTINGS.get(name.removesuffix("_FILE"))
    return name in SETTINGS or name in OTHERS or bool(setting and setting.file)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """compose.yaml, as docker-compose has read it."""
    return configuration()["services"]


@pytest.mark.parametrize("name", OURS)
def test_compose_names_settings_that_there_are(services: dict[str, Any], name: str) -> None:
    assert [known for known in services[name]["environment"] if not is_known(known)] == []


@pytest.mark.parametrize("name", OURS)
def test_compose_hands_out_each_file_that_it_names(services: dict[str, Any], name: str) -> None:
    given = {f"/run/secrets/{secret['source']}" for secret in services[name]["secrets"]}
    environment = services[name]["environment"].items()
    assert {value for setting, value in environment if setting.endswith("_FILE")} == given


@pytest.mark.parametrize("name", [*OURS, "nginx"])
def test_compose_gives_no_rights(services: dict[str, Any], name: str) -> None:
    assert services[name]["read_only"] is True
    assert services[name]["cap_drop"] == ["ALL"]
    assert services[name]["security_opt"] == ["no-new-privileges:true"]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in yaml.safe_load_all(KUBERNETES.read_text()):
        spec = resource.get("spec", {})
        template = spec.get("jobTemplate", {"spec": spec})["spec"].get("template")
        if template is not None:
            yield f"{resource['kind']} {resource['metadata']['name']}", template["spec"]


PODS = dict(pods())


def test_kubernetes_has_one_of_each() -> None:
    name = f"Job social-migrate-{service.__version__.replace('.', '-')}"
    workers = ["Deployment social", "Deployment social-events", "CronJob social-events-prune"]
    assert list(PODS) == [name, *workers]


@pytest.mark.parametrize("pod", PODS.values(), ids=list(PODS))
def test_kubernetes_gives_no_rights(pod: dict[str, Any]) -> None:
    assert pod["automountServiceAccountToken"] is False
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (
        True,
        10001,
    )
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("pod", PODS.values(), ids=list(PODS))
def test_kubernetes_runs_this_release(pod: dict[str, Any]) -> None:
    assert pod["containers"][0]["image"].endswith(f":{service.__version__}")


def test_kubernetes_names_settings_that_there_are() -> None:
    settings, *_ = yaml.safe_load_all(KUBERNETES.read_text())
    pods = [
        variable["name"]
        for pod in PODS.values()
        for variable in pod["containers"][0].get("env", [])
    ]
    assert [name for name in [*settings["data"], *pods] if not is_known(name)] == []
