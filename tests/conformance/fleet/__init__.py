"""Edges, pools and certificates for the suites; all on loopback."""
