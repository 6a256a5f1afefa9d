//! The commands for one subscription, by the names of their paths.

/// What is to be done with a subscription. The last segment of its path, and the verb of a bulk.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Verb {
    Renew,
    Pay,
    Reactivate,
    Grace,
    Pause,
    EndPause,
    ActiveTo,
    Suspend,
    Lift,
    Postpone,
    Disable,
    Enable,
    ChangePlan,
    CancelChange,
    Cancel,
    Terminate,
    CancelTermination,
    Reinstate,
    Set,
}

impl Verb {
    /// Those that are given to many subscriptions at once (L20): none that takes money for one.
    pub(crate) const OF_MANY: [Self; 13] = [
        Self::ChangePlan,
        Self::CancelChange,
        Self::Grace,
        Self::Suspend,
        Self::Lift,
        Self::Postpone,
        Self::Pause,
        Self::EndPause,
        Self::Terminate,
        Self::CancelTermination,
        Self::Disable,
        Self::Enable,
        Self::Set,
    ];

    /// The name in paths and bodies.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Renew => "renew",
            Self::Pay => "pay",
            Self::Reactivate => "reactivate",
            Self::Grace => "grace",
            Self::Pause => "pause",
            Self::EndPause => "end-pause",
            Self::ActiveTo => "active-to",
            Self::Suspend => "suspend",
            Self::Lift => "lift",
            Self::Postpone => "postpone",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::ChangePlan => "change-plan",
            Self::CancelChange => "cancel-change",
            Self::Cancel => "cancel",
            Self::Terminate => "terminate",
            Self::CancelTermination => "cancel-termination",
            Self::Reinstate => "reinstate",
            Self::Set => "set",
        }
    }

    /// The one of [`Self::OF_MANY`] with that name.
    pub(crate) fn of_many(name: &str) -> Option<Self> {
        Self::OF_MANY.into_iter().find(|verb| verb.as_str() == name)
    }
}
