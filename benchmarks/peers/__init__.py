"""What is measured beside the project: one script per peer, run by its own interpreter."""
