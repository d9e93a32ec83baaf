"""What reading data imports late and takes long, for a worker that waits for something to read."""


def import_arrow() -> None:
    """Import Arrow with the parts that every first look needs."""
    import pyarrow
    import pyarrow.compute
    import pyarrow.ipc

    pyarrow.scalar(0)  # the first value asks for pandas, wherever that is installed
