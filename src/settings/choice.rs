//! Which target, and with which values: a URL, a profile, a built-in or the sandbox.

use super::credential::{self, is_secret_header};
use super::profile::{builtin_or_near, read_profile};
use super::secret::{Filled, fill};
use crate::args::SendArgs;
use crate::edge::wire::check_url;
use crate::error::Error;
use crate::target::{KeyPlace, Overrides, ParamSpec, Profile, ProfileErrors, Target, header_fault, nearest};
use std::collections::BTreeMap;
use std::iter;
use std::path::Path;

/// A target that was chosen, its profile read; not compiled, since the sandbox's address comes later.
#[derive(Clone, Debug)]
pub struct Chosen {
    pub(super) profile: Profile,
    pub(super) values: BTreeMap<String, String>,
    pub(super) headers: Vec<(String, String, bool)>,
    /// What was looked up for headers and secret parameters.
    secrets: Vec<String>,
    pub is_sandbox: bool,
    /// The profile is a file of the caller's, and not one that comes with the program.
    is_file: bool,
}

impl Chosen {
    pub fn name(&self) -> &str {
        self.profile.name()
    }

    /// Compiles the target. `sandbox` is the practice server's address, where that is the target.
    pub fn compile(&self, sandbox: Option<&str>) -> Result<Target, Error> {
        // Those who send have looked for secrets before ([`Self::check_secrets`]); a plan needs none.
        let names = self.headers.iter().map(|(name, ..)| name);
        let open_headers = names.filter(|name| !is_secret_header(name)).cloned().collect();
        let secrets = self.secrets.clone();
        let mut overrides = Overrides { unsigned: true, open_headers, secrets, ..Overrides::default() };
        let mut values = self.values.clone();
        if let Some(address) = sandbox {
            values.insert("base".to_owned(), address.to_owned());
            // Never the port: another run gets another one, and it is the same sandbox.
            overrides.origin_identity = Some("sandbox:".to_owned());
        }
        let target = Target::compile(&self.profile, &values, &self.headers, &overrides)
            .map_err(|errors| self.wrong(&errors))?;
        if let Some(KeyPlace::Header(name)) = &target.idempotency().place
            && self.headers.iter().any(|(known, ..)| known == name)
        {
            return Err(Error::usage(format!("the header `{name}` carries the idempotency key"))
                .hint("leave -H for it out: each request gets a key of its own"));
        }
        Ok(target)
    }

    /// A profile that comes with the program has no fault: what is wrong is a value that was typed, and its lines are
    /// nobody's.
    fn wrong(&self, errors: &ProfileErrors) -> Error {
        match errors.0.as_slice() {
            [error, ..] if !self.is_file => {
                Error::usage(format!("no target for `{}`: {}", self.name(), error.message))
                    .hint(&error.remedy)
            }
            _ => Error::failed(errors.to_string()),
        }
    }
}

impl Chosen {
    /// Secrets that the target wants and nobody gave: found before anything is opened or sent. The practice server
    /// of the run itself wants none.
    pub fn check_secrets(&self) -> Result<(), Error> {
        let missing =
            |spec: &&ParamSpec| spec.secret && spec.required && !self.values.contains_key(&spec.name);
        let authorized = self.headers.iter().any(|(name, ..)| name == "authorization");
        match self.profile.params().iter().find(missing).filter(|_| !self.is_sandbox && !authorized) {
            Some(spec) => Err(missing_secret(spec, self.name())),
            None => Ok(()),
        }
    }
}

fn missing_secret(spec: &ParamSpec, profile: &str) -> Error {
    match &spec.env {
        Some(env) => Error::failed(format!("`{profile}` needs a token, and ${env} is not set"))
            .hint(format!("export {env}=… first")),
        None => Error::failed(format!("`{profile}` needs the secret `{}`", spec.name)).hint(remedy(spec)),
    }
}

