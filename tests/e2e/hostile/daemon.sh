# expect: ended | started
(setsid bash -c 'trap "" TERM HUP INT; (bash -c "echo kubelab-hostile-daemon > /dev/null; sleep 1000" &) ; /bin/sleep 1000' &)
python3 -c '
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        for fd in range(3): os.close(fd)
        time.sleep(1000)
    os._exit(0)
os.wait()'
echo started
