"""What lies on disk: the inbox, the decoder, the cache before it, and the catalogue of weights."""
