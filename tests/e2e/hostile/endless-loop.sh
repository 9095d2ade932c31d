# expect: cpu | 3 s of CPU time
# limits: cpu=3s
trap '' TERM INT HUP XCPU
while :; do :; done
