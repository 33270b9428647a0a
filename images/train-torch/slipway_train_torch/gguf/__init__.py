"""How do adapters and trained models get into the format of llama.cpp?"""
