//! What is the same for all scenarios of an operator.

use k8s_openapi::{
    api::core::v1::{LocalObjectReference, Toleration},
    apimachinery::pkg::api::resource::Quantity,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// The port at which conductors and peers answer to `/livez`, `/status` and the like.
pub const HTTP_PORT: u16 = 8080;

/// The port at which a conductor listens for peers.
pub const CONDUCTOR_PORT: u16 = 4001;

/// Who this program is, where objects say who manages them.
pub const MANAGER: &str = "peerlab-operator";

/// What is the same for all scenarios of an operator.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// The image that has `peerlab-node`.
    pub image: String,
    /// When nodes pull it: `Always`, `IfNotPresent` or `Never`.
    pub pull_policy: String,
    /// The namespace that the operator runs in, from which it asks conductors; none when it runs outside of the cluster.
    pub own_namespace: Option<String>,
    /// What a pod asks for before its first peer.
    pub pod: Cost,
    /// What it asks for with each of its peers.
    pub peer: Cost,
    /// What else pods have, by the words of this cluster.
    pub pods: PodTemplate,
    /// The most peers that a scenario may have.
    pub max_peers: u32,
    /// The port at which conductors are asked: [`HTTP_PORT`], but in tests.
    pub http_port: u16,
}

/// What something needs of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Thousandths of a processor.
    pub millicpu: u32,
    /// Memory, in MiB.
    pub mebibytes: u32,
}

/// As the options of the command line have it.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.millicpu, self.mebibytes)
    }
}

impl Cost {
    /// What a pod takes before its first peer. With [`Self::OF_A_PEER`], this is a line that lies above what processes of 1, 10, 50 and 200 peers
    /// were measured to take in `chat-room`: docs/kubernetes.md has the numbers, and `tests/kubernetes/cost` measures them again.
    pub const OF_A_POD: Self = Self { millicpu: 15, mebibytes: 24 };

    /// What each of its peers takes.
    pub const OF_A_PEER: Self = Self { millicpu: 5, mebibytes: 2 };

    /// What a pod with so many peers asks for.
    #[must_use]
    pub fn with_peers(self, peer: Self, peers: u32) -> BTreeMap<String, Quantity> {
        let sum = |pod: u32, peer: u32| u64::from(pod) + u64::from(peer) * u64::from(peers);
        BTreeMap::from([
            ("cpu".to_owned(), Quantity(format!("{}m", sum(self.millicpu, peer.millicpu)))),
            ("memory".to_owned(), Quantity(format!("{}Mi", sum(self.mebibytes, peer.mebibytes)))),
        ])
    }
}

/// What pods have by the words of a cluster: where they may run, and how their images are pulled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PodTemplate {
    /// Labels that a node must have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that do not matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// Secrets in the scenario's namespace by which images are pulled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// The priority class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,
}

impl Settings {
    /// What objects are built from besides the scenario, in short. A run keeps the objects that it began with: an operator that would build others
    /// leaves them alone until the run is over.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let settings = serde_json::to_vec(self).expect("settings serialise");
        let mut hasher = blake3::Hasher::new();
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
        hasher.update(&settings);
        hasher.finalize().to_hex()[..12].to_owned()
    }
}
