//! CSV (RFC 4180) with the names of the JSON keys; one record is one line.
//!
//! Nested keys are written with dots (`hold.pause.until`), services and routes with `;` between them. An
//! empty field is a key that is not there; an open pause is `hold.pause.until` = `open`.

use super::{
    DisableLine, Fields, HoldLine, ImportLine, LineError, PauseLine, ServiceLine, SuspendLine,
};

/// What an open pause is written as.
const OPEN: &str = "open";

/// Every column there is.
const COLUMNS: [&str; 28] = [
    "id",
    "username",
    "password",
    "nt_hash",
    "mac",
    "circuit_id",
    "remote_id",
    "external_id",
    "plan",
    "services",
    "paid_through",
    "start_at",
    "anchor_day",
    "balance",
    "hold.pause.until",
    "hold.suspend.cause",
    "hold.suspend.debt",
    "hold.disable.reason",
    "framed_ipv4",
    "framed_ipv6",
    "delegated_ipv6",
    "framed_routes",
    "language",
    "name",
    "phone",
    "partner",
    "reseller",
    "active_to",
];

/// The first line of a CSV file: which column is what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CsvHeader(Vec<&'static str>);

impl CsvHeader {
    /// Reads the header.
    ///
    /// # Errors
    /// [`LineError::Csv`] for a column that is unknown or given twice.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        // Spreadsheets put a byte order mark before UTF-8.
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let mut columns = Vec::new();
        for name in &record(line)? {
            let known = COLUMNS.into_iter().find(|known| *known == name);
            let known = known.ok_or_else(|| {
                let allowed = COLUMNS.join(", ");
                LineError::Csv(format!("unknown column {name:?}; allowed: {allowed}"))
            })?;
            if columns.contains(&known) {
                return Err(LineError::Csv(format!("column {known} is given twice")));
            }
            columns.push(known);
        }
        Ok(Self(columns))
    }

    /// Reads one record.
    ///
    /// # Errors
    /// [`LineError`], if the fields do not fit the header.
    pub fn line(&self, line: &[u8]) -> Result<ImportLine, LineError> {
        let record = record(line)?;
        if record.len() != self.0.len() {
            return Err(LineError::Csv(format!(
                "{} fields where the header has {}",
                record.len(),
                self.0.len()
            )));
        }
        let fields = self.0.iter().zip(&record);
        let filled = fields.filter(|(_, value)| !value.is_empty());
        from_fields(
            filled
                .map(|(key, value)| (*key, value.to_owned()))
                .collect(),
        )
    }
}

fn record(line: &[u8]) -> Result<csv::StringRecord, LineError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(line.len().max(1))
        .from_reader(line);
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true) => Ok(record),
        Ok(false) => Err(LineError::Csv("the line is empty".to_owned())),
        Err(error) => Err(LineError::Csv(error.to_string())),
    }
}

fn from_fields(mut fields: Fields) -> Result<ImportLine, LineError> {
    let anchor_day = fields.remove("anchor_day");
    let anchor_day = super::optional("anchor_day", anchor_day.as_deref())?;
    let services = fields.remove("services").map(|services| {
        let plans = services.split(';').map(|plan| plan.trim().to_owned());
        plans.map(ServiceLine::Plan).collect()
    });
    let framed_routes = fields.remove("framed_routes").map(|routes| {
        let routes = routes.split(';').map(|route| route.trim().to_owned());
        routes.collect()
    });
    let hold = hold(&mut fields)?;
    let mut take = |key| fields.remove(key);
    Ok(ImportLine {
        id: take("id"),
        username: take("username"),
        password: take("password"),
        nt_hash: take("nt_hash"),
        mac: take("mac"),
        circuit_id: take("circuit_id"),
        remote_id: take("remote_id"),
        external_id: take("external_id"),
        plan: take("plan"),
        services,
        paid_through: take("paid_through"),
        start_at: take("start_at"),
        anchor_day,
        balance: take("balance"),
        hold,
        framed_ipv4: take("framed_ipv4"),
        framed_ipv6: take("framed_ipv6"),
        delegated_ipv6: take("delegated_ipv6"),
        framed_routes,
        language: take("language"),
        name: take("name"),
        phone: take("phone"),
        partner: take("partner"),
        reseller: take("reseller"),
        active_to: take("active_to"),
    })
}

fn hold(fields: &mut Fields) -> Result<Option<HoldLine>, LineError> {
    let until = fields.remove("hold.pause.until");
    let cause = fields.remove("hold.suspend.cause");
    let debt = fields.remove("hold.suspend.debt");
    let reason = fields.remove("hold.disable.reason");
    if debt.is_some() && cause.is_none() {
        return Err(LineError::Missing("hold.suspend.cause"));
    }
    if until.is_none() && cause.is_none() && reason.is_none() {
        return Ok(None);
    }
    Ok(Some(HoldLine {
        pause: until.map(|until| PauseLine {
            until: (until != OPEN).then_some(until),
        }),
        suspend: cause.map(|cause| SuspendLine { cause, debt }),
        disable: reason.map(|reason| DisableLine { reason }),
    }))
}
