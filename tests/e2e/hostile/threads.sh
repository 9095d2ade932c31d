# expect: threads | processes and threads at once
exec python3 -c '
import threading, time
threading.stack_size(65536)
def more():
    try:
        while True:
            threading.Thread(target=time.sleep, args=(1000,)).start()
    except RuntimeError:
        time.sleep(1000)
more()'
