# expect: ended |
echo before
exec 0<&- 1>&- 2>&-
sleep 30
exit 5
