"""The engine that explains structures, and the gRPC server around it."""

import os

# ONNX Runtime reports its use to its makers unless told not to before it is imported. What is set stays.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# gRPC says of itself that it logs errors alone, yet tells of handshakes that fail, in lines of its own.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
