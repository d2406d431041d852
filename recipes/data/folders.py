"""A folder of picture files as a source of images."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from recipes.data.pictures import Pictures
from recipes.data.source import Part, Source

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}


def from_folder(folder: Path, image_shape=None) -> Source:
    """A source of the pictures in a folder.

    Three layouts are understood: pictures in the folder itself; one sub-folder a class,
    labelled 0, 1, ... in alphabetical order; and either of the two inside sub-folders
    called `train`, `test` and, if there is one, `validation` (or `val`).

    Args:
        folder: the folder.
        image_shape: (height, width, channels) to resize to, or `None`.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it holds no pictures, or pictures beside class folders.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {str(folder)!r}.")
    roots = _split_roots(folder) or {"train": folder}
    # A class has one number in every split, whichever splits are read.
    names = _class_names(roots["train"])
    files = {split: _labelled(root, names) for split, root in roots.items()}

    def read(split: str) -> Part:
        paths, labels = files[split]
        pictures = Pictures(image_shape)
        for path in paths:
            pictures.add(_bytes(path), str(path))
        return Part(pictures.array(), labels, pictures.notes())

    classes = f" in {len(names)} classes" if names else ""
    counts = ", ".join(f"{split} {len(files[split][0]):,}" for split in roots)
    note = f"{str(folder)!r}: pictures{classes} ({counts})"
    return Source(folder.resolve().name, tuple(roots), read, [note], names)


def _split_roots(folder: Path) -> dict[str, Path] | None:
    roots = {}
    for path in _sub_folders(folder):
        split = _SPLIT_FOLDERS.get(path.name.lower())
        if split and split not in roots:
            roots[split] = path
    # Without both, "train" and "test" could as well be the names of two classes ...
    if not {"train", "test"} <= roots.keys():
        return None
    # ... and so they are where other sub-folders with pictures stand beside them.
    others = [path for path in _sub_folders(folder) if path not in roots.values()]
    return None if any(_pictures(path) for path in others) else roots


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
                f"There is no image in the folder {str(root)!r}; wanted files ending "
                f"in {', '.join(SUFFIXES)}."
            )
        return paths, None
    loose = [path for path in _pictures(root) if path.parent == root]
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
    return sorted(path for path in folder.iterdir() if path.is_dir() and _shown(path))


def _pictures(folder: Path) -> list[Path]:
    """Pictures in a folder and below it, sorted by their relative path."""
    if not folder.is_dir():
        return []
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if _shown(Path(name))]
        found += [
            Path(root, name)
            for name in files
            if _shown(Path(name)) and name.lower().endswith(SUFFIXES)
        ]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _shown(path: Path) -> bool:
    # "._x.jpg" and "__MACOSX" come out of archives and hold no pictures.
    return not path.name.startswith((".", "__MACOSX"))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}).") from error
