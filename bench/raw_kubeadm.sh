#!/usr/bin/env bash
# Raw kubeadm over SSH, written as well as a shell script can be: the yardstick that kubewright is measured against.
#
#   bench/raw_kubeadm.sh deploy KIT HOSTS           make a cluster of all hosts
#   bench/raw_kubeadm.sh join KIT HOSTS NAME...     add these workers to it
#
# KIT is a directory made by bench.kit: root-PATH trees, images and kubeadm's configuration. HOSTS has lines "NAME ADDRESS ROLE PASSWORD": ROLE
# is control-plane (the first is the first) or worker, PASSWORD is sudo's or "-". SSH_KEY, SSH_KNOWN_HOSTS and SSH_USER say how to log in.
#
# Every host is prepared by one SSH command, all hosts at the same time; within it packages are installed while files arrive, and images are
# imported in parallel. It ends on the same condition as kubewright: nodes Ready, CoreDNS available, cluster DNS answering each new node, and
# a pod on another node answering it.
set -euo pipefail

MODE=$1 KIT=$2 HOSTS=$3
shift 3
PACKAGES="ca-certificates conntrack ebtables ethtool iproute2 ipset iptables kmod nftables runc socat"
IGNORE="SystemVerification,NumCPU,Mem,FileContent--proc-sys-net-bridge-bridge-nf-call-iptables"
DNS_ADDRESS=10.233.0.10
CONTROL=$(mktemp -d)
trap 'close_connections' EXIT

SSH=(ssh -F none -i "$SSH_KEY" -o BatchMode=yes -o IdentitiesOnly=yes -o Compression=no
  -o "UserKnownHostsFile=$SSH_KNOWN_HOSTS" -o StrictHostKeyChecking=yes
  -o ControlMaster=auto -o "ControlPath=$CONTROL/%C" -o ControlPersist=60)

