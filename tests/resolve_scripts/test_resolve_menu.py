"""VIA in Resolve's menu folders of the three systems: put there, found, and taken out again."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from resolve_scripts.connect import ServerChoice
from resolve_scripts.errors import OutputError
from resolve_scripts.resolve_menu.doctor import examine_resolve
from resolve_scripts.resolve_menu.entries import (
    EDIT,
    REPEAT,
    REPEAT_WITHOUT_PYTHON,
    WITHOUT_PYTHON,
    Installed,
    menu_entries,
    this_installation,
)
from resolve_scripts.resolve_menu.folders import Machine, script_folders
from resolve_scripts.resolve_menu.install import found_entries, install, uninstall
from tests.conftest import require_program
from tests.resolve_scripts.conftest import Via

NAMES = {f"{EDIT}.py", f"{REPEAT}.py", f"{WITHOUT_PYTHON}.lua", f"{REPEAT_WITHOUT_PYTHON}.lua"}
MAC = "Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion/Scripts/Utility"
APP_STORE = "Library/Containers/com.blackmagic-design.DaVinciResolveLite/Data"
SUPPORT = "Library/Application Support"


def machine(platform: str, folder: Path, **environment: str) -> Machine:
    return Machine(
        platform=platform, home=folder / "home", environment=environment, root=folder / "root"
    )


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return this_installation(tmp_path / "state", {})


def entries_below(folder: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in folder.rglob("VIA*"):
        found.setdefault(path.parent.relative_to(folder).as_posix(), set()).add(path.name)
    return found


def test_the_folders_are_those_of_the_three_systems(tmp_path: Path) -> None:
    windows = {"APPDATA": "C:/Users/me/AppData/Roaming", "PROGRAMDATA": "C:/ProgramData"}
    mac, linux = machine("darwin", tmp_path), machine("linux", tmp_path)
    found = {
        one.platform: [folder.path.as_posix() for folder in script_folders(one)]
        for one in (mac, machine("win32", tmp_path, **windows), linux)
    }
    home, root = tmp_path / "home", tmp_path / "root"
    assert found["darwin"] == [str(home / MAC), str(root / MAC)]
    assert found["win32"] == [
        "C:/Users/me/AppData/Roaming/Blackmagic Design/DaVinci Resolve/Support/Fusion/Scripts/"
        "Utility",
        "C:/ProgramData/Blackmagic Design/DaVinci Resolve/Fusion/Scripts/Utility",
    ]
    assert found["linux"] == [
        str(home / ".local/share/DaVinciResolve/Fusion/Scripts/Utility"),
        str(root / "opt/resolve/Fusion/Scripts/Utility"),
    ]


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("darwin", f"home/{MAC}"),
        ("linux", "home/.local/share/DaVinciResolve/Fusion/Scripts/Utility"),
        (
            "win32",
            "home/AppData/Roaming/Blackmagic Design/DaVinci Resolve/Support/Fusion/Scripts/Utility",
        ),
    ],
)
def test_install_and_uninstall_leave_no_trace(
    platform: str, folder: str, installed: Installed, tmp_path: Path
) -> None:
    one = machine(platform, tmp_path, PROGRAMDATA=str(tmp_path / "programdata"))
    installed = replace(installed, platform=platform)
    changed = install(one, installed)
    assert entries_below(tmp_path) == {folder: NAMES}
    assert {entry.state.value for entry in found_entries(one, installed)} == {"current"}
    assert install(one, installed).written == changed.written
    assert stat.S_IMODE(installed.mailbox_folder.stat().st_mode) == 0o700
    assert set(uninstall(one).removed) == set(changed.written)
    assert entries_below(tmp_path) == {}


def test_the_app_store_build_gets_both_of_its_trees(installed: Installed, tmp_path: Path) -> None:
    one = machine("darwin", tmp_path)
    (one.home / APP_STORE).mkdir(parents=True)
    install(one, installed)
    tree = f"home/{APP_STORE}/{SUPPORT}"
    assert entries_below(tmp_path) == {
        f"home/{MAC}": NAMES,
        f"{tree}/Blackmagic Design/DaVinci Resolve/Fusion/Scripts/Utility": NAMES,
        f"{tree}/Fusion/Scripts/Utility": NAMES,
    }
    uninstall(one)
    assert entries_below(tmp_path) == {}


def test_a_move_to_all_users_leaves_no_copy_behind(installed: Installed, tmp_path: Path) -> None:
    one = machine("linux", tmp_path)
    install(one, installed)
    changed = install(one, installed, for_all_users=True)
    assert entries_below(tmp_path) == {"root/opt/resolve/Fusion/Scripts/Utility": NAMES}
    assert len(changed.removed) == len(NAMES)


def test_scripts_of_others_are_never_touched(installed: Installed, tmp_path: Path) -> None:
    one = machine("linux", tmp_path)
    folder = script_folders(one)[0].path
    folder.mkdir(parents=True)
    theirs = [folder / "VIA colour tools.py", folder / "VIA.py"]
    for path in theirs:
        path.write_text("print('theirs')", encoding="utf-8")
    with pytest.raises(OutputError):
        install(one, installed)
    assert found_entries(one, installed) == []
    uninstall(one)
    assert all(path.exists() for path in theirs)


def test_an_entry_of_another_installation_is_seen(installed: Installed, tmp_path: Path) -> None:
    one = machine("linux", tmp_path)
    install(one, replace(installed, python=Path("/old/python")))
    assert {entry.state.value for entry in found_entries(one, installed)} == {"outdated"}
    choice = ServerChoice(address=None, state_folder=tmp_path / "none")
    problems = [one for one in examine_resolve(one, installed, choice) if one.is_problem]
    assert [problem.remedy for problem in problems] == ["run: via resolve install"]


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_entries_are_whole_programs_even_with_odd_paths(platform: str, tmp_path: Path) -> None:
    odd = tmp_path / 'Schnitt "A" мир'
    installed = Installed(
        python=odd / "python",
        package_folder=Path(str(sys.modules["resolve_scripts"].__file__)).parent,
        state_folder=odd,
        platform=platform,
        environment={"VIA_SERVER": "gpu:1"},
    )
    lua = require_program("lua5.1")
    for name, text in menu_entries(installed).items():
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        if name.endswith(".py"):
            values: dict[str, object] = {}
            exec(compile(text, name, "exec"), values)
            assert values["LOG_PATH"] == str(odd / "panel.log")
            assert values["ENVIRONMENT"] == {"VIA_SERVER": "gpu:1"}
            assert isinstance(values["COMMAND"], list)
            assert values["COMMAND"][0] == str(odd / "python")
            assert ("--repeat" in values["COMMAND"]) == ("repeat" in name)
        else:
            printing = text.replace("\nmain()", "\nprint(MAILBOX_FOLDER) print(COMMAND)")
            path.write_text(printing, encoding="utf-8")
            told = subprocess.run([lua, str(path)], capture_output=True, check=True)
            folder, command = told.stdout.decode().splitlines()
            assert folder == (odd / "mailbox").as_posix()
            assert "VIA_SERVER=gpu:1" in command
            assert ("--repeat" in command) == ("repeat" in name)


SEEN = {"python": "3.11.9", "via": "in Resolve", "unix_time_s": 1_795_000_000}


@pytest.mark.parametrize(
    ("product", "version", "told"),
    [
        ("DaVinci Resolve Studio", "21.0.4.5", ""),
        ("DaVinci Resolve", "21.1.0.2", WITHOUT_PYTHON),
        ("DaVinci Resolve Studio", "19.1.3.7", "in and out marks"),
        ("DaVinci Resolve", "18.1.4.1", "update Resolve to 18.5"),
    ],
)
def test_the_doctor_knows_editions_and_versions(
    product: str, version: str, told: str, installed: Installed, tmp_path: Path
) -> None:
    installed.state_folder.mkdir()
    seen = {**SEEN, "product": product, "version": version}
    installed.seen_path.write_text(json.dumps(seen), encoding="utf-8")
    one = machine("linux", tmp_path)
    install(one, installed)
    choice = ServerChoice(address=None, state_folder=tmp_path / "none")
    findings = {found.name: found for found in examine_resolve(one, installed, choice)}
    remedies = findings["edition"].remedy + findings["version"].remedy
    assert told in remedies
    assert bool(told) == bool(remedies)
    assert product in findings["edition"].found
    assert "3.11.9" in findings["python"].found


def test_the_doctor_says_the_next_step_for_a_bare_machine(
    installed: Installed, tmp_path: Path
) -> None:
    choice = ServerChoice(address="127.0.0.1:1", state_folder=tmp_path / "none")
    findings = examine_resolve(machine("darwin", tmp_path), installed, choice)
    by_name = {found.name: found for found in findings}
    assert "via resolve install" in by_name["menu entries"].remedy
    assert "python.org" in by_name["python"].remedy
    assert by_name["server"].is_problem
    assert all(found.remedy for found in findings if found.is_problem)


def test_a_wrong_token_is_told(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("the right word of all", encoding="utf-8")
    command = [sys.executable, "-m", "tests.server.fake_engine_server"]
    command += ["--token-file", str(tmp_path / "token"), "--state-folder", str(tmp_path / "server")]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        try:
            told = {}
            for word, token in (("wrong", "some other word"), ("right", "the right word of all")):
                choice = ServerChoice(address=address, state_folder=tmp_path / "none", token=token)
                findings = examine_resolve(machine("linux", tmp_path), installed, choice)
                told[word] = {found.name: found for found in findings}
        finally:
            process.terminate()
    assert told["right"]["token"].found == "accepted"
    assert told["wrong"]["server"].is_problem
    assert "token" in told["wrong"]["server"].remedy.lower()


def test_the_commands_work_from_a_terminal(
    via: Via, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VIA_STATE_FOLDER", str(tmp_path / "state"))
    assert via("resolve", "status").exit_code == 1
    done = via("resolve", "install", "--json")
    assert done.exit_code == 0
    assert {Path(path).name for path in json.loads(done.stdout)["written"]} == NAMES
    told = via("resolve", "status", "--json")
    assert told.exit_code == 0
    assert {entry["state"] for entry in json.loads(told.stdout)} == {"current"}
    assert via("resolve", "doctor").exit_code == 0
    assert via("resolve", "uninstall").exit_code == 0
    assert entries_below(tmp_path) == {}
    outside = via("resolve", "open")
    assert outside.exit_code == 1
    assert "External scripting" in outside.stderr
