# expect: output | printed more than 1 MiB
# limits: output=1Mi
yes "all work and no play"
