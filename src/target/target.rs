//! A compiled target: everything that a profile, its parameters and the caller's headers say, ready to form
//! requests and to read answers. Nothing is parsed after this.

use super::auth::Auth;
use super::called::Calling;
use super::deletion::Deletion;
use super::document::Node;
use super::errors::{Findings, ProfileErrors, Spot};
use super::group::{Group, PerRequest};
use super::identity::{Trait, counted};
use super::job::JobWay;
use super::mapping::Mapping;
use super::oauth::Grant;
use super::params::{ParamSpec, Params};
use super::pointer::Pointer;
use super::profile::Profile;
use super::reader::Reader;
use super::rule::{Rule, Then};
use super::section::Section;
use super::settings::{Flow, Idempotency, Limits, OnAmbiguous, Retry, Scope};
use super::sigv4::Signer;
use super::slot::RowNaming;
use super::step::Step;
use super::variant;
use super::verify::Verify;
use crate::model::{Digest, Hasher};
use std::collections::BTreeMap;

/// What the caller decides over the profile's head.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Stands for the origin in the identity, as in `sandbox:`.
    pub origin_identity: Option<String>,
    /// Secrets that it needs may be missing: nothing is sent, or a practice server is asked.
    pub unsigned: bool,
    /// Headers of the caller's that count though their values are masked: what they are called is no secret's name.
    pub open_headers: Vec<String>,
    /// What no message may hold, beside the values of secret parameters and headers: parts of these.
    pub secrets: Vec<String>,
    pub on_ambiguous: Option<OnAmbiguous>,
}

/// How rows are found that were refused without being named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attribution {
    /// Not at all: the batch is reported.
    #[default]
    Batch,
    /// By halves, since writing a row twice does no harm.
    Bisect,
}

/// A target, compiled.
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) name: String,
    /// Made from an address alone.
    pub(super) is_bare: bool,
    pub(super) mapping: Mapping,
    pub(super) naming: RowNaming,
    pub(super) limits: Limits,
    pub(super) idempotency: Idempotency,
    pub(super) flow: Flow,
    pub(super) retry: Retry,
    pub(super) rules: Vec<Rule>,
    pub(super) readers: BTreeMap<String, Reader>,
    /// See [`Self::tells_apart`].
    pub(super) callings: Vec<Calling>,
    pub(super) group: Option<Group>,
    pub(super) job: Option<JobWay>,
    pub(super) verify: Option<Verify>,
    pub(super) before: Vec<Step>,
    pub(super) after: Vec<Step>,
    pub(super) commits_after: bool,
    pub(super) attribution: Attribution,
    pub(super) expires: Option<Pointer>,
    /// How rows are deleted.
    pub(super) deletion: Option<Box<Target>>,
    pub(super) secrets: Vec<String>,
    pub(super) grant: Option<Grant>,
    pub(super) signer: Option<Signer>,
    /// What to say when the target does not know us.
    pub(super) credential_hint: String,
    pub(super) identity: Digest,
    pub(super) place: Digest,
    pub(super) traits: Vec<Trait>,
}

impl Target {
    /// Fills in the parameters and compiles. `headers` are name, value, and whether the value is a secret.
    pub fn compile(
        profile: &Profile,
        values: &BTreeMap<String, String>,
        headers: &[(String, String, bool)],
        overrides: &Overrides,
    ) -> Result<Self, ProfileErrors> {
        let findings = Findings::default();
        let spot = profile.spot();
        let needed = |spec: &&ParamSpec| spec.required && spec.default.is_none();
        for spec in profile.params().iter().filter(needed).filter(|spec| !(spec.secret && overrides.unsigned))
        {
            if !values.contains_key(&spec.name) {
                let spot = Spot { file: spot.file.clone(), line: spec.line };
                findings.add(&spot, format!("parameter `{}` has no value", spec.name), remedy(spec));
            }
        }
        for name in values.keys().filter(|name| !profile.params().iter().any(|spec| spec.name == **name)) {
            let known: Vec<&str> = profile.params().iter().map(|spec| spec.name.as_str()).collect();
            let remedy = match super::errors::nearest(name, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "it has none".to_owned(),
                None => format!("it has {}", known.join(", ")),
            };
            findings.add(&spot, format!("the profile has no parameter `{name}`"), remedy);
        }
        for spec in profile.params() {
            if let Some(value) = values.get(&spec.name).filter(|value| !spec.takes(value)) {
                let spot = Spot { file: spot.file.clone(), line: spec.line };
                findings.add(
                    &spot,
                    format!("parameter `{}` cannot be `{value}`", spec.name),
                    spec.choice(value),
                );
            }
        }
        if !findings.is_empty() {
            return Err(findings.verdict().err().unwrap_or(ProfileErrors(Vec::new())));
        }
        let params = Params::new(profile.params(), Some(values.clone()), &findings);
        let root = variant::chosen(profile.root(), &params);
        let target = Self::draw(profile, &root, &params, headers, overrides);
        findings.verdict()?;
        Ok(target)
    }

