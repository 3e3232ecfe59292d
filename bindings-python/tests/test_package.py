"""The installed wheel: that it is whole, is the one that was built, and stands alone."""

import importlib.metadata
import pathlib
import subprocess
import sys
import tomllib

import podrole

ROOT = pathlib.Path(__file__).parents[2]


def test_it_is_the_installed_wheel_that_is_tested() -> None:
    installed = pathlib.Path(sys.prefix).resolve()
    assert pathlib.Path(podrole.__file__).resolve().is_relative_to(installed)
    assert pathlib.Path(podrole._podrole.__file__).resolve().is_relative_to(installed)


def test_the_version_is_the_one_of_the_workspace() -> None:
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]
    assert podrole.__version__ == workspace["package"]["version"]
    assert importlib.metadata.version("podrole") == podrole.__version__


def test_it_needs_no_other_package() -> None:
    assert importlib.metadata.requires("podrole") is None
    foreign = (
        "import sys, podrole; "
        "print({n.split('.')[0] for n, m in sys.modules.items() if 'site-packages' in (getattr(m, '__file__', None) or '')})"
    )
    loaded = subprocess.run([sys.executable, "-I", "-c", foreign], check=True, capture_output=True, text=True).stdout
    assert loaded.strip() == str({"podrole"})


def test_it_runs_on_every_python_from_3_11() -> None:
    distribution = importlib.metadata.distribution("podrole")
    assert distribution.metadata["Requires-Python"] == ">=3.11"
    wheel = distribution.read_text("WHEEL") or ""
    assert "Tag: cp311-abi3-" in wheel


def test_it_is_typed() -> None:
    files = {str(file) for file in importlib.metadata.files("podrole") or []}
    assert {"podrole/py.typed", "podrole/_podrole.pyi"} <= files


def test_the_console_is_there_without_an_import_of_its_own_and_loaded_only_then() -> None:
    program = "import sys, podrole; print('podrole.console' in sys.modules, podrole.console.show.__name__)"
    shown = subprocess.run([sys.executable, "-I", "-c", program], check=True, capture_output=True, text=True).stdout
    assert shown.split() == ["False", "show"]
    assert not hasattr(podrole, "no_such_name")
