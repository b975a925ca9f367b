//! Which dead letters a replay is of, how records among them are read, and whose they are.

use super::letters::{self, Foreign, of_any};
use super::rejects;
use super::replays::{root_of_state, states_of_file};
use crate::args::{FormatArg, ReplayArgs, SendArgs};
use crate::edge::source::Layout;
use crate::error::Error;
use crate::report::speech;
use crate::settings;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What is meant, found without making anything.
#[derive(Debug)]
pub(super) struct Meant {
    pub(super) layout: Option<Layout>,
    letters: Letters,
}

#[derive(Debug)]
enum Letters {
    File(PathBuf),
    /// Of this state, which was named.
    State(PathBuf, PathBuf),
    /// On standard input, of the import in this state.
    Piped(PathBuf),
}

impl Meant {
    /// `None` if there are no letters.
    pub(super) fn of(args: &ReplayArgs) -> Result<Option<Self>, Error> {
        let send = &args.send;
        let layout = typed_layout(send)?;
        if !settings::is_piped(send) {
            let letters = letters_of(&send.inputs[0])?;
            return Ok(letters.map(|letters| Self { layout, letters }));
        }
        let state = send.state.as_ref().ok_or_else(|| {
            Error::usage("standard input does not say in which state the import of its dead letters is")
                .hint("name it: --state DIR")
        })?;
        is_there(state)?;
        Ok(Some(Self { layout, letters: Letters::Piped(root_of_state(state)) }))
    }

    /// The state whose `replays` these are, and what is done about foreign lines among them; `None` where there is not one
    /// letter, and no state.
    pub(super) fn root(&self, send: &SendArgs) -> Result<Option<(PathBuf, Foreign)>, Error> {
        let found = match &self.letters {
            Letters::File(file) => root(send, file, None)?,
            Letters::State(state, file) => root(send, file, Some(state))?,
            Letters::Piped(root) => Some((root.clone(), Foreign::Refused)),
        };
        found.iter().try_for_each(|(root, _)| settings::keep_apart(send, root))?;
        Ok(found)
    }

    /// The file that they are in: those on standard input are copied into `folder`, since they are read more than once.
    pub(super) fn file(self, folder: &Path) -> Result<PathBuf, Error> {
        match self.letters {
            Letters::File(file) | Letters::State(_, file) => Ok(file),
            Letters::Piped(_) => {
                let copy = folder.join("stdin");
                piped(&copy).map_err(|error| {
                    Error::failed(format!("standard input cannot be copied to `{}`: {error}", copy.display()))
                })?;
                // What is no dead letter is told before anything is sent.
                of_any(&copy, Foreign::Refused, &mut |_, _| Ok(()))?;
                Ok(copy)
            }
        }
    }
}