/// Finds the target that `--to` names, and the values of its parameters.
pub fn choose(args: &SendArgs) -> Result<Chosen, Error> {
    let is_sandbox = args.to == "sandbox";
    let is_url = args.to.contains("://");
    refuse_misplaced(args, is_url, is_sandbox)?;
    let typed = typed_values(&args.set, args.url.as_deref())?;
    let headers = headers(args)?;
    let is_file = names_file(&args.to);
    let profile = if is_url {
        url_profile(args)?
    } else if is_file {
        let path = Path::new(&args.to);
        if !path.exists() && !has_ending(&args.to, "toml") && looks_like_an_address(&args.to) {
            return Err(Error::usage(format!("`{}` is neither a URL nor a profile", args.to))
                .hint(format!("a URL says how: http://{0} or https://{0}", args.to)));
        }
        read_profile(path)?.map_err(|errors| Error::failed(errors.to_string()))?
    } else {
        let name = if is_sandbox { "orders-batch" } else { &args.to };
        builtin_or_near(name)?
    };
    let secrets = secrets(&profile, &typed, &headers);
    let values = values(args, &profile, typed)?;
    let headers = headers.into_iter().map(|(name, Filled { value, named })| (name, value, !named.is_empty()));
    let headers = headers.collect();
    let chosen = Chosen { profile, values, headers, secrets, is_sandbox, is_file };
    if !is_sandbox {
        // Before anything is made.
        chosen.compile(None)?;
    }
    Ok(chosen)
}

/// `localhost:8080/rows`, `api.example.com/orders`: an address that lacks its scheme.
fn looks_like_an_address(text: &str) -> bool {
    let host = text.split('/').next().unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    !name.is_empty()
        && !name.starts_with('.')
        && (name.contains('.') || host.contains(':') || name == "localhost")
}

/// Whether `--to` names the file of a profile.
pub fn names_file(to: &str) -> bool {
    !to.contains("://") && (to.contains('/') || has_ending(to, "toml"))
}

fn has_ending(name: &str, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

fn refuse_misplaced(args: &SendArgs, is_url: bool, is_sandbox: bool) -> Result<(), Error> {
    let url_only = [
        ("--envelope", args.envelope.is_some()),
        ("--idempotency-header", args.idempotency_header.is_some()),
        ("--method", args.method.is_some()),
    ];
    if let Some((option, _)) = url_only.iter().find(|(_, given)| *given && !is_url) {
        return Err(Error::usage(format!(
            "`{option}` is for a URL; `{}` is described by its profile",
            args.to
        )));
    }
    if args.timeout.is_some_and(|time| time.0.is_zero()) {
        return Err(Error::usage("`--timeout 0` leaves no time for an answer").hint("as in --timeout 60s"));
    }
    if let Some(url) = &args.url
        && !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme))
    {
        return Err(Error::usage(format!("`--url {url}` is no address"))
            .hint("it begins with https:// (or http://) and has no slash at its end"));
    }
    if let Some(url) = &args.url {
        check_url(url).map_err(|why| Error::usage(format!("`--url {url}` is no address: {why}")))?;
    }
    if is_url && args.url.is_some() {
        return Err(Error::usage("`--url` is for a profile; here `--to` is the URL"));
    }
    if !is_sandbox && (args.faults.is_some() || args.seed.is_some()) {
        return Err(Error::usage("`--faults` and `--seed` are for `--to sandbox`"));
    }
    if is_sandbox && args.url.is_some() {
        return Err(Error::usage("`--to sandbox` starts its own server; it takes no `--url`")
            .hint("for a sandbox of your own: --to orders-batch --url http://127.0.0.1:PORT"));
    }
    Ok(())
}

