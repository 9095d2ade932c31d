# expect: disk | more than 16 MiB of files
# limits: disk=16Mi
for i in $(seq 1000); do head -c 4M /dev/zero > file$i; done
sleep 1h
