"""Which file formats do data preparation and evaluation both read?"""
