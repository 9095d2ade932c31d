# expect: ended | done
python3 - <<'P'
import socket
for port in (80 * 100 + 1, 8000 + 80, 0, 6443):
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", port))
        s.listen()
        print("did listen", port)
    except OSError:
        pass
    try:
        socket.create_connection(("127.0.0.1", port or 1), 1)
        print("connected", port)
    except OSError:
        pass
P
echo done
