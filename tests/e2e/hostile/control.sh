# expect: ended | done
for c in "down" "debug digest" "debug audit" "clock speed 5" "clock advance 100h" "sandbox control.sh"; do
    for d in "$KUBELAB_DATA" "$CLUSTER"; do
        kubelab ${c%% *} --data "$d" $([ "$c" = "${c#* }" ] || echo "${c#* }") > out 2>&1 < /dev/null && echo "allowed: $c"
    done
done
kubelab shell --drive -- true > /dev/null 2>&1 && echo "allowed: drive"
python3 - "$CLUSTER" <<'P'
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1] + "/control.sock")
    s.sendall(b"GET /audit HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    print("answer", s.recv(100).split(b"\r\n")[0].decode())
except OSError:
    pass
P
kubelab clock advance 30s > /dev/null || echo "the clock cannot be moved"
echo done
