# expect: wall | still running after 5 s
# limits: wall=5s
trap '' TERM INT HUP QUIT
python3 -c '
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    time.sleep(0.2)'
