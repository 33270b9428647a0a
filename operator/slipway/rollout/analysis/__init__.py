"""How is a candidate judged?"""
