"""What a run folder holds, on one page. Reads only files, never a live trainer, and does not need TensorFlow.

Floor 6. May import: diagnosis, build, run_folder, images, experiment, host.
"""
