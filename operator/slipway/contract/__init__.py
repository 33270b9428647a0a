"""What do the operator and its pods exchange?"""