    /// Reads the whole profile; what is wrong is told to the findings.
    pub(super) fn draw(
        profile: &Profile,
        root: &Node,
        params: &Params<'_>,
        headers: &[(String, String, bool)],
        overrides: &Overrides,
    ) -> Self {
        let root = Section::of("", root, params.findings);
        // Read before: the profile checks them.
        root.node("profile");
        root.node("params");
        root.node("variant");
        let auth = Auth::read(&root, params);
        let limits = Limits::read(&root);
        let (row_key, expires) = row_facts(&root, params);
        let one_row = limits.rows == Some(1);
        let mut idempotency = Idempotency::read(&root, params, one_row);
        idempotency.declared = overrides.on_ambiguous.or(idempotency.declared);
        let naming = RowNaming {
            key: row_key,
            format: idempotency.format.unwrap_or(super::key_form::KeyFormat::Uuid),
        };
        let secrets = secrets_of(params, &auth, headers, &overrides.secrets);
        let mapping = match root.section("request") {
            Some(section) => Mapping::read(section, params, &auth, headers, &naming, &idempotency, one_row),
            None => {
                let remedy = "say where rows go: [request] with method and url";
                root.wrong("request", "there is no [request]", remedy);
                Mapping::default()
            }
        };
        let deletion = Deletion::read(&root, params, &auth, headers, &naming);
        let counted = counted(headers, &auth, overrides);
        let (rules, readers) = answers(&root, &naming);
        let group = Group::read(&root, params);
        let attribution = attribution(&root, &idempotency, group.as_ref());
        let job = JobWay::read(&root, params, &naming);
        let verify = Verify::read(&root, params, &naming);
        let flow = Flow::read(&root);
        let retry = Retry::read(&root);
        let (before, after) = (Step::read(&root, "before", params), Step::read(&root, "after", params));
        check_names(&rules, &readers, job.as_ref(), &root);
        check_names(deletion.as_ref().map_or(&[], Deletion::rules), &readers, None, &root);
        let credential_hint = credential_hint(profile, &root, params, headers);
        root.done();
        let mut target = Self {
            name: profile.name().to_owned(),
            is_bare: *profile.spot().file == *super::bare_url::FILE,
            credential_hint,
            commits_after: mapping.commits_after,
            mapping,
            naming,
            limits,
            idempotency,
            flow,
            retry,
            deletion: None,
            rules,
            readers,
            callings: Vec::new(),
            group,
            job,
            verify,
            before,
            after,
            attribution,
            expires,
            secrets,
            // A header that the caller gives goes before what would be asked for.
            grant: auth.grant.filter(|_| !headers.iter().any(|(name, ..)| is_authorization(name))),
            signer: auth.signer.filter(|_| !headers.iter().any(|(name, ..)| is_authorization(name))),
            identity: Digest([0; 32]),
            place: Digest([0; 32]),
            traits: Vec::new(),
        };
        target.callings = target.callings();
        let origin = overrides.origin_identity.as_deref();
        target.identity = target.identify(origin, &counted);
        target.place = Hasher::new("bulkhaul/place").field(target.mapping.place(origin).as_bytes()).finish();
        target.traits = target.traits_of(origin, &counted, params);
        target.deletion = deletion.map(|deletion| Box::new(deletion.of(&target, overrides, &counted)));
        target
    }

    /// Its address is this machine.
    pub fn is_local(&self) -> bool {
        is_loopback(self.mapping.url.head())
    }

