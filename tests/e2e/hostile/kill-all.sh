# expect: any
# limits: wall=20s
kill -9 $PPID
kill -9 -1
kill -STOP -1
kill -9 0
sleep 1h
