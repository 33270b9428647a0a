"""Which rows need not be read again, because their files are as they were?

parsed-rows/<namespace>/<name>/index.json          which rows lie where
parsed-rows/<namespace>/<name>/packs/<sha256>      rows of many files, behind each other
"""
