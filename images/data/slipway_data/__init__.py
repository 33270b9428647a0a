"""How does raw data become a Dataset?"""
