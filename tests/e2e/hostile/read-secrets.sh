# expect: ended | done
head -c 100 /etc/shadow "$SECRETS"/* "$CLUSTER"/seed "$CLUSTER"/kubelab.db "$CLUSTER"/log /root/.bashrc 2>/dev/null
ls "$SECRETS" "$CLUSTER" /root 2>/dev/null
for p in /proc/[0-9]*; do
    grep -az "HIDDEN" "$p/environ" 2>/dev/null
    head -c 1 "$p/mem" 2>/dev/null
    cat "$p"/root/etc/shadow "$p"/cwd/secret 2>/dev/null
done
env | grep HIDDEN
echo done
