"""Traces: what a request causes, in the API and in workers, as spans of OpenTelemetry."""
