"""How do adapters get into the format of llama.cpp?"""
