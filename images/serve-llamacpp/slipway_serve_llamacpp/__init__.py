"""Serve a GGUF model, with its adapter, by llama.cpp behind the OpenAI-compatible API."""
