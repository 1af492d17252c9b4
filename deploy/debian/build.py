"""Build the Debian package: `make deb`, or `python -m deploy.debian.build --arch arm64 --output dist`.

Debian 12 has aiohttp, cryptography, dnspython, h2 and others in versions that are too old, and no msgspec. The package
therefore brings the wheels of `requirements/run.txt`, checked against their hashes, in a virtual environment of its own
that runs on the system's Python. Compiled modules for several versions of Python lie side by side, so that one file
serves Debian 12 and 13 and the Ubuntu between them.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.generate.sbom import bill_of_wheels

ROOT = Path(__file__).parents[2]
PACKAGE = "reachability-probe"
PYTHONS = ("3.11", "3.12", "3.13")
LIBRARY = Path("usr/lib") / PACKAGE
SITE = LIBRARY / "lib" / "python3" / "site-packages"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
GLIBC = ("2_34", "2_28", "2_17", "2_5")
"""Wheels for these versions of the C library or older run on Debian 12, which has 2.36."""
LAUNCHER = f"""\
#!/bin/sh
exec /{LIBRARY}/bin/python3 -I -m probe "$@"
"""
ENVIRONMENT = """\
home = /usr/bin
include-system-site-packages = false
"""
DOCUMENTS = ("README.md", "docs/volunteers.md", "docs/install.md", "docs/threat-model.md")
UNITS = ("probe-agent.service", "probe-agent-once.service", "probe-agent-once.timer", "probe-collector.service")
EXAMPLES = ("deploy/systemd/packets.conf", "deploy/systemd/control.conf", "deploy/cron/probe")
RECORDS = {"RECORD", "WHEEL", "INSTALLER", "top_level.txt", "entry_points.txt"}
"""Files of a wheel's `dist-info` that only installers read."""
SOURCES = (".pyx", ".pxd", ".pyi", ".c", ".h", ".po")
SCRIPTS = ("postinst", "prerm", "postrm")


def main(words: Sequence[str] | None = None) -> int:
    """Build the package and print its path."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--arch", choices=sorted(MACHINES), default=_native_architecture())
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="FOLDER")
    parser.add_argument("--version", default="", help="instead of the program's own")
    parser.add_argument("--compression", type=int, choices=range(10), default=6, metavar="0-9", help="of xz")
    given = parser.parse_args(words)
    if not shutil.which("dpkg-deb"):
        print("dpkg-deb is missing: build the package on Debian or Ubuntu", file=sys.stderr)
        return 2
    os.umask(0o022)
    given.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="deb-") as folder:
        try:
            print(build(Path(folder), given.arch, given.output, given.version, given.compression))
        except subprocess.CalledProcessError as failed:
            print(f"the package was not built: {' '.join(map(str, failed.cmd[:6]))} failed", file=sys.stderr)
            return 1
    return 0


def build(work: Path, architecture: str, output: Path, version: str = "", compression: int = 6) -> Path:
    """Build the package in an empty folder, and return its path below `output`.

    Raises:
        CalledProcessError: a wheel could not be had, or a tool failed; it has said why.
    """
    epoch = source_date()
    wheels = [*gather_wheels(work / "wheels", architecture), build_wheel(work, epoch)]
    tree = work / "tree"
    version = version or wheels[-1].name.split("-")[1]
    install_program(tree, wheels, architecture)
    install_documents(tree, version, epoch)
    (tree / "usr/share/doc" / PACKAGE / "sbom.cdx.json").write_text(bill_of_wheels(wheels, version, epoch))
    write_control(tree, version, architecture)
    _set_times(tree, epoch)
    package = output / f"{PACKAGE}_{version}_{architecture}.deb"
    words = ["dpkg-deb", "--root-owner-group", "-Zxz", f"-z{compression}", "--build", str(tree), str(package)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch)})
    return package


def source_date() -> int:
    """The time that every file gets: SOURCE_DATE_EPOCH, else that of the last commit, else now."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    words = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else int(time.time())


def gather_wheels(folder: Path, architecture: str) -> list[Path]:
    """Download the pinned wheels for every version of Python, and check their hashes.

    pip applies the markers of the Python it runs on, so the requirements are given without markers: they only keep out
    what another version does not need.
    """
    folder.mkdir()
    pinned = folder / "requirements.txt"
    lines = (ROOT / "requirements/run.txt").read_text().splitlines()
    pinned.write_text("\n".join(_without_marker(line) for line in lines) + "\n")
    first, *others = PYTHONS
    subprocess.run(_download(folder, pinned, first, MACHINES[architecture]), check=True)
    # The others need only what is compiled for one version.
    compiled = {_project(wheel) for wheel in folder.glob("*/*.whl") if not wheel.name.endswith("none-any.whl")}
    compiled -= {_project(wheel) for wheel in folder.glob("*/*-abi3-*.whl")}
    blocks = re.split(r"\n(?=\S)", pinned.read_text())
    pinned.write_text("\n".join(one for one in blocks if one.partition("==")[0] in compiled) + "\n")
    for python in others:
        subprocess.run(_download(folder, pinned, python, MACHINES[architecture]), check=True)
    return sorted({path.name: path for path in folder.glob("*/*.whl")}.values())


def _project(wheel: Path) -> str:
    return wheel.name.partition("-")[0].replace("_", "-").lower()


def _without_marker(line: str) -> str:
    marked, _, _ = line.partition(" ;")
    return line if marked == line else f"{marked} \\"


