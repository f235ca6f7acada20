"""What a library of Linux, Windows or macOS needs from its system, as JSON: `describe.py FILE...`."""

import hashlib
import json
import struct
import sys

import lief

lief.logging.disable()  # it reports parts of Mach-O files that it cannot read and we do not ask for


def elf(library: lief.ELF.Binary) -> dict:
    versions = {
        need.name
        for library_needed in library.symbols_version_requirement
        for need in library_needed.get_auxiliary_symbols()
    }
    return {
        "format": "ELF",
        "arch": library.header.machine_type.name,
        "libraries": sorted(str(name) for name in library.libraries),
        "versions": sorted(versions),
        "exports": sorted(symbol.name for symbol in library.exported_symbols),
    }


def pe(library: lief.PE.Binary) -> dict:
    imports = [*library.imports, *library.delay_imports]
    return {
        "format": "PE",
        "arch": library.header.machine.name,
        "libraries": sorted(imported.name for imported in imports),
        "exports": sorted(entry.name for entry in library.get_export().entries),
    }


def signature_holds(file: str, library: lief.MachO.Binary) -> bool:
    """Whether an ad-hoc signature (Apple's cs_blobs.h, all numbers big-endian) has the hashes of the file's pages."""
    if not library.has_code_signature:
        return False
    with open(file, "rb") as opened:
        content = opened.read()
    blobs = content[library.code_signature.data_offset :]
    magic, _, count = struct.unpack_from(">3I", blobs)
    assert magic == 0xFADE0CC0, "it is no signature"
    offsets = dict(struct.unpack_from(">2I", blobs, 12 + 8 * i) for i in range(count))
    directory = blobs[offsets[0] :]
    hash_offset, _, _, slots, limit = struct.unpack_from(">5I", directory, 16)
    hash_size, hash_type, _, page_shift = struct.unpack_from("4B", directory, 36)
    assert (hash_size, hash_type) == (32, 2), "the hashes are not SHA-256"
    page = 1 << page_shift
    hashes = [directory[hash_offset + 32 * i :][:32] for i in range(slots)]
    pages = [content[at : min(at + page, limit)] for at in range(0, limit, page)]
    return limit == library.code_signature.data_offset and hashes == [hashlib.sha256(p).digest() for p in pages]


def macho(file: str, library: lief.MachO.Binary) -> dict:
    # Symbols that no library was named for are looked up in the program that loads this one.
    flat_lookup, weak_reference = -2, 0x40
    from_program = {bound.symbol.name for bound in library.bindings if bound.library_ordinal == flat_lookup}
    own_name = lief.MachO.LoadCommand.TYPE.ID_DYLIB
    return {
        "format": "MachO",
        "arch": library.header.cpu_type.name,
        "libraries": sorted(imported.name for imported in library.libraries if imported.command != own_name),
        "minimum": list(library.build_version.minos) if library.has_build_version else None,
        "signed": signature_holds(file, library),
        "commands": sorted({command.command.name for command in library.commands}),
        "fromProgram": sorted(from_program),
        "optional": sorted(s.name for s in library.imported_symbols if s.description & weak_reference),
        "exports": sorted(symbol.name for symbol in library.exported_symbols),
    }


def describe(file: str) -> dict:
    library = lief.parse(file)
    if isinstance(library, lief.ELF.Binary):
        return elf(library)
    if isinstance(library, lief.PE.Binary):
        return pe(library)
    if isinstance(library, lief.MachO.Binary):
        return macho(file, library)
    raise SystemExit(f"{file}: it is no library of Linux, Windows or macOS")


if __name__ == "__main__":
    print(json.dumps({file: describe(file) for file in sys.argv[1:]}))
