"""Which cluster an experiment would act on, as `kubectl` would find it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from sretool.adapters.files.kubeconfig import Cluster, chosen

if TYPE_CHECKING:
    from pathlib import Path


def kubeconfig(file: Path, current: str, **servers: str) -> Path:
    """A context and a cluster of each name."""
    file.write_text(
        yaml.safe_dump(
            {
                "clusters": [
                    {"name": f"c-{name}", "cluster": {"server": url}} for name, url in servers.items()
                ],
                "contexts": [{"name": name, "context": {"cluster": f"c-{name}"}} for name in servers],
                "current-context": current,
            }
        )
    )
    return file


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return kubeconfig(tmp_path / "config", "eu", eu="https://prod-eu:6443", test="https://test:6443")


def test_the_current_context_with_its_server(config: Path) -> None:
    assert chosen({"KUBECONFIG": str(config)}) == Cluster("eu", "https://prod-eu:6443")


def test_the_context_of_the_environment_comes_first(config: Path) -> None:
    environment = {"KUBECONFIG": str(config), "KUBERNETES_CONTEXT": "test"}
    assert chosen(environment) == Cluster("test", "https://test:6443")


def test_of_several_files_the_first_that_says_something_counts(config: Path, tmp_path: Path) -> None:
    other = kubeconfig(tmp_path / "other", "", us="https://us:6443")
    assert chosen({"KUBECONFIG": f"{other}:{config}"}) == Cluster("eu", "https://prod-eu:6443")
    environment = {"KUBECONFIG": f"{config}:{other}", "KUBERNETES_CONTEXT": "us"}
    assert chosen(environment) == Cluster("us", "https://us:6443")


def test_the_file_of_the_user_where_none_is_named(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube" / "config", "home", home="https://home")
    assert chosen({"HOME": str(tmp_path)}) == Cluster("home", "https://home")


def test_a_context_that_stands_nowhere_is_still_named(config: Path) -> None:
    environment = {"KUBECONFIG": str(config), "KUBERNETES_CONTEXT": "production"}
    assert chosen(environment) == Cluster("production", "")


@pytest.mark.parametrize("text", ["", "[", "a: [", "- 1", "contexts: 3\ncurrent-context: ''"])
def test_no_kubeconfig_no_cluster(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    assert chosen({"KUBECONFIG": str(tmp_path / "config")}) is None
    assert chosen({"KUBECONFIG": str(tmp_path / "missing")}) is None
