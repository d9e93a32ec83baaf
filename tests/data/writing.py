"""Writing the same records as every kind of file."""

import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

KINDS = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".jsonl.gz", ".csv.zst")


def write(path: Path, records: list[dict]) -> Path:
    """Write records by the name's suffixes; nested values become JSON in CSV and TSV."""
    suffixes = [s for s in path.suffixes if s in (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".arrow")]
    if suffixes[-1] == ".parquet":
        parquet.write_table(pa.Table.from_pylist(records), path)
    elif suffixes[-1] == ".arrow":
        table = pa.Table.from_pylist(records)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    else:
        path.write_bytes(_packed(_text(suffixes[-1], records).encode(), path.suffix))
    return path


def _text(suffix: str, records: list[dict]) -> str:
    if suffix == ".json":
        return json.dumps(records, ensure_ascii=False, indent=2)
    if suffix == ".jsonl":
        return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    import io

    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter="\t" if suffix == ".tsv" else ",")
    writer.writerow(records[0])
    for record in records:
        writer.writerow([v if isinstance(v, str) else json.dumps(v) for v in record.values()])
    return out.getvalue()


def _packed(data: bytes, suffix: str) -> bytes:
    if suffix == ".gz":
        return gzip.compress(data)
    if suffix == ".zst":
        return pa.compress(data, codec="zstd", asbytes=True)
    return data
