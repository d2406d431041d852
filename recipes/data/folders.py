"""A folder of picture files as a source of images."""

from __future__ import annotations

import collections
import functools
import os
import weakref
from pathlib import Path

import numpy as np

from recipes.common.errors import listed
from recipes.data.decoding import Unreadable, picture_suffixes
from recipes.data.on_disk import DiskArray
from recipes.data.pictures import Pictures
from recipes.data.source import Part, Source
from recipes.data.splits import NAMES

# So few files that cannot be read are left out: downloads break off, disks fail.
SKIPPED_SHARE = 0.05
# Names of files that a sentence lists.
_LISTED = 5
_CLASSES_LISTED = 20
_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}


# What was read of a folder to disk and is in use still: decoded once, read twice.
_in_use: weakref.WeakKeyDictionary[DiskArray, tuple] = weakref.WeakKeyDictionary()


def from_folder(
    folder: Path, image_shape=None, strict: bool = False, memory: float = np.inf
) -> Source:
    """A source of the pictures in a folder.

    Three layouts are understood: pictures in the folder itself; one sub-folder a class,
    labelled 0, 1, ... in alphabetical order; and either of the two inside sub-folders
    called `train` and `test`, `train` and `validation` (or `val`), or all three. Each
    may lie in a folder of its own, as archives are unpacked; the report says which
    splits and classes were found.

    Args:
        folder: the folder.
        image_shape: (height, width, channels) to resize to, or `None`.
        strict: stop at the first file that is not readable; otherwise one in twenty of
            a split may be, and is left out.
        memory: bytes that the pictures of a split may take as float32; more of them are
            kept on disk.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no pictures, or pictures beside class folders; when it
            is read, if too many of them are not readable.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {str(folder)!r}.")
    own = _split_roots(_unpacked(folder))
    roots = own or {"train": folder}
    roots["train"] = _unpacked(roots["train"])
    # A class has one number in every split, whichever splits are read.
    names = _class_names(roots["train"])
    roots = {split: _unpacked(root, names) for split, root in roots.items()}
    files = {split: _labelled(root, names) for split, root in roots.items()}

    def read(split: str) -> Part:
        paths, labels = files[split]

        def part(images, kept, notes):
            names = [paths[index].relative_to(folder).as_posix() for index in kept]
            of_kept = None if labels is None else labels[kept]
            return Part(images, of_kept, notes, names=names)

        key = (tuple(map(_version, paths)), image_shape, strict)
        for images, (known, kept, notes) in _in_use.items():
            if known == key:  # decoded once, whichever splits are cut from it
                return part(images, kept, notes)
        pictures, kept, broken = Pictures(image_shape, len(paths), memory), [], []
        allowed = 0 if strict else int(SKIPPED_SHARE * len(paths))
        items = ((functools.partial(_bytes, path), str(path)) for path in paths)
        for index, (path, decoded) in enumerate(
            zip(paths, pictures.decoded(items), strict=True)
        ):
            try:
                pictures.add(decoded())
            except Unreadable as error:
                broken.append(path.relative_to(folder).as_posix())
                if not allowed:
                    raise
                if len(broken) > allowed:
                    raise ValueError(
                        f"More than {allowed} of the {len(paths):,} images ({split}) "
                        f"of {str(folder)!r} are not readable, which is more than "
                        f"{100 * SKIPPED_SHARE:.0f} %: {listed(broken, _LISTED)}."
                    ) from error
            else:
                kept.append(index)
        images = pictures.array()
        notes = pictures.notes()
        if broken:
            are = "images that are" if len(broken) > 1 else "image that is"
            notes.append(
                f"skipped {len(broken):,} {are} not readable: {listed(broken, _LISTED)}"
            )
        if isinstance(images, DiskArray):
            _in_use[images] = key, kept, notes
        return part(images, kept, notes)

    classes = f" in {len(names)} classes" if names else ""
    counts = ", ".join(f"{split} {len(files[split][0]):,}" for split in roots)
    notes = [f"{str(folder)!r}: pictures{classes} ({counts})"]
    if own:
        found = (
            f"{split} in {root.relative_to(folder).as_posix()!r}"
            for split, root in roots.items()
        )
        notes.append(f"folders taken for splits: {', '.join(found)}")
    if names:
        numbered = [f"{label} {name!r}" for label, name in enumerate(names)]
        notes.append(f"folders taken for classes: {listed(numbered, _CLASSES_LISTED)}")
    notes += _skipped(folder)
    return Source(
        folder.resolve().name, tuple(roots), read, notes, names, of_files=True
    )


def _split_roots(folder: Path) -> dict[str, Path] | None:
    holding = [path for path in _sub_folders(folder) if _pictures(path)]
    found = {}
    for path in holding:
        split = _SPLIT_FOLDERS.get(path.name.lower())
        if split and split not in found:
            found[split] = path
    # Alone, "train" and "test" could as well be the names of two classes, and so they
    # are where other sub-folders with pictures stand beside them.
    if "train" not in found or len(found) < 2 or len(found) < len(holding):
        return None
    if _loose(folder):
        return None
    return {split: found[split] for split in NAMES if split in found}


def _unpacked(folder: Path, names=None) -> Path:
    """The only sub-folder with pictures, of that the same, ...; `names` are classes."""
    while not _loose(folder):
        holding = [path for path in _sub_folders(folder) if _pictures(path)]
        if len(holding) != 1 or holding[0].name in (names or ()):
            break
        folder = holding[0]
    return folder


def _loose(folder: Path) -> list[Path]:
    """Pictures in the folder itself."""
    return sorted(
        path
        for path in folder.iterdir()
        if _shown(path) and _is_picture(path) and path.is_file()
    )


def _class_names(root: Path) -> tuple[str, ...] | None:
    names = tuple(path.name for path in _sub_folders(root) if _pictures(path))
    # A single sub-folder is where an archive was unpacked, not a class.
    return names if len(names) > 1 else None


def _labelled(root: Path, names) -> tuple[list[Path], np.ndarray | None]:
    """All pictures below `root` in a fixed order, and their labels."""
    if names is None:
        paths = _pictures(root)
        if not paths:
            raise ValueError(
                f"There is no image in the folder {str(root)!r}; wanted files that "
                f"Pillow reads ({', '.join(sorted(picture_suffixes()))})."
            )
        return paths, None
    loose = _loose(root)
    if loose:
        raise ValueError(
            f"The folder {str(root)!r} holds images ({loose[0].name!r}, ...) beside "
            "sub-folders with images: keep them all in the folder, or all in "
            "sub-folders, one a class."
        )
    unknown = [p.name for p in _sub_folders(root) if p.name not in names]
    unknown = [name for name in unknown if _pictures(root / name)]
    if unknown:
        raise ValueError(
            f"The folder {str(root)!r} has the class {unknown[0]!r}, which is not "
            "among the classes of the training images."
        )
    by_class = [_pictures(root / name) for name in names]
    paths = [path for group in by_class for path in group]
    if not paths:
        raise ValueError(f"There is no image in the folder {str(root)!r}.")
    return paths, np.repeat(np.arange(len(names)), [len(group) for group in by_class])


def _sub_folders(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and _shown(path) and not _holds(path, folder)
    )


def _holds(path, folder) -> bool:
    """Whether `path` is `folder` itself or one of those it lies in."""
    inner = Path(folder).resolve()
    return Path(path).resolve() in (inner, *inner.parents)


def _pictures(folder: Path) -> list[Path]:
    """Pictures in a folder and below it, sorted by their relative path."""
    return [path for path in _files(folder) if _is_picture(path)]


def _files(folder: Path) -> list[Path]:
    """Files in a folder and below it, linked folders too, sorted by relative path."""
    if not folder.is_dir():
        return []
    found, top = [], os.path.realpath(folder)
    seen = {top}
    for root, folders, files in os.walk(folder, followlinks=True):
        inside = []
        for name in sorted(folders):
            target = os.path.realpath(os.path.join(root, name))
            # Once each, and no way back up: links may go in circles.
            above = _holds(target, top)
            if _shown(Path(name)) and target not in seen and not above:
                seen.add(target)
                inside.append(name)
        folders[:] = inside
        found += [Path(root, name) for name in files if _shown(Path(name))]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in picture_suffixes()


def _skipped(folder: Path) -> list[str]:
    """How many other files there are, and of which kinds, for the report."""
    others = [path for path in _files(folder) if not _is_picture(path)]
    if not others:
        return []
    kinds = collections.Counter(path.suffix.lower() or path.name for path in others)
    kinds = listed([kind for kind, _ in kinds.most_common()], _LISTED)
    files = "files that are no images" if len(others) > 1 else "file that is no image"
    return [f"skipped {len(others):,} {files} ({kinds})"]


def _shown(path: Path) -> bool:
    # "._x.jpg" and "__MACOSX" come out of archives and hold no pictures.
    return not path.name.startswith((".", "__MACOSX"))


def _version(path: Path) -> tuple:
    """What tells a file from another, and from what it was before."""
    try:
        found = path.stat()
    except OSError:
        return (str(path),)
    return str(path), found.st_size, found.st_mtime_ns


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"{path} cannot be read ({error.strerror}).") from error
