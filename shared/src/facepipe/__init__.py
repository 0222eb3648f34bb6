"""What the services of the face analysis pipeline must agree on, and nothing else."""
