#!/bin/bash
# Lab 8, solved by a script of real commands, as a student may hand it in: `kubelab grade lab8 --submission solution.sh`, or by hand in the lab's shell.
# What it waits for is virtual time: a driven script's sleeps cost nothing.
set -eu

until_true() {                                 # until_true SECONDS COMMAND...: look every 15 seconds
    local left=$1
    shift
    until "$@"; do
        left=$((left - 15))
        [ "$left" -gt 0 ] || { echo "given up: $*" >&2; exit 1; }
        sleep 15
    done
}
node_has_metrics() { kubectl top node > /dev/null 2>&1; }
hpa_shows() { kubectl get hpa web1 --no-headers | grep -Eq "$1"; }

# 2. the metrics server
kubectl apply -f metrics-server/deploy/1.8+/
kubectl -n kube-system rollout status deploy/metrics-server

# 3. it asks the kubelet by an address that leads to it, and takes the certificate that it is shown
kubectl -n kube-system patch deploy metrics-server --type=json -p '[
  {"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--kubelet-preferred-address-types=InternalIP"},
  {"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--kubelet-insecure-tls"}]'
kubectl -n kube-system rollout status deploy/metrics-server
until_true 240 node_has_metrics
kubectl top node
kubectl top pod -n kube-system

# 4. a web server that computes, with an autoscaler
mkdir -p hpa
cat > hpa/index.php <<'PHP'
<?php
  $x = 0.0001;
  for ($i = 0; $i <= 1000000; $i++) {
    $x += sqrt($x);
  }
  echo "OK!";
?>
PHP
cat > hpa/Dockerfile <<'DOCKERFILE'
FROM php:5-apache
ADD index.php /var/www/html/index.php
RUN chmod a+rx /var/www/html/index.php
DOCKERFILE
cat > hpa/target-deploy.yaml <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web1
  labels: {app: web1}
spec:
  selector:
    matchLabels: {app: web1}
  template:
    metadata:
      labels: {app: web1}
    spec:
      nodeName: ubuntu
      containers:
      - name: target
        image: target
        imagePullPolicy: Never
        resources:
          requests: {cpu: 200m}
YAML
docker image build -t target hpa
kubectl create -f hpa/target-deploy.yaml
kubectl rollout status deploy/web1
kubectl expose deploy web1 --port 80
kubectl autoscale deployment web1 --cpu-percent=50 --min=1 --max=5
until_true 240 hpa_shows '[0-9]+%/50%'
kubectl get hpa

# load, until there are five pods; and five quiet minutes, until there is one
kubectl run driver --image=busybox --restart=Never -- sh -c 'while true; do wget -q -O- http://web1.default.svc.cluster.local; done'
kubectl wait --for=condition=Ready pod/driver --timeout=60s
until_true 300 hpa_shows ' 1 +5 +5 '
kubectl top pod
kubectl get hpa
kubectl delete pod driver --grace-period=1
until_true 600 hpa_shows ' 1 +5 +1 '
kubectl get hpa,deploy,pods