fn piped(copy: &Path) -> io::Result<()> {
    // One of an earlier run, or a link that was planted there.
    match std::fs::remove_file(copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(copy)?;
    io::copy(&mut io::stdin().lock(), &mut file)?;
    Ok(())
}

/// How records are read that could not be parsed, where options say so.
fn typed_layout(send: &SendArgs) -> Result<Option<Layout>, Error> {
    let about_csv = send.columns.is_some() || send.delimiter.is_some();
    let is_said = about_csv || send.format.is_some();
    if !is_said {
        return Ok(None);
    }
    let is_csv = send.format != Some(FormatArg::Ndjson);
    if is_csv && send.columns.is_none() {
        return Err(Error::usage(
            "records that could not be parsed are read as CSV by the names of their columns",
        )
        .hint("say --columns a,b,c beside the other options"));
    }
    let format = Some(send.format.unwrap_or(FormatArg::Csv));
    let layout = settings::layout_as(send, format)?;
    Ok(Some(Layout { header: false, ..layout }))
}

/// The file that is meant: a state folder, or an input, stands for its dead letters. None where there are none.
fn letters_of(given: &Path) -> Result<Option<Letters>, Error> {
    let beside = || {
        let mut beside = given.as_os_str().to_owned();
        beside.push(".bulkhaul");
        PathBuf::from(beside)
    };
    let state = if given.is_dir() { given.to_owned() } else { beside() };
    if !state.join("ledger.db").is_file() {
        if given.is_dir() {
            return Err(Error::failed(format!("there is no import in `{}`", given.display()))
                .hint("name a dead-letter file, or the state folder of an import"));
        }
        return Ok(Some(Letters::File(given.to_owned())));
    }
    let file = letters::file_of(&state);
    if std::fs::metadata(&file).is_ok_and(|data| data.is_file() && data.len() > 0) {
        return Ok(Some(Letters::State(state, file)));
    }
    match still_open(&state)? {
        0 => Ok(None),
        rows => Err(Error::failed(format!(
            "the dead-letter file `{}` is {}, and {} still open",
            file.display(),
            if file.exists() { "empty" } else { "not there" },
            if rows == 1 { "1 row is".to_owned() } else { format!("{} are", speech::count(rows, "row")) }
        ))
        .hint("the command that the import was made with writes it anew: run that once more, it sends nothing twice")),
    }
}

/// Rows that a state's ledger has as refused, and that no replay has delivered.
fn still_open(state: &Path) -> Result<u64, Error> {
    let (replayed, earlier) = rejects::replayed(state)?;
    if let Some(replayed) = replayed {
        return Ok(replayed.open + earlier);
    }
    let mut rows = earlier;
    rejects::each_of_state(state.to_owned(), &mut |letter| rows += letter.count())?;
    Ok(rows)
}

/// As [`Meant::root`]; `state` if one was named.
fn root(send: &SendArgs, file: &Path, state: Option<&Path>) -> Result<Option<(PathBuf, Foreign)>, Error> {
    // Sent as rows they would put back, with nothing but their keys, what had to go.
    if is_of_deletions(file) {
        let shown = file.display();
        return Err(Error::failed(format!(
            "what `{shown}` holds are deletions that were refused, and no rows"
        ))
        .hint("mend the cause; the next `send --sync … --deletes` tries them again"));
    }
    let (mut import_id, mut has_letters) = (None, false);
    of_any(file, Foreign::PassedOver, &mut |letter, _| {
        has_letters = true;
        import_id = import_id.take().or_else(|| letter.import_id.clone());
        Ok(())
    })?;
    let root = match (&send.state, state) {
        (Some(state), _) => {
            // Letters that name no import have no other books than those of their replays.
            import_id.as_ref().map_or(Ok(()), |_| is_there(state))?;
            root_of_state(state)
        }
        (None, Some(state)) => root_of_state(state),
        (None, None) => near(file, import_id.as_deref())?,
    };
    if is_shared(file, &root) {
        return Ok(Some((root, Foreign::PassedOver)));
    }
    // All of it is read: what is no dead letter is told before anything is made.
    of_any(file, Foreign::Refused, &mut |_, _| Ok(()))?;
    Ok((has_letters || root.exists()).then_some((root, Foreign::Refused)))
}

/// A slip of the hand would be a new state, which knows of none of these rows what was sent, and under which key.
fn is_there(state: &Path) -> Result<(), Error> {
    if state.is_dir() {
        return Ok(());
    }
    let shown = settings::quoted(state.as_os_str());
    Err(Error::failed(format!("there is no state folder `{}`", state.display())).hint(format!(
        "--state names the folder of the import whose dead letters these are: what was sent of them, and under which keys, \
         is known there; if it is gone, `mkdir {shown}` makes an empty one for the books of the replay"
    )))
}

/// The state near by that refused them. One that others know nothing of would hear nothing of their replay, and they would
/// be sent a second time from there: that they are to have books of their own has to be said.
fn near(file: &Path, import_id: Option<&str>) -> Result<PathBuf, Error> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".bulkhaul");
    let beside = PathBuf::from(beside);
    let shown = file.display();
    match states_of_file(file, import_id).as_slice() {
        [state] => Ok(state.clone()),
        [] if import_id.is_none() || beside.join("replays").is_dir() => Ok(beside),
        [] => Err(Error::failed(format!("no state near here knows the import whose dead letters `{shown}` holds"))
            .hint("--state DIR names the state folder of that import; if it is gone, make an empty folder, and name that")),
        several => {
            let list: Vec<String> = several.iter().map(|state| format!("  {}", state.display())).collect();
            let words = format!("several states know the import whose dead letters `{shown}` holds:\n{}", list.join("\n"));
            Err(Error::failed(words).hint("say which of them refused these: --state DIR"))
        }
    }
}

/// Whether it is the file that the state's import was told to append its dead letters to, outside its own folder: what
/// else stands in it, whole or torn, is other people's.
fn is_shared(file: &Path, root: &Path) -> bool {
    let told = letters::told_file(root).and_then(|told| told.canonicalize().ok());
    let (Some(told), Ok(file)) = (told, file.canonicalize()) else { return false };
    told == file && !file.with_file_name("ledger.db").is_file()
}

/// It lies in `deletes/N` of a state.
fn is_of_deletions(file: &Path) -> bool {
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = whole.parent().filter(|folder| folder.join("ledger.db").is_file());
    folder.and_then(Path::parent).is_some_and(|above| above.ends_with("deletes"))
}
