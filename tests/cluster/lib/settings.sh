# Folders, names and addresses of the test cluster. README.md lists them for people: change both.
# shellcheck shell=bash disable=SC2034  # the other files use them

# The programs that `build` makes, a folder for each set of module versions. Nothing else is kept from a build.
cache=${PEERLAB_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/peerlab/cluster}
# All that a running cluster writes. `down` removes it.
state=${PEERLAB_CLUSTER_STATE:-/var/lib/peerlab-cluster}

# The node, the API server and the DNS server live on the bridge that pods are on, so that they are neither on loopback, which the API
# server refuses to advertise, nor on an address that other machines reach.
bridge=peerlab0
node_name=node0
node_address=10.244.0.1
pod_network=10.244.0.0/16
service_network=10.96.0.0/16
first_service_address=10.96.0.1

# The kubelet listens here whatever folder it is given, so two cannot share a machine.
device_plugin_socket=/var/lib/kubelet/device-plugins/kubelet.sock
containerd_socket=$state/containerd.sock

# What `images` calls an image: localhost/NAME:test. Its pods need `imagePullPolicy: IfNotPresent`, for there is no registry.
image_tag='test'
# How they are compiled: as they are shipped, or with `dev` in half of the time, by what tests have compiled as well.
profile=${PEERLAB_CLUSTER_PROFILE:-release}
