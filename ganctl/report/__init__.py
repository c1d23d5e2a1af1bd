"""What a run folder holds, on one page. Reads files, never sees a live trainer, and needs no TensorFlow.

Floor 6. May import: build, run_folder, images, experiment, host.
"""
