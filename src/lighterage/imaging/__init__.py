"""Container images: builds those of the runtimes, and finds the digests that tags stand for."""
