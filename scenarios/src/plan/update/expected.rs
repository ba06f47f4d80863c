//! How much an update may be expected to move: what a run costs is estimated from it before it begins.

use super::UpdatePlan;

impl UpdatePlan {
    /// Chunks of one release.
    #[must_use]
    pub fn chunks(&self) -> f64 {
        self.spec.chunks() as f64
    }

    /// Chunks that those who are to have the releases of the run fetch: each once, if they are always there and get no falsified
    /// ones.
    #[must_use]
    pub fn expected_chunks(&self) -> f64 {
        self.releases.len() as f64 * self.chunks() * self.expected as f64
    }

    /// Chunks that the publishers make in the run.
    #[must_use]
    pub fn made_chunks(&self) -> f64 {
        self.releases.len() as f64 * self.chunks() * self.publishers.len() as f64
    }

    /// Peers with whom one that takes part is connected for the update, at most and in the mean: its own partners, and those whose
    /// partner it is.
    #[must_use]
    pub fn mates(&self) -> f64 {
        let partners = &self.spec.partners;
        2.0 * f64::from(partners.near.get() + partners.far.get())
    }
}
