# expect: any
# limits: wall=20s
p=$$
while [ "$p" -gt 1 ]; do
    p=$(awk '{ print $4 }' "/proc/$p/stat") || break
    [ "${p:-0}" -gt 1 ] || break
    kill -9 "$p" 2>/dev/null && echo "killed one"
    kill -STOP "$p" 2>/dev/null
done
echo survived
