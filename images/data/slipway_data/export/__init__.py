"""Which files for hosted tuning does a dataset make, and what would their vendors refuse?"""
