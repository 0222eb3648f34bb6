"""Pages that show the OpenAPI document; all that they load comes from this service."""
