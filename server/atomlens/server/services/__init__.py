"""The gRPC services: thin, they parse, hand over and answer."""
