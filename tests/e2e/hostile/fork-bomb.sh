# expect: threads | processes and threads at once
bomb() { bomb | bomb & }
bomb
sleep 1h
