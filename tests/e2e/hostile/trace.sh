# expect: ended | done
python3 - <<'P'
import ctypes, os
libc, was = ctypes.CDLL(None, use_errno=True), os.getuid()
for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
    if pid != os.getpid() and libc.ptrace(16, pid, 0, 0) == 0:
        print("traced", pid)
for name, args in (("unshare", (0x10000000,)), ("mount", (b"none", b"/tmp", b"tmpfs", 0, None)), ("chroot", (b".",)), ("sethostname", (b"x", 1)), ("setuid", (0,))):
    if getattr(libc, name)(*args) == 0 and (name != "setuid" or was != 0):
        print("did", name)
P
[ -z "$(ls -A /proc/self/ns 2>/dev/null)" ] || unshare -Ur true 2>/dev/null && echo "did unshare"
echo done
