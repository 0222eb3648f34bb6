"""Third-party models behind this service's own roles."""
