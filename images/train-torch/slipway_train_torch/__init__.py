"""What trains and judges language models?"""
