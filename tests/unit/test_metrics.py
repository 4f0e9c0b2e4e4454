"""Whose files a process counts in, and what becomes of its numbers where there is no room."""

import json
import logging
import shutil
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.mmap_dict import MmapedDict

from service.telemetry import metrics
from service.web import edge, errors
from tests.support.databases import ON_ONE

pytestmark = ON_ONE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A process that counts in this folder once it has joined a slot."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr(metrics._Slot, "name", None)
    yield tmp_path
    metrics._Value.close_all_files()


def new_number(kind: str = "counter", name: str = "x", **labels: str) -> Any:
    mode = "livesum" if kind == "gauge" else ""
    names, texts = list(labels), list(labels.values())
    return metrics._Value(kind, name, name, names, texts, "", multiprocess_mode=mode)


def kept(file: Path) -> dict[str, float]:
    """The numbers in a file by their names."""
    values = MmapedDict.read_all_values_from_file(file)
    return {json.loads(key)[1]: value for key, value, *_ in values}


def test_a_process_without_a_slot_counts_nothing(folder: Path) -> None:
    new_number().inc(1)
    assert list(folder.iterdir()) == []


def test_a_process_counts_in_the_files_of_its_slot(folder: Path) -> None:
    metrics.join("8-1")
    new_number().inc(2)
    new_number("gauge", "g").set(5)
    assert kept(folder / "counter_8-1.db") == {"x": 2}
    assert kept(folder / "gauge_livesum_8-1.db") == {"g": 5}


def test_a_successor_goes_on_where_its_predecessor_ended(folder: Path) -> None:
    metrics.join("8-1")
    new_number().inc(2)
    metrics._Value.close_all_files()
    metrics.join("8-1")
    new_number().inc(1)
    assert kept(folder / "counter_8-1.db") == {"x": 3}


def test_what_a_process_had_open_ends_with_it_and_its_counts_stay(folder: Path) -> None:
    metrics.join("8-1")
    new_number().inc(2)
    new_number("gauge", "g").set(5)
    metrics.ended("8-1")
    assert sorted(file.name for file in folder.iterdir()) == ["counter_8-1.db", "histogram_8-1.db"]


def test_the_disk_has_room_for_all_before_anything_is_counted(folder: Path) -> None:
    metrics.join("8-1")
    for file in folder.iterdir():
        assert file.stat().st_blocks * 512 >= metrics.FILE_BYTES


def test_all_labels_fit_into_the_room_that_was_taken(folder: Path, app: Flask) -> None:
    """A file that grows has no room on the disk yet."""
    metrics.join("8-1")
    operations = {edge.operation_of(endpoint) for endpoint in [*app.view_functions, None]}
    for operation in operations:
        for status in HTTPStatus:
            new_number(name="social_requests_total", operation=operation, status=str(status)).inc(1)
            new_number(name="social_refusals_total", code=status.phrase + errors.MEDIA_TYPE).inc(1)
        for bucket in range(20):
            le = f"0.{bucket:03}"
            new_number("histogram", "social_seconds_bucket", operation=operation, le=le).inc(1)
    assert {file.stat().st_size for file in folder.iterdir()} == {metrics.FILE_BYTES}


def test_without_a_folder_nothing_is_counted_and_that_is_said(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.rmdir()
    metrics.join("8-1")
    new_number().inc(1)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "No such file or directory" in record.__dict__["reason"]


def test_files_that_are_gone_end_the_counting_and_that_is_said_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics.join("8-1")
    shutil.rmtree(folder)
    new_number().inc(1)
    new_number().set(1)
    assert len(caplog.records) == 1


def test_a_file_that_cannot_be_removed_stops_nobody(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "gauge_livesum_8-1.db").mkdir()
    metrics.ended("8-1")
    assert len(caplog.records) == 1


def test_a_workers_metrics_are_those_of_the_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics.join("8-1")
    new_number(name="x_total").inc(2)
    monkeypatch.setattr(metrics.values, "ValueClass", metrics._Value)  # as under gunicorn
    assert b"x_total 2.0" in metrics.render()


def test_metrics_that_cannot_be_read_are_503(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "render", lambda: Path("/nowhere").read_bytes())
    assert client.get("/metrics").status_code == 503
