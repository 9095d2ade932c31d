# expect: virtual | 10m0s of virtual time
sleep infinity
