"""Fetching one pinned version of a package from npm, PyPI or Debian, and reading the files in it.

Notable:
- the registries are those that npm, pip and apt are set up for on this machine, else the public ones;
- nothing of a package is ever run: archives are fetched and read, not installed;
- a download is written to a temporary file and renamed, so a broken one leaves nothing.
"""

import http.client
import io
import json
import re
import shutil
import subprocess
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from debian import copyright as debian_copyright
from debian import deb822

# The snapshot whose versions the wide manifest pins.
DEBIAN_SNAPSHOT = "https://snapshot.debian.org/archive/debian/20250520T000000Z"

# A corpus takes hundreds of downloads, and a network falters for seconds.
RETRY_AFTER_S = (1, 5, 15)

PERMISSIVE = {
    "MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "0BSD", "MIT-0", "Zlib", "Unlicense", "BSL-1.0",
    "PSF-2.0", "NCSA", "PostgreSQL", "curl", "HPND", "BlueOak-1.0.0", "CC0-1.0", "Python-2.0",
}  # fmt: skip

# Debian's copyright files are older than SPDX; the same licences under the names found there.
_DEBIAN_NAMES = {
    "expat": "MIT", "mit": "MIT", "mit/x11": "MIT", "mit/x": "MIT", "x11": "MIT", "apache-2": "Apache-2.0",
    "apache-2.0": "Apache-2.0", "apache2": "Apache-2.0", "asl-2.0": "Apache-2.0", "bsd": "BSD-3-Clause",
    "bsd-2": "BSD-2-Clause", "bsd-2-clause": "BSD-2-Clause", "bsd-3": "BSD-3-Clause", "bsd-3-clause": "BSD-3-Clause",
    "bsd-2-clauses": "BSD-2-Clause", "bsd-3-clauses": "BSD-3-Clause",
    "isc": "ISC", "zlib": "Zlib", "unlicense": "Unlicense", "boost-1.0": "BSL-1.0", "bsl-1.0": "BSL-1.0",
    "cc0-1.0": "CC0-1.0", "cc0": "CC0-1.0", "ncsa": "NCSA", "postgresql": "PostgreSQL", "curl": "curl",
    "psf-2": "PSF-2.0", "0bsd": "0BSD",
}  # fmt: skip


class PackageError(Exception):
    """A package that cannot be fetched or does not match the manifest; the message says what to do."""


@dataclass(frozen=True)
class Package:
    """One row of a manifest. `held_out` packages are only ever evaluated on."""

    name: str
    version: str
    licence: str
    registry: str = "npm"
    held_out: bool = False

    @property
    def file_stem(self) -> str:
        return f"{self.registry}-{self.name.strip('@').replace('/', '-')}-{self.version}".replace(":", "_")


@cache
def npm_registry() -> str:
    return _setting(["npm", "config", "get", "registry"]) or "https://registry.npmjs.org"


@cache
def pypi_index() -> str:
    return _setting(["pip", "config", "get", "global.index-url"]) or "https://pypi.org/simple"


