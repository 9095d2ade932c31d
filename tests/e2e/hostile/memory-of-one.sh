# expect: ended | MemoryError
# limits: memory=128Mi
python3 -c 'bytearray(1 << 30)'
