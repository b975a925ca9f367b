//! What a target is known by: another one is another import. And its traits one by one, so that people can be told
//! which of them has changed: names, and hashes of values that are no secrets.

use super::auth::Auth;
use super::params::Params;
use super::target::{Overrides, Target};
use crate::model::{Digest, Hasher};
use serde::{Deserialize, Serialize};

/// Enough of a hash to see that a value is another one.
const TRAIT_BYTES: usize = 8;

/// One trait of a target, as it is typed or called, and the beginning of the hash of its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trait(String, String);

impl Trait {
    fn of(name: impl Into<String>, value: &str) -> Self {
        let hash = Hasher::new("bulkhaul/trait").field(value.as_bytes()).finish();
        Self(name.into(), Digest::hex_of(&hash.0[..TRAIT_BYTES]))
    }

    /// What is not the same in both, each once, in the order of `new`.
    pub fn changed(old: &[Self], new: &[Self]) -> Vec<String> {
        let differing = new.iter().filter(|it| !old.contains(it));
        let gone = old.iter().filter(|it| !new.iter().any(|other| other.0 == it.0));
        differing.chain(gone).map(|it| it.0.clone()).collect()
    }
}

impl Target {
    /// Origin, path and mapping: another one is another import.
    pub fn identity(&self) -> Digest {
        self.identity
    }

    /// Origin and path alone: what another mapping has delivered here is here all the same.
    pub fn place(&self) -> Digest {
        self.place
    }

    /// What the identity is made of, for words; the identity alone decides.
    pub fn traits(&self) -> &[Trait] {
        &self.traits
    }

    pub(super) fn identify(&self, origin: Option<&str>, headers: &[(String, String)]) -> Digest {
        let mut hasher = Hasher::new("bulkhaul/target");
        for field in self.mapping.identity(origin) {
            hasher = hasher.field(field.as_bytes());
        }
        for step in self.before.iter().chain(&self.after) {
            hasher = hasher.field(step.identity().as_bytes());
        }
        for (name, value) in headers {
            hasher = hasher.field(name.as_bytes()).field(value.as_bytes());
        }
        hasher.finish()
    }

    pub(super) fn traits_of(
        &self,
        origin: Option<&str>,
        headers: &[(String, String)],
        params: &Params<'_>,
    ) -> Vec<Trait> {
        let fields = self.mapping.identity(origin);
        let names = ["the method", "the address", "the format of a request"];
        let fixed = names.iter().zip(&fields).map(|(name, value)| Trait::of(*name, value));
        let body =
            Trait::of("what a request is made of", &fields[names.len().min(fields.len())..].join("\n"));
        let steps = self.before.iter().chain(&self.after);
        let steps: Vec<String> = steps.map(super::step::Step::identity).collect();
        let headers = headers.iter().map(|(name, value)| Trait::of(format!("-H {name}"), value));
        // Where another origin stands for it, the base is another one each time.
        let open = params.open().into_iter().filter(|(name, _)| origin.is_none() || name != "base");
        let open = open.map(|(name, value)| {
            let name = if name == "base" { "--url".to_owned() } else { format!("--set {name}") };
            Trait::of(name, &value)
        });
        let steps = Trait::of("the steps around a request", &steps.join("\n"));
        open.chain(headers).chain(fixed).chain([body, steps]).collect()
    }
}

/// The caller's headers by which a target is known, in which order they were typed being nobody's concern; that of equal
/// names is the target's.
pub(super) fn counted(
    headers: &[(String, String, bool)],
    auth: &Auth,
    overrides: &Overrides,
) -> Vec<(String, String)> {
    let is_open = |name: &String| {
        overrides.open_headers.contains(name) && !auth.headers.iter().any(|(known, _)| known == name)
    };
    let counted = headers.iter().map(|(name, value, secret)| (name.to_ascii_lowercase(), value, *secret));
    let counted = counted.filter(|(name, _, secret)| !secret || is_open(name));
    let mut counted: Vec<_> = counted.map(|(name, value, _)| (name, value.clone())).collect();
    counted.sort_by(|one, other| one.0.cmp(&other.0));
    counted
}
