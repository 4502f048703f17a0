"""CSV, Parquet, NPZ, dataset folders, and folders of such files, as columns."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zipfile import Path as ZipPath

import numpy as np

from lighterage.launching.columns import Columns, read_columns
from lighterage.schemas import BadInput


def read_source(path: Path, source: str, file_column: str | None) -> Columns:
    """The columns of a file or folder; ``source`` is what people call it."""
    if path.is_file():
        return Columns(values=_read_file(path), source=source)
    if (path / "dataset.json").is_file():
        found = read_columns(path)  # copied: what was fetched does not outlive the step
        values = {name: np.array(array) for name, array in found.values.items()}
        return found.with_values(values, source=found.source or source)
    return Columns(values=_read_folder(path, file_column), source=source)


def read_csv(path: Path | ZipPath) -> dict[str, np.ndarray]:
    """A CSV file with a header row, UTF-8; `.tsv` has tabs. Each column gets the narrowest type that fits."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
    except ValueError as error:
        if isinstance(error, UnicodeDecodeError):
            raise BadInput(f"{path.name} is not UTF-8 text: {error}") from None
        raise BadInput(f"{path.name} is empty") from None
    except csv.Error as error:
        raise BadInput(f"{path.name} is not CSV: {error}") from None
    if len(set(header)) < len(header) or "" in header:
        raise BadInput(f"the first line of {path.name} must name each column, all different, not {header}")
    rows = [row for row in rows if row]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise BadInput(f"{path.name} has {len(header)} columns, but {len(row)} cells in row {number}")
    cells = zip(*rows, strict=True) if rows else [()] * len(header)
    return {name: _typed(np.array(column, dtype=str)) for name, column in zip(header, cells, strict=True)}


def read_parquet(path: Path) -> dict[str, np.ndarray]:
    """A Parquet file; lists of one length become further dimensions, empty numbers NaN."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise BadInput(f"{path.name} needs pyarrow to be read: pip install 'lighterage[data]'") from None
    try:
        table = parquet.ParquetFile(path).read()
    except (pyarrow.ArrowException, OSError) as error:
        raise BadInput(f"{path.name} is not Parquet: {error}") from None
    return {name: _plain(name, table.column(name).to_numpy()) for name in table.column_names}


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Arrays by name; pickled ones are refused."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: _plain(name, arrays[name]) for name in arrays.files}
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise BadInput(f"{path.name} is not an NPZ file of plain arrays: {error}") from None


READERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".parquet": read_parquet,
    ".npz": read_npz,
}


def _read_file(path: Path) -> dict[str, np.ndarray]:
    if path.suffix.lower() not in READERS:
        raise BadInput(f"{path.name} is of no kind that can be read; {', '.join(READERS)} can")
    values = READERS[path.suffix.lower()](path)
    if not values:
        raise BadInput(f"{path.name} has no columns")
    return values


def _read_folder(folder: Path, file_column: str | None) -> dict[str, np.ndarray]:
    """All files below a folder but hidden ones, in the order of their names, one under the other."""
    names = sorted(file.relative_to(folder) for file in folder.rglob("*") if file.suffix.lower() in READERS)
    files = [folder / name for name in names if not any(part.startswith(".") for part in name.parts)]
    if not files:
        raise BadInput(f"the folder {folder.name} holds no dataset and no file of {', '.join(READERS)}")
    tables = []
    for file in files:
        table = _read_file(file)
        if file_column:
            if file_column in table:
                raise BadInput(f"{file.name} has a column {file_column!r}; choose another `file_column`")
            rows = len(next(iter(table.values())))
            table[file_column] = np.full(rows, file.relative_to(folder).as_posix())
        tables.append(table)
    for file, table in zip(files, tables, strict=True):
        if differing := sorted(table.keys() ^ tables[0].keys()):
            raise BadInput(f"the columns of {file.name} and {files[0].name} differ in {differing}")
    return {name: _joined(name, [table[name] for table in tables]) for name in tables[0]}


def _joined(name: str, arrays: list[np.ndarray]) -> np.ndarray:
    if len({array.dtype.kind == "U" for array in arrays if len(array)}) > 1:
        raise BadInput(f"column {name!r} is text in some files and numbers in others")
    try:
        return np.concatenate(arrays)
    except ValueError as error:
        raise BadInput(f"column {name!r} does not have the same shape in all files: {error}") from None


def _typed(cells: np.ndarray) -> np.ndarray:
    """Integers, numbers (an empty cell is NaN), booleans, or the text as it is."""
    for dtype, prepared in ((np.int64, cells), (np.float64, np.where(cells == "", "nan", cells))):
        try:
            numbers = prepared.astype(dtype)
        except (ValueError, OverflowError):
            continue
        return cells if (cells == "").all() and len(cells) else numbers
    lower = np.char.lower(cells)
    return lower == "true" if np.isin(lower, ("true", "false")).all() else cells


def _plain(name: str, array: Any) -> np.ndarray:
    """An array without Python objects: text, or lists stacked to a further dimension."""
    if array.dtype.kind == "S":
        return np.char.decode(array, "utf-8")
    if not array.dtype.hasobject:
        return array
    kinds = {type(value) for value in array}
    if kinds == {str}:
        return array.astype(str)
    if kinds == {np.ndarray} and len({value.shape for value in array}) == 1:
        return _plain(name, np.stack(list(array)))
    found = ", ".join(sorted("nothing" if kind is type(None) else kind.__name__ for kind in kinds))
    raise BadInput(f"column {name!r} holds {found}; text, numbers, or lists of one length can be kept")
