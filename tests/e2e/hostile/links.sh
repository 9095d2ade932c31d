# expect: ended | done
ln -sf /etc/shadow out.json; ln -sf "$SECRETS/secret" report.json; ln -sf / root; mkfifo pipe; ln -s loop loop
mkdir -p deep; (cd deep; for i in $(seq 300); do mkdir d && cd d || break; done)
cat report.json root/etc/shadow 2>/dev/null
mv "$HOME/../data" "$HOME/../elsewhere" 2>/dev/null && echo moved
echo done
