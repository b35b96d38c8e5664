"""The engine that explains structures, and the gRPC server around it."""