close_connections() {
  local socket
  for socket in "$CONTROL"/*; do
    [ ! -S "$socket" ] || ssh -o "ControlPath=$socket" -O exit none 2>/dev/null || true
  done
  rm -rf "$CONTROL"
}

field() { awk -v name="$1" -v column="$2" '$1 == name { print $column }' "$HOSTS"; }
names() { awk -v role="$1" '$3 == role { print $1 }' "$HOSTS"; }

# Runs the script $2 on host $1 as root; what comes on our standard input is the script's. The login shell there has to be bash.
on() {
  local host=$1 script=$2 password
  password=$(field "$host" 4)
  if [ "$password" = - ]; then
    "${SSH[@]}" "$SSH_USER@$(field "$host" 2)" "sudo -n bash -euc $(printf %q "$script")"
  else
    { printf '%s\n' "$password"; cat; } |
      "${SSH[@]}" "$SSH_USER@$(field "$host" 2)" "sudo -S -p '' bash -euc $(printf %q "$script")"
  fi
}

PREPARE='
  export DEBIAN_FRONTEND=noninteractive
  mkdir -p /run/kit
  (apt-get -qq -y --no-install-recommends install '"$PACKAGES"' </dev/null >/run/kit/apt.log 2>&1 || { cat /run/kit/apt.log >&2; exit 1; }) &
  packages=$!
  tar --extract --file=- --no-same-owner --no-overwrite-dir --directory=/
  sysctl -qw net.ipv4.ip_forward=1
  systemctl daemon-reload
  systemctl enable --quiet kubelet
  systemctl enable --quiet --now containerd
  find /var/lib/kit -name "*.tar" -print0 | xargs -0 -n 1 -P 2 ctr --namespace=k8s.io images import >/dev/null
  rm -rf /var/lib/kit
  wait $packages
'

prepare() {
  local host=$1 role
  role=$(field "$host" 3)
  tar --create --file=- --owner=0 --group=0 --directory="$KIT/root-$role" . | on "$host" "$PREPARE"
}

# A pod that starts before flannel has written its file is tried again only after many seconds, so the node has no network until then.
ACTIVATE='
  timeout 120 sh -c "until [ -s /run/flannel/subnet.env ]; do sleep 0.1; done"
  mkdir -p /etc/cni/net.d
  cp /etc/cni/kit/10-flannel.conflist /etc/cni/net.d/
'

# Runs the function $1 for every further argument at the same time; fails if one fails.
each() {
  local function=$1 status=0 pid pids=()
  shift
  for host in "$@"; do
    "$function" "$host" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || status=1; done
  return $status
}

timed() {
  local title=$1 started=$EPOCHREALTIME
  shift
  "$@"
  printf 'raw: %-28s %6.1f s\n' "$title" "$(awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }')"
}

FIRST=$(names control-plane | head -n 1)
API=$(field "$FIRST" 2):6443

# kubeadm's configuration and the add-ons travel as one stream, split at a marker line; the answer is the CA's public key digest.
run_init() {
  sed -e "s/@TOKEN@/$TOKEN/; s/@KEY@/$KEY/; s/@ADDRESS@/$(field "$FIRST" 2)/; s/@NAME@/$FIRST/" "$KIT/init.yaml" |
    cat - <(printf '\n#ADDONS\n') "$KIT/addons.yaml" | on "$FIRST" '
      umask 077
      awk '\''/^#ADDONS$/ { file = "/run/kit/addons.yaml"; next } { print > (file ? file : "/run/kit/init.yaml") }'\''
      kubeadm init --config=/run/kit/init.yaml --upload-certs --skip-token-print >/run/kit/init.log 2>&1 || { cat /run/kit/init.log >&2; exit 1; }
      kubectl --kubeconfig=/etc/kubernetes/admin.conf apply -f /run/kit/addons.yaml >/dev/null
      '"$ACTIVATE"'
      cat /etc/kubernetes/pki/ca.crt
    ' >"$CONTROL/ca.crt"
}

ca_digest() {
  openssl x509 -pubkey -noout -in "$CONTROL/ca.crt" | openssl pkey -pubin -outform der | sha256sum | cut -d' ' -f1
}

join_worker() {
  on "$1" "kubeadm join $API --token=$TOKEN --discovery-token-ca-cert-hash=sha256:$DIGEST --node-name=$1 \
    --ignore-preflight-errors=$IGNORE >/run/kit/join.log 2>&1 || { cat /run/kit/join.log >&2; exit 1; }
    $ACTIVATE" </dev/null
}

join_control_plane() {
  on "$1" "kubeadm join $API --token=$TOKEN --discovery-token-ca-cert-hash=sha256:$DIGEST --node-name=$1 --control-plane \
    --certificate-key=$KEY --apiserver-advertise-address=$(field "$1" 2) \
    --ignore-preflight-errors=$IGNORE >/run/kit/join.log 2>&1 || { cat /run/kit/join.log >&2; exit 1; }
    $ACTIVATE" </dev/null
}

# Waits on the first control plane, then prints the addresses of the probing pods with their nodes.
wait_ready() {
  on "$FIRST" "
    k='kubectl --kubeconfig=/etc/kubernetes/admin.conf'
    for name in $*; do until \$k get node \$name >/dev/null 2>&1; do sleep 0.2; done; done
    \$k wait --for=condition=Ready node --all --timeout=180s >/dev/null
    \$k -n kube-system wait --for=condition=Available deployment/coredns --timeout=180s >/dev/null
    \$k -n probing rollout status daemonset/probing --timeout=180s >/dev/null
    \$k -n probing get pods -o jsonpath='{range .items[*]}{.spec.nodeName}={.status.podIP} {end}'
  " </dev/null >"$CONTROL/pods"
}

check() {
  local others
  others=$(tr ' ' '\n' <"$CONTROL/pods" | grep -v "^$1=" | head -n 1 | cut -d= -f2)
  on "$1" "python3 - $DNS_ADDRESS $others" <"$KIT/check.py"
}

remove_probing() {
  on "$FIRST" 'kubectl --kubeconfig=/etc/kubernetes/admin.conf --namespace=probing delete daemonset,configmap probing --wait=false >/dev/null' </dev/null
}

deploy() {
  local all
  mapfile -t all < <(awk 'NF { print $1 }' "$HOSTS")
  mapfile -t planes < <(names control-plane | tail -n +2)
  mapfile -t workers < <(names worker)
  TOKEN=$(openssl rand -hex 3).$(openssl rand -hex 8)
  KEY=$(openssl rand -hex 32)
  timed "prepare all hosts" each prepare "${all[@]}"
  timed "kubeadm init" run_init
  DIGEST=$(ca_digest)
  [ ${#workers[@]} -eq 0 ] || timed "join workers" each join_worker "${workers[@]}"
  for plane in "${planes[@]}"; do timed "join $plane" join_control_plane "$plane"; done
  timed "wait until ready" wait_ready "${all[@]}"
  [ ${#all[@]} -eq 1 ] || timed "check from each node" each check "${all[@]}"
  remove_probing
}

make_token() {
  on "$FIRST" "
    kubectl --kubeconfig=/etc/kubernetes/admin.conf apply -f - >/dev/null
    kubeadm token create $TOKEN --ttl=15m --kubeconfig=/etc/kubernetes/admin.conf >/dev/null
    cat /etc/kubernetes/pki/ca.crt" <"$KIT/probing.yaml" >"$CONTROL/ca.crt"
}

join() {
  TOKEN=$(openssl rand -hex 3).$(openssl rand -hex 8)
  make_token &
  local token=$!
  timed "prepare new hosts" each prepare "$@"
  wait $token
  DIGEST=$(ca_digest)
  timed "join workers" each join_worker "$@"
  timed "wait until ready" wait_ready "$@"
  timed "check from each new node" each check "$@"
  remove_probing
}

case $MODE in
  deploy) deploy ;;
  join) join "$@" ;;
  *) echo "usage: $0 deploy|join KIT HOSTS [NAME...]" >&2; exit 64 ;;
esac