@cache
def debian_mirror() -> str:
    """The archive apt uses for the release that the manifest pins, else the snapshot itself."""
    sites = _setting(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages"])
    for line in (sites or "").splitlines():
        site, _, release = line.partition(" ")
        if release in ("bookworm", "stable", "oldstable") and "security" not in site:
            return site.rstrip("/")
    return DEBIAN_SNAPSHOT


def _setting(command: list[str]) -> str | None:
    if shutil.which(command[0]) is None:
        return None
    answer = subprocess.run(command, capture_output=True, text=True)
    return answer.stdout.strip().rstrip("/") or None if answer.returncode == 0 else None


def _get(url: str, what: str) -> bytes:
    """The answer of a registry; a request that fails is repeated after a moment."""
    fault = ""
    for wait in (0, *RETRY_AFTER_S):
        time.sleep(wait)
        try:
            with urllib.request.urlopen(url, timeout=300) as response:
                return response.read()
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                raise PackageError(
                    f"{what}: no longer published; take it out of the manifest or pin another version"
                ) from None
            fault = f"the registry answered {error.code}"
        except (OSError, http.client.HTTPException) as error:
            fault = f"the registry cannot be reached ({error})"
    raise PackageError(f"{what}: {fault}; run this again later")


def archive_url(package: Package) -> str:
    what = f"{package.registry} {package.name} {package.version}"
    if package.registry == "npm":
        base = package.name.rpartition("/")[2]
        return f"{npm_registry()}/{urllib.parse.quote(package.name, safe='@/')}/-/{base}-{package.version}.tgz"
    if package.registry == "pypi":
        index = f"{pypi_index()}/{re.sub(r'[-_.]+', '-', package.name).lower()}/"
        page = _get(index, what).decode()
        for href in re.findall(r'href="([^"]+)"', page):
            name = href.partition("#")[0].rpartition("/")[2]
            stem = "[-_.]+".join(map(re.escape, re.split(r"[-_.]+", package.name)))
            if re.fullmatch(rf"{stem}-{re.escape(package.version)}\.(tar\.gz|zip|tgz)", name, re.IGNORECASE):
                return urllib.parse.urljoin(index, href.partition("#")[0])
        raise PackageError(f"{what}: has no source archive on the index; pin a version that has one")
    if package.registry == "debian":
        for entry in debian_sources().get(package.name, []):
            if entry["version"] == package.version:
                return f"{debian_mirror()}/{entry['path']}"
        raise PackageError(f"{what}: not in the release's source index; pin the version that is")
    raise PackageError(f"{what}: unknown registry; use npm, pypi or debian")


@cache
def debian_sources() -> dict[str, list[dict]]:
    """Source package -> [{version, path of the upstream archive, path of Debian's own part}]; takes half a minute."""
    import lzma

    index = _get(f"{debian_mirror()}/dists/bookworm/main/source/Sources.xz", "the index of Debian's sources")
    found: dict[str, list[dict]] = {}
    for source in deb822.Sources.iter_paragraphs(io.BytesIO(lzma.decompress(index)), use_apt_pkg=False):
        names = [row["name"] for row in source["Files"]]
        upstream = [n for n in names if re.search(r"\.orig\.tar\.(gz|xz|bz2)$", n)]
        own = [n for n in names if re.search(r"\.debian\.tar\.(gz|xz|bz2)$", n)]
        if upstream and own:
            folder = source["Directory"]
            found.setdefault(source["Package"], []).append(
                {"version": source["Version"], "path": f"{folder}/{upstream[0]}", "debian": f"{folder}/{own[0]}"}
            )
    return found


def fetch(package: Package, folder: Path) -> Path:
    """Download the archive of exactly this version, once; return its path. Errors: `PackageError`."""
    kept = folder / package.file_stem
    if not kept.exists():
        _download(archive_url(package), kept, f"{package.registry} {package.name} {package.version}")
    return kept


def _download(url: str, kept: Path, what: str) -> None:
    """Under a temporary name until it is complete and an archive."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_name(kept.name + ".part")
    part.write_bytes(_get(url, what))
    if not (zipfile.is_zipfile(part) or tarfile.is_tarfile(part)):
        part.unlink()
        raise PackageError(f"{what}: the registry's answer is not an archive; run this again later")
    part.rename(kept)


def files(archive: Path) -> Iterator[tuple[str, bytes]]:
    """(path below the archive's one top folder, content) of every regular file up to 2 MB."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if not info.is_dir() and info.file_size < 2_000_000:
                    yield info.filename.partition("/")[2], opened.read(info)
        return
    with tarfile.open(archive) as opened:
        for member in opened:
            if member.isfile() and member.size < 2_000_000:
                yield member.name.removeprefix("./").partition("/")[2], opened.extractfile(member).read()


def check_licence(package: Package, declared: dict[str, bytes], archive: Path) -> None:
    """Compare the licence that the package itself declares with the manifest's. `declared`: its metadata files."""
    found: str | None = None
    if package.registry == "npm" and "package.json" in declared:
        found = json.loads(declared["package.json"]).get("license")
    elif package.registry == "pypi" and "PKG-INFO" in declared:
        text = declared["PKG-INFO"].decode(errors="replace")
        found = spdx_of_pypi(text)
    elif package.registry == "debian":
        return  # file by file, by `debian_licences`
    if found != package.licence:
        raise PackageError(
            f"{archive}: declares the licence {found}; the manifest says {package.licence}. Correct the manifest"
        )


def spdx_of_pypi(info: str) -> str | None:
    """The SPDX name of a licence from a PKG-INFO: the expression, the field, or the classifier."""
    expression = re.search(r"^License-Expression: (.+)$", info, re.MULTILINE)
    if expression:
        return expression.group(1).strip()
    classifiers = re.findall(r"^Classifier: License :: OSI Approved :: (.+)$", info, re.MULTILINE)
    if len(classifiers) == 1:
        by_classifier = {
            "MIT License": "MIT", "Apache Software License": "Apache-2.0", "BSD License": "BSD-3-Clause",
            "ISC License (ISCL)": "ISC", "Python Software Foundation License": "PSF-2.0", "zlib/libpng License": "Zlib",
        }  # fmt: skip
        return by_classifier.get(classifiers[0].strip())
    field = re.search(r"^License: (.+)$", info, re.MULTILINE)
    if field and not classifiers:
        name = field.group(1).strip()
        by_name = {"MIT License": "MIT", "BSD": "BSD-3-Clause", "BSD 3-Clause": "BSD-3-Clause",
                   "Apache License 2.0": "Apache-2.0", "Apache License, Version 2.0": "Apache-2.0",
                   "Apache 2.0": "Apache-2.0"}  # fmt: skip
        return by_name.get(name, name if name in PERMISSIVE else None)
    return None


class DebianLicences:
    """Which files of a Debian source package are under a permissive licence, by its machine-readable copyright file."""

    def __init__(self, text: str):
        self.copyright = debian_copyright.Copyright(text.splitlines(), strict=False)

    def of(self, path: str) -> str | None:
        """The SPDX name of the file's licence, None if it is unknown or not permissive."""
        paragraph = self.copyright.find_files_paragraph(path)
        if paragraph is None or paragraph.license is None:
            return None
        names = re.split(r"\s+or\s+|\s+and\s+|,\s*", paragraph.license.synopsis.strip(), flags=re.IGNORECASE)
        spdx = [_DEBIAN_NAMES.get(name.strip().lower()) for name in names]
        return spdx[0] if spdx and all(spdx) else None


def debian_licences(package: Package, folder: Path) -> DebianLicences:
    """Fetch Debian's part of a source package and read its copyright file."""
    what = f"debian {package.name} {package.version}"
    kept = folder / (package.file_stem + ".debian")
    if not kept.exists():
        entry = next(e for e in debian_sources()[package.name] if e["version"] == package.version)
        _download(f"{debian_mirror()}/{entry['debian']}", kept, what)
    with tarfile.open(kept) as opened:
        for member in opened:
            if member.name.removeprefix("./") == "debian/copyright" and member.isfile():
                try:
                    return DebianLicences(opened.extractfile(member).read().decode(errors="replace"))
                except (debian_copyright.NotMachineReadableError, ValueError) as error:
                    raise PackageError(
                        f"{what}: its copyright file is not machine-readable ({error}); leave it out"
                    ) from None
    raise PackageError(f"{what}: has no copyright file; leave it out of the manifest")
