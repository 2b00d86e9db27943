"""The wire format: event models and codec, JSON Schemas, AsyncAPI document and examples."""
