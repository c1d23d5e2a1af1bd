"""What happens every so often during a run: one file each."""
