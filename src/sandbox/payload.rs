//! Bodies as hyper sends them: whole, cut off, or flowing.
//!
//! A cut body announces its full length, sends its beginning, gives the socket time to take it, and then
//! breaks the connection. It must never end in a way that a client could take for complete.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::time::Sleep;

const PAUSE_BEFORE_THE_CUT: Duration = Duration::from_millis(3);

/// The body of one answer.
#[derive(Debug)]
pub(super) enum Payload {
    /// All of it, or nothing more.
    Whole(Option<Bytes>),
    /// A beginning, and how long the whole would have been.
    Cut {
        /// What is sent.
        beginning: Option<Bytes>,
        /// What is announced.
        announced: u64,
        /// Running while the beginning leaves.
        pause: Option<Pin<Box<Sleep>>>,
    },
    /// As it comes.
    Flowing(mpsc::Receiver<Bytes>),
}

impl Payload {
    pub(super) fn whole(body: Vec<u8>) -> Self {
        Self::Whole((!body.is_empty()).then(|| body.into()))
    }

    /// The first `part` (0 to 1) of a body, never all of it.
    pub(super) fn cut(body: Vec<u8>, part: f64) -> Self {
        let announced = body.len() as u64;
        let kept = ((body.len() as f64 * part) as usize).min(body.len().saturating_sub(1));
        let beginning = (kept > 0).then(|| Bytes::from(body).slice(..kept));
        Self::Cut { beginning, announced, pause: None }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Cut { beginning, pause, .. } => {
                if let Some(beginning) = beginning.take() {
                    return Poll::Ready(Some(Ok(Frame::data(beginning))));
                }
                let pause = pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(PAUSE_BEFORE_THE_CUT)));
                pause.as_mut().poll(context).map(|()| Some(Err(io::Error::other("cut off on purpose"))))
            }
            Self::Flowing(source) => source.poll_recv(context).map(|chunk| chunk.map(Frame::data).map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, Bytes::len) as u64),
            Self::Cut { announced, .. } => SizeHint::with_exact(*announced),
            Self::Flowing(_) => SizeHint::default(),
        }
    }
}

/// What a service returns to have its connection closed without a word.
#[derive(Debug, thiserror::Error)]
#[error("hung up on purpose")]
pub(super) struct HangUp;
