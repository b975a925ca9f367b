//! Opening what is read: files, or standard input, which may let one wait and can be read only once.

use crate::drive::Stage;
use crate::edge::source::{Layout, Source, SourceError, StandardInput, Step};
use crate::model::Cursor;
use std::path::PathBuf;

/// Where an import's rows come from.
#[derive(Debug)]
pub(super) enum Reading<'a> {
    Files(&'a [PathBuf]),
    /// Standard input; a signal ends the waiting for it.
    Standing(&'a mut Stage),
}

impl Reading<'_> {
    /// From the beginning.
    pub(super) fn open(&mut self, layout: &Layout) -> Result<Source, SourceError> {
        match self {
            Self::Files(paths) => Source::open(paths, layout),
            Self::Standing(stage) => {
                let layout = layout.clone();
                attend(stage, move |input| Source::standing(input, &layout))
            }
        }
    }

    /// Behind what was read before, if that is the same.
    pub(super) fn resume(&mut self, layout: &Layout, cursor: &Cursor) -> Result<Source, SourceError> {
        match self {
            Self::Files(paths) => Source::resume(paths, layout, cursor, &mut |_| {}),
            Self::Standing(stage) => {
                let (layout, cursor) = (layout.clone(), *cursor);
                attend(stage, move |input| Source::resume_standing(input, &layout, &cursor, &mut |_| {}))
            }
        }
    }

    /// As [`Self::resume`], and whether that is the end.
    pub(super) fn resume_to_end(
        &mut self,
        layout: &Layout,
        cursor: &Cursor,
    ) -> Result<(Source, bool), SourceError> {
        let is_at_end = |source: &mut Source| match source.next(&mut Vec::new()) {
            Ok(Step::Idle) => Err(SourceError::Interrupted { input: "-".to_owned() }),
            step => Ok(matches!(step, Ok(Step::End))),
        };
        match self {
            Self::Files(paths) => {
                let mut source = Source::resume(paths, layout, cursor, &mut |_| {})?;
                let ended = is_at_end(&mut source)?;
                Ok((source, ended))
            }
            Self::Standing(stage) => {
                let (layout, cursor) = (layout.clone(), *cursor);
                attend(stage, move |input| {
                    let mut source = Source::resume_standing(input, &layout, &cursor, &mut |_| {})?;
                    let ended = is_at_end(&mut source)?;
                    Ok((source, ended))
                })
            }
        }
    }
}

/// Work on standard input that a signal may end.
pub(super) fn attend<T: Send + 'static>(
    stage: &mut Stage,
    work: impl FnOnce(StandardInput) -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let input = StandardInput::open().map_err(|error| SourceError::Unreadable {
        input: "-".to_owned(),
        reason: error.to_string().to_lowercase(),
    })?;
    let done = stage.attend(&input.bell(), move || work(input));
    // Ctrl-C is for the producer, too: the end that it made of the stream is not the stream's end.
    if done.is_ok() && stage.is_interrupted() {
        return Err(SourceError::Interrupted { input: "-".to_owned() });
    }
    done
}
