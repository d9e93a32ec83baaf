"""Writing the same records as every kind of file."""

import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

FORMS = (".jsonl", ".json", ".list.json", ".csv", ".tsv", ".parquet", ".arrow")
PACKINGS = ("", ".gz", ".zst")
KINDS = tuple(form + packing for form in FORMS for packing in PACKINGS)
TEXT_FORMS = (".jsonl", ".json", ".list.json", ".csv", ".tsv")
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-be", "utf-32")
_MARKS = {"utf-16-be": b"\xfe\xff"}  # Python writes the others itself


def write(path: Path, records: list[dict], encoding: str = "utf-8", ending: str = "\n") -> Path:
    """Write records by the name's suffixes; nested values become JSON in CSV and TSV.

    ".list.json" is an object that holds the list of rows.
    """
    packing = path.suffix if path.suffix in PACKINGS else ""
    name = path.name.removesuffix(packing)
    form = next((form for form in sorted(FORMS, key=len, reverse=True) if name.endswith(form)), ".jsonl")
    if form in (".parquet", ".arrow"):
        data = _table(form, records)
    else:
        text = _text(form, records).replace("\r\n", "\n").replace("\n", ending)
        data = _MARKS.get(encoding, b"") + text.encode(encoding)
    path.write_bytes(packed(data, packing))
    return path


def packed(data: bytes, packing: str) -> bytes:
    """Compressed as the suffix says."""
    if packing == ".gz":
        return gzip.compress(data)
    return pa.compress(data, codec="zstd", asbytes=True) if packing == ".zst" else data


def _table(form: str, records: list[dict]) -> bytes:
    table, out = pa.Table.from_pylist(records), io.BytesIO()
    if form == ".parquet":
        parquet.write_table(table, out)
        return out.getvalue()
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def _text(form: str, records: list[dict]) -> str:
    if form == ".json":
        return json.dumps(records, ensure_ascii=False, indent=2)
    if form == ".list.json":
        return json.dumps({"version": 2, "tags": ["a"], "data": records}, ensure_ascii=False)
    if form == ".jsonl":
        return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter="\t" if form == ".tsv" else ",")
    writer.writerow(records[0])
    for record in records:
        writer.writerow(
            [v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in record.values()]
        )
    return out.getvalue()
