# expect: disk | more than 16 MiB of files
# limits: disk=16Mi
python3 -c '
import os, time
try:
    for i in range(10**6):
        os.mkdir("d%d" % i)
except OSError as e:
    print(e)
time.sleep(1000)'
