# Puts the project's own tools in reach; sourced by every recipe of the Makefile and by scripts/bootstrap.
#
# KUBEWRIGHT_TOOLS is where the bootstrap keeps what it could not take from the system: uv and a newer Go.
KUBEWRIGHT_TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/kubewright/tools"
KUBEWRIGHT_GO="1.26.8"                # Kubernetes 1.37 needs Go 1.26
export KUBEWRIGHT_TOOLS KUBEWRIGHT_GO
export UV_PYTHON_DOWNLOADS=never      # Python is the system's
export PYTHONUNBUFFERED=1

# Appended, so that what the user has comes first; the newer Go comes before an older one, for that is why it is there.
PATH="$PATH:$KUBEWRIGHT_TOOLS/uv/bin"
if [ -x "$KUBEWRIGHT_TOOLS/go-$KUBEWRIGHT_GO/bin/go" ]; then
  PATH="$KUBEWRIGHT_TOOLS/go-$KUBEWRIGHT_GO/bin:$PATH"
fi
PATH="$PWD/.venv/bin:$PATH"
export PATH
