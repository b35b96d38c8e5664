"""Generated code of the Open Inference Protocol v2, in a descriptor pool of its own."""
