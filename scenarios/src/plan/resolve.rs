//! A scenario with all that the plan made of it: profiles spelt out, shares counted.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Plan, peers::Link};
use crate::spec::Scenario;

/// A scenario that leaves nothing open.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The scenario with every field filled in that it may have: one that plans to the same fleet. Peers in a site have no link
    /// of their own, so theirs is left out.
    pub document: Value,
    origins: BTreeMap<String, String>,
}

impl Resolved {
    /// Where the value of a field comes from, when it is neither given nor the language's default.
    #[must_use]
    pub fn origin(&self, path: &str) -> Option<String> {
        let known =
            self.origins.iter().find(|(field, _)| path == *field || path.starts_with(&format!("{field}.")));
        known.map(|(_, origin)| origin.clone())
    }
}

/// Fills in what a scenario leaves to profiles and to shares.
#[must_use]
pub fn resolved(scenario: &Scenario, plan: &Plan) -> Resolved {
    let (mut scenario, mut origins) = (scenario.clone(), BTreeMap::new());
    scenario.spec.seed = plan.seed.0;
    for (number, (group, planned)) in scenario.spec.groups.iter_mut().zip(plan.peers.groups()).enumerate() {
        let path = format!("spec.groups[{number}]");
        if let Some(share) = group.share.take() {
            group.peers = Some(planned.count);
            origins.insert(format!("{path}.peers"), format!("{share} of spec.peers"));
        }
        if group.site.is_some() {
            continue;
        }
        let word = serde_json::to_value(group.link.profile).expect("a word serialises");
        let origin = format!("profile {}", word.as_str().unwrap_or_default());
        let link = Link::of(&group.link);
        group.link.down = Some(link.down);
        group.link.up = Some(link.up);
        group.link.access = Some(link.access);
        group.link.loss = Some(link.loss);
        for field in ["down", "up", "access", "loss"] {
            origins.insert(format!("{path}.link.{field}"), origin.clone());
        }
    }
    let mut document = serde_json::to_value(&scenario).expect("a scenario serialises");
    for (number, group) in scenario.spec.groups.iter().enumerate() {
        if group.site.is_some()
            && let Some(fields) = document["spec"]["groups"][number].as_object_mut()
        {
            fields.remove("link");
        }
    }
    Resolved { document, origins }
}
