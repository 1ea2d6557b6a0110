"""Load profiles on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from sretool.adapters.files import profiles
from sretool.core.plans.load.profile import OwnShape
from sretool.errors import ProfileError, UsageError

TEXT = "name: {name}\ntitle: T\nlocustfile: users.py\nclosed: {{stages: [{{users: 1, for: 5s}}]}}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder below the project's; there is one profile of its own, and one named as a bundled one."""
    folder = tmp_path / "loadprofiles"
    folder.mkdir()
    (folder / "users.py").write_text("pass\n")
    for name in ("night", "smoke"):
        (folder / f"{name}.yaml").write_text(TEXT.format(name=name))
    below = tmp_path / "a/b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    return below


def test_own_profiles_come_before_those_of_sretool(project: Path) -> None:
    names = profiles.names(project)
    assert names["night"].parent == names["smoke"].parent == project.parents[1] / "loadprofiles"
    assert names["mixed"].parent != names["night"].parent
    found, problems = profiles.every(project)
    assert not problems
    assert [each.profile.name for each in found] == sorted(names)


def test_by_name_by_file_and_a_bare_locustfile(project: Path) -> None:
    by_name = profiles.load("night", project)
    by_file = profiles.load("../../loadprofiles/night.yaml", project)
    assert by_name.fingerprint == by_file.fingerprint
    assert by_name.folder == project.parents[1] / "loadprofiles"
    bare = profiles.load("../../loadprofiles/users.py", project)
    assert bare.profile.name == "users"
    assert bare.profile.model == OwnShape()
    assert bare.files == (("users.py", b"pass\n"),)


def test_the_fingerprint_is_that_of_all_its_files(project: Path) -> None:
    before = profiles.load("night", project).fingerprint
    (project.parents[1] / "loadprofiles/users.py").write_text("pass \n")
    assert profiles.load("night", project).fingerprint != before


def test_files_that_are_not_there(project: Path) -> None:
    folder = project.parents[1] / "loadprofiles"
    (folder / "users.py").unlink()
    (folder / "night.yaml").write_text(TEXT.format(name="night") + "data: {words: words.csv}\n")
    with pytest.raises(ProfileError) as caught:
        profiles.load("night", project)
    shown = str(folder / "night.yaml")
    assert [str(each) for each in caught.value.problems] == [
        f"{shown}:3: locustfile: there is no file users.py",
        f"{shown}:5: data: there is no file words.csv",
    ]
    found, problems = profiles.every(project)
    assert "night" not in {each.profile.name for each in found}
    assert len(problems) == 3


def test_another_mapping(project: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "mine.yaml"
    mapping.write_text("requests: {words: GET /v2/words}\n")
    stored = profiles.load("night", project, mapping=mapping)
    assert stored.profile.requests["words"].path == "/v2/words"
    assert stored.fingerprint != profiles.load("night", project).fingerprint
    with pytest.raises(ProfileError, match="there is no file /nowhere"):
        profiles.load("night", project, mapping=Path("/nowhere.yaml"))


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ("nihgt", "there is no load profile 'nihgt'; did you mean 'night'?"),
        ("nowhere.yaml", "cannot read nowhere.yaml: No such file"),
        ("nowhere.py", "cannot read nowhere.py: No such file"),
    ],
)
def test_profiles_that_are_not_there(project: Path, wanted: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        profiles.load(wanted, project)


def test_a_file_that_is_no_text(project: Path) -> None:
    (project / "x.yaml").write_bytes(b"name: a\ntitle: \xff\n")
    with pytest.raises(ProfileError, match="is not UTF-8 text"):
        profiles.load("x.yaml", project)
