# expect: memory | more than 128 MiB of memory
# limits: memory=128Mi
python3 -c '
import time
a = [bytearray(60 << 20)]
import os
if os.fork() == 0 or os.fork() == 0:
    a.append(bytearray(60 << 20))
time.sleep(1000)'
