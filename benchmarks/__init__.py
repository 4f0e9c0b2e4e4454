"""The service against its peers: `python -m benchmarks` (see `--help`)."""
