//! What the portal is told once.

use std::path::PathBuf;

use garth_payments::WebUrl;
use garth_subscription::calendar::BillingZone;
use garth_subscription::subscriber::Language;

use crate::limits::Limits;

/// The portal's configuration, checked by its types.
#[derive(Clone, Debug)]
pub struct PortalConfig {
    /// Where every redirect goes: the portal's own address, `https` unless in a test.
    pub public_url: WebUrl,
    /// Further host names that are the portal itself, in lower case, without a port.
    pub own_hosts: Vec<String>,
    /// The ISP's name, on every page.
    pub brand: String,
    /// How to reach a person: a telephone number, an address. One line of text.
    pub support: Option<String>,
    /// The gateways' pages: a form may end there by redirect.
    pub gateway_urls: Vec<WebUrl>,
    /// The language where neither subscriber nor browser says.
    pub language: Language,
    /// The zone in which dates are written.
    pub zone: BillingZone,
    /// A folder with `en.ftl`, `de.ftl`: messages there replace the built-in ones.
    pub texts: Option<PathBuf>,
    /// The bounds.
    pub limits: Limits,
}

impl PortalConfig {
    /// A portal at `public_url`; everything else as usual.
    #[must_use]
    pub fn new(public_url: WebUrl, brand: &str, zone: BillingZone) -> Self {
        Self {
            public_url,
            own_hosts: Vec::new(),
            brand: brand.to_owned(),
            support: None,
            gateway_urls: Vec::new(),
            language: Language::default(),
            zone,
            texts: None,
            limits: Limits::default(),
        }
    }
}
