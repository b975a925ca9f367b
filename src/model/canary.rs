//! Protocol bugs that were sown on purpose, one at a time, for the tests that must catch them. A build without the
//! feature `canaries` (every build but that of the tests) has none of them: there each question is a constant `false`.

/// One bug each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// A request leaves before its plan is durable.
    SentBeforePlanned,
    /// The cursor is durable before the rows that it passes.
    CursorBeforeRows,
    /// A time-out gets the rows a new key.
    NewKeyAfterTimeout,
    /// Rows that are given back go again under the key that they were given back under.
    SameKeyForRetry,
    /// Where some rows are given back, all go again.
    RetryOfAllRows,
    /// Keys of what is sent alone.
    KeyOfContentAlone,
    /// Keys of the rows' numbers alone.
    KeyOfNumbersAlone,
    /// A time-out refuses the rows.
    TimeoutRefuses,
    /// A job that was taken on delivers its rows.
    AcceptedDelivers,
    /// The dead-letter file is not cut back to what is recorded.
    LettersNotCutBack,
    /// What the dead-letter file lacks after a crash is not written again.
    LettersNotWrittenAgain,
    /// The dead-letter file goes before the ledger.
    LettersBeforeLedger,
    /// Keys are sent, however old they are.
    OldKeysSent,
    /// Commits are not synced.
    CommitsNotSynced,
    /// Without keys, what may have been carried out is sent again unasked.
    BlindRepetition,
    /// A refusal of the second attempt is taken for one of the first.
    TaintIgnored,
    /// "It is there already" refuses our own write.
    ExistsRefuses,
}

impl Canary {
    pub const ALL: [Self; 17] = [
        Self::SentBeforePlanned,
        Self::CursorBeforeRows,
        Self::NewKeyAfterTimeout,
        Self::SameKeyForRetry,
        Self::RetryOfAllRows,
        Self::KeyOfContentAlone,
        Self::KeyOfNumbersAlone,
        Self::TimeoutRefuses,
        Self::AcceptedDelivers,
        Self::LettersNotCutBack,
        Self::LettersNotWrittenAgain,
        Self::LettersBeforeLedger,
        Self::OldKeysSent,
        Self::CommitsNotSynced,
        Self::BlindRepetition,
        Self::TaintIgnored,
        Self::ExistsRefuses,
    ];

    /// Whether this bug is at large on this thread.
    #[cfg(feature = "canaries")]
    pub fn is_loose(self) -> bool {
        LOOSE.get() == Some(self)
    }

    #[cfg(not(feature = "canaries"))]
    pub const fn is_loose(self) -> bool {
        false
    }

    /// Lets one bug loose on this thread, or calls it back.
    #[cfg(feature = "canaries")]
    pub fn let_loose(which: Option<Self>) {
        LOOSE.set(which);
    }
}

#[cfg(feature = "canaries")]
thread_local! {
    static LOOSE: std::cell::Cell<Option<Canary>> = const { std::cell::Cell::new(None) };
}
