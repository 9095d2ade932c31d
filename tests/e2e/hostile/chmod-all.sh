# expect: ended | done
mkdir -p a/b/c && echo x > a/b/c/file
chmod -R 000 "$SECRETS" "$CLUSTER" 2>/dev/null
chmod -R 000 "$HOME" "$TMPDIR" "$KUBELAB_DATA" 2>/dev/null
echo done
