"""What trains and judges language models?"""

import logging

# Whoever imports peft imports bitsandbytes, which warns on some CPUs that it could not fetch a kernel from a model hub.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