fn url_profile(args: &SendArgs) -> Result<Profile, Error> {
    credential::refuse_in_query(&args.to, "`--to`")?;
    let ttl = args.key_ttl.map(|ttl| ttl.0);
    let method = args.method.as_deref().unwrap_or("POST");
    check_url(&args.to).map_err(|why| Error::usage(format!("`{}` is no address: {why}", args.to)))?;
    let (envelope, header) = (args.envelope.as_deref(), args.idempotency_header.as_deref());
    Profile::for_url(&args.to, envelope, header, ttl, method).map_err(|errors| match errors.0.as_slice() {
        // The text that it is made of is nobody's: no line of it is told.
        [error, ..] => Error::usage(format!("`{}`: {}", error.file, error.message)).hint(&error.remedy),
        [] => Error::usage(errors.to_string()),
    })
}

/// What `--set` says of a profile's parameters, where nothing is sent.
pub fn typed_parameters(profile: &Profile, set: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let mut typed = typed_values(set, None)?;
    refuse_unknown(profile, &typed)?;
    let given = profile.params().iter().filter_map(|spec| Some((spec, typed.remove(&spec.name)?)));
    given.map(|(spec, filled)| Ok((spec.name.clone(), checked(profile, spec, filled)?))).collect()
}

fn typed_values(set: &[String], url: Option<&str>) -> Result<BTreeMap<String, Filled>, Error> {
    let mut values = BTreeMap::new();
    for given in set {
        let (name, value) = given
            .split_once('=')
            .ok_or_else(|| Error::usage(format!("`--set {given}`: it looks like `--set name=value`")))?;
        let filled = fill(value, &format!("`--set {name}`"))?;
        if !filled.is_named() {
            credential::refuse_in_query(value, &format!("`--set {name}`"))?;
        }
        if values.insert(name.to_owned(), filled).is_some() {
            return Err(Error::usage(format!("`--set {name}` is given twice")));
        }
    }
    if let Some(url) = url {
        credential::refuse_in_query(url, "`--url`")?;
        let filled = Filled { value: url.trim_end_matches('/').to_owned(), named: Vec::new() };
        values.insert("base".to_owned(), filled);
    }
    Ok(values)
}

fn headers(args: &SendArgs) -> Result<Vec<(String, Filled)>, Error> {
    args.headers
        .iter()
        .map(|given| {
            let (name, value) =
                given.split_once(':').ok_or_else(|| Error::usage("a header looks like -H 'Name: value'"))?;
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            if let Some((message, remedy)) = header_fault(&name) {
                return Err(Error::usage(message).hint(remedy));
            }
            let filled = fill(value, &format!("header `{name}`"))?;
            if filled.value.bytes().any(|byte| byte < 0x20 && byte != b'\t' || byte == 0x7f) {
                return Err(Error::failed(format!(
                    "the value of the header `{name}` holds a control character"
                ))
                .hint("a line end at the end of a token's file or variable is the usual cause"));
            }
            if is_secret_header(&name) && !filled.is_named() {
                return Err(Error::usage(format!("the header `{name}` is a secret, and was typed"))
                    .hint(format!("name it instead: -H '{name}: ${{env:VAR}}' or ${{file:PATH}}")));
            }
            Ok((name, filled))
        })
        .collect()
}

/// All that was looked up for a secret. A target that repeats a token leaves out what stood before it.
fn secrets(profile: &Profile, typed: &BTreeMap<String, Filled>, headers: &[(String, Filled)]) -> Vec<String> {
    let of_headers = headers.iter().flat_map(|(_, filled)| &filled.named);
    let params = profile.params().iter().filter(|spec| spec.secret);
    let of_params = params.filter_map(|spec| typed.get(&spec.name)).flat_map(|filled| &filled.named);
    let found = of_headers.chain(of_params);
    // `Bearer …` may stand in the variable itself.
    found
        .flat_map(|found| iter::once(found.as_str()).chain(found.split_once(' ').map(|(_, token)| token)))
        .map(str::to_owned)
        .collect()
}

/// Headers whose values are named, and not typed, though they are called as no secret is: other values are another import.
pub fn named_headers(args: &SendArgs) -> Vec<String> {
    let named = args.headers.iter().filter_map(|given| given.split_once(':'));
    let named = named.filter(|(_, value)| value.contains("${"));
    let names = named.map(|(name, _)| name.trim().to_ascii_lowercase());
    names.filter(|name| !is_secret_header(name)).collect()
}