def _download(folder: Path, pinned: Path, python: str, machine: str) -> list[str]:
    short = python.replace(".", "")
    # Isolated: it reads pip's settings of this machine, and nothing of the environment of a test.
    words = [sys.executable, "-I", "-m", "pip", "-qq", "--disable-pip-version-check", "download", "--no-deps"]
    words += ["--only-binary=:all:", "--require-hashes", "-r", str(pinned), "-d", str(folder / short)]
    words += ["--python-version", python, "--implementation", "cp", "--abi", f"cp{short}", "--abi", "abi3"]
    for version in GLIBC:
        words += ["--platform", f"manylinux_{version}_{machine}"]
    return [*words, "--abi", "none", "--platform", f"manylinux2014_{machine}"]


def build_wheel(work: Path, epoch: int) -> Path:
    """Build the wheel of this tree."""
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(work / "own")]
    environ = os.environ | {"SOURCE_DATE_EPOCH": str(epoch)}
    subprocess.run(words, check=True, cwd=ROOT, env=environ, capture_output=True)
    (wheel,) = (work / "own").iterdir()
    return wheel


def install_program(tree: Path, wheels: Sequence[Path], architecture: str) -> None:
    """Unpack the wheels into the virtual environment, and link the command."""
    site = tree / SITE
    site.mkdir(parents=True)
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for member in _installed(archive):
                archive.extract(member, site)
    _strip(sorted(site.rglob("*.so")), architecture)
    for version in PYTHONS:
        (site.parents[1] / f"python{version}").symlink_to("python3")
    programs = tree / LIBRARY / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to("../../../bin/python3")
    # The program looks for its own command beside its Python.
    (programs / "probe").symlink_to("../../../bin/probe")
    (tree / LIBRARY / "pyvenv.cfg").write_text(ENVIRONMENT)
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/probe").write_text(LAUNCHER)
    (tree / "usr/bin/probe").chmod(0o755)


def _installed(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """The files that an import may need, and licences: without the records of pip, sources and modules for tests."""
    for member in archive.infolist():
        name = member.filename
        top, _, rest = name.partition("/")
        if top.endswith(".data") or (top.endswith(".dist-info") and rest in RECORDS):
            continue
        if not name.endswith(("/", *SOURCES)) and "_testcapi" not in name:
            yield member


def _strip(libraries: Sequence[Path], architecture: str) -> None:
    """Remove the symbols of compiled modules, where this machine has the tool for their architecture."""
    native = architecture == _native_architecture()
    tool = shutil.which("strip" if native else f"{MACHINES[architecture]}-linux-gnu-strip")
    for library in libraries:
        library.chmod(0o644)
        if tool:
            subprocess.run([tool, "--strip-unneeded", str(library)], check=True)


def install_documents(tree: Path, version: str, epoch: int) -> None:
    """Install units, manual pages, completion and documents."""
    for name in UNITS:
        _copy(ROOT / "deploy/systemd" / name, tree / "usr/lib/systemd/system" / name)
    _copy(ROOT / "deploy/systemd/user/probe-agent.service", tree / "usr/lib/systemd/user/probe-agent.service")
    for folder in ("system-preset", "user-preset"):
        _copy(ROOT / "deploy/systemd/preset", tree / "usr/lib/systemd" / folder / f"90-{PACKAGE}.preset")
    _copy(ROOT / "deploy/completion/probe.bash", tree / "usr/share/bash-completion/completions/probe")
    _copy(ROOT / "deploy/completion/_probe", tree / "usr/share/zsh/vendor-completions/_probe")
    _copy(ROOT / "deploy/completion/probe.fish", tree / "usr/share/fish/vendor_completions.d/probe.fish")
    for page in sorted((ROOT / "deploy/man").iterdir()):
        _compress(page.read_bytes(), tree / "usr/share/man/man1" / f"{page.name}.gz")
    documents = tree / "usr/share/doc" / PACKAGE
    for name in DOCUMENTS:
        _copy(ROOT / name, documents / Path(name).name)
    for name in EXAMPLES:
        _copy(ROOT / name, documents / "examples" / Path(name).name)
    _copy(ROOT / "deploy/debian/copyright", documents / "copyright")
    _copy(ROOT / "deploy/debian/lintian-overrides", tree / "usr/share/lintian/overrides" / PACKAGE)
    dated = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(epoch))
    changes = (ROOT / "deploy/debian/changelog").read_text().format(version=version, date=dated)
    _compress(changes.encode(), documents / "changelog.gz")
    _copy(ROOT / "deploy/debian/rtupdate", tree / f"usr/share/python3/runtime.d/{PACKAGE}.rtupdate", mode=0o755)


def _copy(source: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(source.read_bytes())
    target.chmod(mode)


def _compress(content: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(content, 9, mtime=0))


def write_control(tree: Path, version: str, architecture: str) -> None:
    """Write what dpkg reads."""
    control = tree / "DEBIAN"
    control.mkdir()
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    sums = [
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(tree)}\n"
        for path in files
    ]
    (control / "md5sums").write_text("".join(sums))
    size = sum(-(-path.stat().st_size // 1024) for path in files)
    template = (ROOT / "deploy/debian/control").read_text()
    after = f"3.{int(PYTHONS[-1].partition('.')[2]) + 1}"
    text = template.format(version=version, architecture=architecture, size=size, first=PYTHONS[0], after=after)
    (control / "control").write_text(text)
    for name in SCRIPTS:
        _copy(ROOT / "deploy/debian" / name, control / name, mode=0o755)


def _set_times(tree: Path, epoch: int) -> None:
    """Give every file the time of the source and the mode of an installed file."""
    for path in (tree, *sorted(tree.rglob("*"))):
        os.utime(path, (epoch, epoch), follow_symlinks=False)
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
        elif not path.is_symlink() and not path.stat().st_mode & 0o100:
            path.chmod(0o644)


def _native_architecture() -> str:
    return {machine: name for name, machine in MACHINES.items()}.get(os.uname().machine, "amd64")


if __name__ == "__main__":
    sys.exit(main())