    /// Whoever is on the way can read its secrets.
    pub fn is_exposed(&self) -> bool {
        self.mapping.url.head().starts_with("http://") && !self.is_local() && !self.secrets.is_empty()
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub fn idempotency(&self) -> &Idempotency {
        &self.idempotency
    }

    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    pub fn retry(&self) -> &Retry {
        &self.retry
    }

    /// How requests depend on fields of their rows, if they do.
    pub fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    pub fn attribution(&self) -> Attribution {
        self.attribution
    }

    /// Where a row says until when it may be sent.
    pub fn expires(&self) -> Option<&Pointer> {
        self.expires.as_ref()
    }

    /// Values that no message may hold, the longest first.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }
}

/// Whether an address is this machine's.
pub(super) fn is_loopback(url: &str) -> bool {
    let (home, _) = super::job::origin(url);
    let host = home.split("://").nth(1).unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_authorization(name: &str) -> bool {
    name.eq_ignore_ascii_case("authorization")
}

/// All that no message may hold; the longest first, so that no part of one is left over.
fn secrets_of(
    params: &Params<'_>,
    auth: &Auth,
    headers: &[(String, String, bool)],
    more: &[String],
) -> Vec<String> {
    let given = headers.iter().filter(|(_, _, secret)| *secret).map(|(_, value, _)| value.clone());
    let mut secrets = params.secrets();
    let given = given.chain(more.iter().cloned());
    secrets.extend(auth.derived.iter().cloned().chain(given).filter(|value| !value.is_empty()));
    let escaped = |secret: &String| {
        let json = serde_json::to_string(secret).ok()?;
        let inner = json[1..json.len() - 1].to_owned();
        (inner != *secret).then_some(inner)
    };
    let as_json: Vec<String> = secrets.iter().filter_map(escaped).collect();
    secrets.extend(as_json);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

fn attribution(root: &Section<'_>, idempotency: &Idempotency, group: Option<&Group>) -> Attribution {
    let Some(section) = root.section("attribution") else { return Attribution::Batch };
    let words = [("batch", Attribution::Batch), ("bisect", Attribution::Bisect)];
    let word = section.word("rows", &words).unwrap_or_default();
    // Where one key is for all rows of a request, only an upsert's rows stand alone.
    let upserts = group.is_some_and(|group| group.per_request == PerRequest::Unique);
    if word == Attribution::Bisect && !matches!(idempotency.scope, Scope::Natural | Scope::Row) && !upserts {
        let message = "halves are sent again, and rows that were taken would be doubled";
        let remedy = "write rows = \"batch\"; or, if a row written twice is written once, scope = \"natural\" in [idempotency]";
        section.wrong("rows", message, remedy);
    }
    section.done();
    word
}

fn remedy(spec: &ParamSpec) -> String {
    match (spec.name.as_str(), &spec.env) {
        ("base", None) => "give the address with --url".to_owned(),
        (_, Some(env)) => format!("set ${env}"),
        (name, None) => format!("give it with --set {name}=VALUE"),
    }
}

/// What to look at where the target refuses whoever asks: of the secrets those that its credentials are made of.
fn credential_hint(
    profile: &Profile,
    root: &Section<'_>,
    params: &Params<'_>,
    headers: &[(String, String, bool)],
) -> String {
    if headers.iter().any(|(name, ..)| name == "authorization") {
        return "check the token: the header `authorization`, from -H".to_owned();
    }
    let auth = root.node("auth").map(super::auth::named_in).unwrap_or_default();
    let secrets = || profile.params().iter().filter(|spec| spec.secret);
    let mut named: Vec<&ParamSpec> = secrets().filter(|spec| auth.contains(&spec.name)).collect();
    if named.is_empty() {
        named = secrets().collect();
    }
    let is_given = |spec: &ParamSpec| {
        spec.default.is_some() || params.values.as_ref().is_none_or(|values| values.contains_key(&spec.name))
    };
    let sent = named.iter().find(|spec| is_given(spec));
    let missing = named.iter().find(|spec| spec.env.is_some()).or(named.first());
    match (sent.or(missing).map(|spec| (&spec.name, &spec.env)), sent) {
        (Some((name, Some(env))), Some(_)) => format!("check the token: parameter `{name}`, from ${env}"),
        (Some((name, None)), Some(_)) => format!("check the token: parameter `{name}`"),
        (Some((_, Some(env))), None) => {
            format!("no token was sent, as ${env} is not set: export {env}=… first")
        }
        (Some((name, None)), None) => {
            format!("no token was sent: give it with --set '{name}=${{env:VAR}}'")
        }
        (None, _) => {
            "if the target wants a token, give it with -H 'Authorization: Bearer ${env:TOKEN}'".to_owned()
        }
    }
}

fn row_facts(root: &Section<'_>, params: &Params<'_>) -> (Option<Pointer>, Option<Pointer>) {
    let Some(section) = root.section("row") else { return (None, None) };
    let at = |key: &'static str| {
        let text = section.text(key).filter(|text| !text.is_empty())?;
        let text = params.pointer(text, &section.spot_of(key))?;
        super::rule::pointer(&text, &section, key)
    };
    let facts = (at("key"), at("expires"));
    section.done();
    facts
}

fn answers(root: &Section<'_>, naming: &RowNaming) -> (Vec<Rule>, BTreeMap<String, Reader>) {
    let rules = root.sections("response").into_iter().map(Rule::read).collect();
    let mut readers = BTreeMap::new();
    for (name, _, node) in root.entries("results") {
        let section = Section::of(&format!("[results.{name}]"), node, root.findings);
        readers.insert(name.to_owned(), Reader::read(section, naming));
    }
    (rules, readers)
}

/// Every reader that is named is there, and a job is only taken on where one is described.
fn check_names(rules: &[Rule], readers: &BTreeMap<String, Reader>, job: Option<&JobWay>, root: &Section<'_>) {
    let known: Vec<&str> = readers.keys().map(String::as_str).collect();
    let missing = |name: &str, spot: &Spot| {
        let remedy = super::errors::nearest(name, &known)
            .map_or_else(|| format!("write [results.{name}]"), |near| format!("did you mean `{near}`?"));
        root.findings.add(spot, format!("there is no reader `{name}`"), remedy);
    };
    for rule in rules {
        if let Some(name) = rule.reader.as_deref().filter(|name| !readers.contains_key(*name)) {
            missing(name, &rule.spot);
        }
        if rule.then == Then::Job && job.is_none() {
            root.findings.add(&rule.spot, "then = \"job\" without [job]", "say in [job] how it is polled");
        }
    }
    for (name, spot) in job.iter().flat_map(|job| job.named()) {
        if !readers.contains_key(name) {
            missing(name, spot);
        }
    }
    for reader in readers.values() {
        for name in reader.also.iter().filter(|name| !readers.contains_key(*name)) {
            missing(name, &root.spot);
        }
    }
}
