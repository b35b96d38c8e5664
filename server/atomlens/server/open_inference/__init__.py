"""The Open Inference Protocol v2: its tensors are read as structures and answered as explanations are."""
