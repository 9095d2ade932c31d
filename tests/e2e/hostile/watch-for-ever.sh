# expect: virtual | 10m0s of virtual time
kubectl get pods -w -A > /dev/null
