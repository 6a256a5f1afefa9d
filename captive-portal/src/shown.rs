//! What the portal shows of a subscription: menu items and fields, which an operator chooses for each
//! partner (L19).

/// What the menu can offer; an item that the rules refuse now is not offered in any case.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MenuItem {
    /// What happened.
    History,
    /// A pause, now or on a date.
    Pause,
    /// Another plan, or the wish for one.
    ChangePlan,
    /// Until when it is to be active.
    ActiveTo,
    /// A suspension put off once.
    Postpone,
    /// The end of the subscription.
    Terminate,
}

/// What the account page can tell.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Field {
    /// The name that RADIUS knows.
    UserName,
    /// The plan's name.
    Plan,
    /// What else is billed with it.
    Services,
    /// The end of paid service.
    PaidThrough,
    /// Credit or debt.
    Balance,
    /// What is to come.
    Agenda,
}

/// What is shown, in the order of the enums.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shown {
    /// The menu.
    pub menu: Vec<MenuItem>,
    /// The fields.
    pub fields: Vec<Field>,
}

macro_rules! named {
    ($type:ident: $($variant:ident = $name:literal),+ $(,)?) => {
        impl $type {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in the configuration, in `snake_case`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

named!(MenuItem: History = "history", Pause = "pause", ChangePlan = "change_plan",
    ActiveTo = "active_to", Postpone = "postpone", Terminate = "terminate");
named!(Field: UserName = "username", Plan = "plan", Services = "services",
    PaidThrough = "paid_through", Balance = "balance", Agenda = "agenda");

impl Default for Shown {
    /// Everything there is.
    fn default() -> Self {
        Self {
            menu: MenuItem::ALL.to_vec(),
            fields: Field::ALL.to_vec(),
        }
    }
}
