"""Networks in torch, their training, export to ONNX and verification."""
