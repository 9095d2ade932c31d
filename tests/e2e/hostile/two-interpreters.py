#!/usr/bin/env python3
# expect: ended | python
import os
print("python", os.path.basename(__file__), flush=True)
os.kill(os.getpid(), 15)
