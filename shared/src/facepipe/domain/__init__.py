"""What is known of an image and its faces, plane geometry, and what can go wrong: pure types."""
