# expect: ended | done
for f in "$SECRETS/secret" "$SECRETS/new" "$CLUSTER/kubelab.db" "$CLUSTER/admin.conf" "$CLUSTER/control.sock" /etc/passwd /usr/bin/kubelab-hostile /var/tmp/kubelab-hostile /dev/shm/kubelab-hostile /home/kubelab-hostile; do
    { echo x >> "$f"; } 2>/dev/null && echo "wrote $f"
    ln -s /etc/passwd "$f.link" 2>/dev/null && echo "linked $f"
done
rm -f "$SECRETS/secret" "$CLUSTER/kubelab.db" 2>/dev/null
mv "$SECRETS/secret" . 2>/dev/null
ln "$SECRETS/secret" hard 2>/dev/null && echo x >> hard
mkdir "$SECRETS/dir" 2>/dev/null
: > /proc/sys/kernel/hostname
echo done
