"""Many runs of one experiment with other values, to find the best: the file, its space, the study, the trials."""