/// What was typed, then the environment; defaults are the profile's business.
fn values(
    args: &SendArgs,
    profile: &Profile,
    mut typed: BTreeMap<String, Filled>,
) -> Result<BTreeMap<String, String>, Error> {
    refuse_unknown(profile, &typed)?;
    let mut values = BTreeMap::new();
    for spec in profile.params() {
        match typed.remove(&spec.name) {
            Some(filled) => {
                values.insert(spec.name.clone(), checked(profile, spec, filled)?);
            }
            // The practice server of the run itself wants no token.
            None if args.to == "sandbox" && spec.secret => {}
            None => match from_environment(spec)? {
                Some(value) => {
                    values.insert(spec.name.clone(), value);
                }
                // A secret that is missing matters to those who send.
                None if spec.secret || !spec.required || spec.default.is_some() => {}
                None if args.to == "sandbox" && spec.name == "base" => {}
                None => return Err(missing(spec, profile.name())),
            },
        }
    }
    Ok(values)
}

/// A value that was typed for this parameter.
fn checked(profile: &Profile, spec: &ParamSpec, filled: Filled) -> Result<String, Error> {
    let name = &spec.name;
    if spec.secret && !filled.is_named() {
        return Err(
            Error::usage(format!("the parameter `{name}` is a secret, and was typed")).hint(remedy(spec))
        );
    }
    let value = filled.value;
    if !spec.takes(&value) {
        let message = format!("`--set {name}={value}`: `{}` knows no such value", profile.name());
        return Err(Error::usage(message).hint(spec.choice(&value)));
    }
    if spec.secret {
        credential::check(&value, &format!("what `--set {name}` names"), &remedy(spec))?;
    }
    Ok(value)
}

/// The value that the parameter's variable has, if it is set.
fn from_environment(spec: &ParamSpec) -> Result<Option<String>, Error> {
    let Some(name) = &spec.env else { return Ok(None) };
    let Some(value) = std::env::var_os(name) else { return Ok(None) };
    let whence = format!("the environment variable `{name}`");
    let value = value.into_string().map_err(|_| Error::failed(format!("{whence} is not UTF-8 text")))?;
    if spec.secret {
        let without = if spec.required { "" } else { ", or unset it to go without a token" };
        credential::check(&value, &whence, &format!("export {name}=… first{without}"))?;
    }
    Ok(Some(value).filter(|value| !value.is_empty()))
}

/// A name that was typed and that the profile does not know: before anything that is missing, which may be it.
fn refuse_unknown(profile: &Profile, typed: &BTreeMap<String, Filled>) -> Result<(), Error> {
    let known: Vec<&str> = profile.params().iter().map(|spec| spec.name.as_str()).collect();
    let Some(name) = typed.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let hint = match nearest(name, &known) {
        Some(near) => format!("did you mean `{near}`? its parameters: {}", known.join(", ")),
        None if known.is_empty() => "it has none".to_owned(),
        None => format!("its parameters: {}", known.join(", ")),
    };
    Err(Error::usage(format!("`{}` has no parameter `{name}`", profile.name())).hint(hint))
}

fn remedy(spec: &ParamSpec) -> String {
    match &spec.env {
        Some(env) => format!(
            "export {env}=… and leave --set {} out, or --set {}='${{file:PATH}}'",
            spec.name, spec.name
        ),
        None => format!("name it instead: --set {}='${{env:VAR}}' or '${{file:PATH}}'", spec.name),
    }
}

fn missing(spec: &ParamSpec, profile: &str) -> Error {
    let how = match (&*spec.name, &spec.env) {
        ("base", _) => "say --url https://…".to_owned(),
        (_, Some(env)) => format!("export {env}=… first"),
        (name, None) => format!("say --set {name}=…"),
    };
    Error::usage(format!("`{profile}` needs the parameter `{}`", spec.name)).hint(how)
}
