"""Models behind the roles of `landmark_service.faces`; each vendor's types stay in here."""
