"""The functions of the C library that decide what becomes of freed memory, called through ctypes."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

# Parameters of mallopt, from glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_LARGEST = 2**31 - 1
_LARGEST_OF_OLD = 32 << 20  # half of HEAP_MAX_SIZE; older versions of glibc refuse more
_TOP_PAD = 64 << 20  # bytes by which the heap grows at least
_PROBE = 64 << 20  # bytes of a block that glibc maps from the system unless it was set up otherwise


def glibc_version() -> str | None:
    """Return ``glibc 2.36``, or None if the C library is another one."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):  # Windows; macOS and musl
        return None


def keep_freed_memory_of_glibc() -> bool:
    """Make glibc take blocks of any size from the heap, and keep the heap; return whether it accepted that."""
    mallopt = ctypes.CDLL(None).mallopt
    mapping = mallopt(_M_MMAP_THRESHOLD, _LARGEST) or mallopt(_M_MMAP_THRESHOLD, _LARGEST_OF_OLD)
    return bool(mapping and mallopt(_M_TRIM_THRESHOLD, _LARGEST) and mallopt(_M_TOP_PAD, _TOP_PAD))


def file_of_malloc() -> str | None:
    """Return the name of the file that ``malloc`` is from, which is another after ``LD_PRELOAD``; None if unknown."""
    try:
        library, info = ctypes.CDLL(None), _SymbolInfo()
        found = library.dladdr(ctypes.cast(library.malloc, ctypes.c_void_p), ctypes.byref(info))
    except (AttributeError, OSError, TypeError):  # TypeError: on Windows no library stands for the process
        return None
    return Path(os.fsdecode(info.file)).name if found and info.file else None


def maps_large_blocks() -> bool | None:
    """Return whether a block of 64 MB is mapped from the system each time; None if glibc does not report it."""
    library = ctypes.CDLL(None)
    try:
        report = library.mallinfo2  # since glibc 2.33
    except AttributeError:
        return None
    report.restype = _Mallinfo2
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.restype, library.free.argtypes = None, [ctypes.c_void_p]
    before = report().hblks
    if not (block := library.malloc(_PROBE)):
        return None
    mapped: bool = report().hblks > before
    library.free(block)
    return mapped


class _SymbolInfo(ctypes.Structure):
    """``Dl_info`` of dlfcn.h."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


class _Mallinfo2(ctypes.Structure):
    """``struct mallinfo2`` of malloc.h; `hblks` counts the blocks that are mapped from the system."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )
