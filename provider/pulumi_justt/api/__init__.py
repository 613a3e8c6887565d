"""A client of Justt's REST API."""
