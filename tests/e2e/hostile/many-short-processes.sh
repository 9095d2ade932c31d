# expect: cpu | 3 s of CPU time
# limits: cpu=3s
while :; do (:); done
