//! One of several operators works; the others stand by.

use kube::Client;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use tokio::{sync::watch::Receiver, task::JoinHandle};

/// The name of the lease.
pub const LEASE: &str = "peerlab-operator";

/// How long a lease is good without being renewed, in seconds: a leader that died is followed after that.
const DURATION_SECONDS: u64 = 15;

/// How long before that it is renewed, in seconds.
const GRACE_SECONDS: u64 = 5;

/// What it takes to be the one that works.
pub struct Candidate {
    leads: Receiver<bool>,
    task: JoinHandle<Result<LeaseManager, LeaseManagerError>>,
}

impl Candidate {
    /// Stands for election in a namespace, by a name of its own.
    ///
    /// # Errors
    /// When the lease can neither be read nor made.
    pub async fn stand(client: Client, namespace: &str, identity: &str) -> Result<Self, LeaseManagerError> {
        let manager = LeaseManagerBuilder::new(client, LEASE)
            .with_namespace(namespace)
            .with_identity(identity)
            .with_duration(DURATION_SECONDS)
            .with_grace(GRACE_SECONDS)
            .build()
            .await?;
        let (leads, task) = manager.watch().await;
        Ok(Self { leads, task })
    }

    /// Waits until this is the one that works.
    pub async fn elected(&mut self) {
        // The sender lives as long as the task, which goes on until `resign`.
        let _ = self.leads.wait_for(|leads| *leads).await;
    }

    /// Waits until it is not any longer.
    pub async fn deposed(&mut self) {
        let _ = self.leads.wait_for(|leads| !*leads).await;
    }

    /// Gives the lease back, so that another need not wait until it is over.
    ///
    /// # Errors
    /// When it could not be given back.
    pub async fn resign(self) -> Result<(), LeaseManagerError> {
        drop(self.leads);
        match self.task.await {
            Ok(resigned) => resigned.map(|_| ()),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}
