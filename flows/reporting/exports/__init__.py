"""Exports: a checkpoint as a folder that PyTorch, onnxruntime and people read."""
