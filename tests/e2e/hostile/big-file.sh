# expect: ended | File size limit exceeded
# limits: file=1Mi
head -c 100M /dev/zero > big
ls -l big | awk '{ print "size", $5 }'
