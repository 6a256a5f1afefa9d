//! Lines that are taken, and what is said of those that are not.

use garth_subscription::calendar::BillingZone;
use garth_subscription::command::InitialHold;
use garth_subscription::facts::SuspendCause;

use super::*;

fn context() -> Context {
    Context {
        zone: "Europe/Vienna".parse::<BillingZone>().unwrap(),
        currency: Currency::EUR,
        now: "2026-11-21T12:00:00Z".parse().unwrap(),
    }
}

fn read(line: &str) -> Result<NewSubscription, LineError> {
    ImportLine::from_json(line.as_bytes())?.checked(&context())
}

fn refused(line: &str) -> String {
    read(line).expect_err("a fault").to_string()
}

#[test]
fn a_date_alone_ends_with_that_day_in_the_billing_zone() {
    let new = read(r#"{"username":"a","plan":"p","paid_through":"2027-01-31"}"#).unwrap();
    let paid_through = new.create.paid_through.unwrap();
    assert_eq!(paid_through.to_string(), "2027-01-31T23:00:00Z");
    let new = read(r#"{"username":"a","plan":"p","paid_through":"2027-01-31T00:00:00Z"}"#).unwrap();
    let paid_through = new.create.paid_through.unwrap();
    assert_eq!(paid_through.to_string(), "2027-01-31T00:00:00Z");
}

#[test]
fn every_hold_is_read() {
    let new = read(
        r#"{"mac":"02:00:00:00:00:07","plan":"p","hold":{"pause":{},
            "suspend":{"cause":"non_payment","debt":"5.00"},"disable":{"reason":"spam"}}}"#,
    )
    .unwrap();
    assert_eq!(new.create.holds.len(), 3);
    assert!(matches!(
        new.create.holds[0],
        InitialHold::Pause { until: None }
    ));
    assert!(matches!(
        new.create.holds[1],
        InitialHold::Suspend {
            cause: SuspendCause::Overdue,
            debt: Some(debt)
        } if debt.minor() == 500
    ));
}

#[test]
fn what_is_wrong_is_said_with_key_and_value() {
    for (line, expected) in [
        (r#"{"username":"a"}"#, "plan is missing"),
        (
            r#"{"username":"a","plan":"p","nt_hash":"00"}"#,
            "nt_hash \"…\": not an NT hash: 32 hexadecimal digits",
        ),
        (
            r#"{"username":"a","plan":"p","circuit_id":""}"#,
            "circuit_id \"\": must not be empty",
        ),
        (
            r#"{"username":"a","plan":"p","framed_ipv6":"2001:db8::/56"}"#,
            "framed_ipv6 \"2001:db8::/56\": not a /64 such as 2001:db8:7:1::/64, with no bits set \
             beyond its length",
        ),
        (
            r#"{"username":"a","plan":"p","framed_routes":["10.0.0.0/8","10.0.0.0/8 5"]}"#,
            "framed_routes \"10.0.0.0/8; 10.0.0.0/8 5\": 10.0.0.0/8 is given twice",
        ),
        (
            r#"{"mac":"02:00","plan":"p"}"#,
            "mac \"02:00\": not a MAC address such as 02:00:00:00:00:07",
        ),
        (
            r#"{"username":"a","plan":"p","paid_through":"31.01.2027"}"#,
            "paid_through \"31.01.2027\": not a date such as 2027-01-31 or an RFC 3339 time such \
             as 2027-01-31T00:00:00Z",
        ),
        (
            r#"{"username":"a","plan":"p","language":"tlh"}"#,
            "language \"tlh\": allowed: en, de",
        ),
        (
            r#"{"username":"a","plan":"p","balance":"12.505"}"#,
            "balance \"12.505\": EUR has 2 decimals",
        ),
        (
            r#"{"username":"a","plan":"p","hold":{"suspend":{"cause":"x"}}}"#,
            "hold.suspend.cause \"x\": allowed: overdue, fraud, operator",
        ),
    ] {
        assert_eq!(refused(line), expected);
    }
    let odd = r#"{"username":"a","plan":"p","hold":{"pause":{"til":"2027-01-01"}}}"#;
    assert!(refused(odd).starts_with("unknown field `til`"));
    let number = r#"{"username":"a","plan":"p","balance":12.5}"#;
    assert!(
        refused(number).contains("expected a string"),
        "money is no floating point"
    );
}

#[test]
fn a_password_never_shows_in_a_complaint() {
    let long = "tulip".repeat(100);
    let told = refused(&format!(
        r#"{{"username":"a","plan":"p","password":"{long}"}}"#
    ));
    assert!(!told.contains("tulip"), "{told}");
    assert!(told.starts_with("password "), "{told}");
    let told = refused(r#"{"username":"a","plan":"p","passwort":"tulip"}"#);
    assert!(!told.contains("tulip"), "{told}");
    let told = refused(r#"{"username":"a","plan":"p","nt_hash":"tulip"}"#);
    assert!(!told.contains("tulip"), "{told}");
    let told = refused(r#"{"username":"a","plan":"p","password":12345678}"#);
    assert!(
        !told.contains("12345678") && told.contains("column"),
        "{told}"
    );
    let hash = "fc156af7edcd6c0edde3337d427f4eac";
    let both = format!(r#"{{"username":"a","plan":"p","password":"tulip","nt_hash":"{hash}"}}"#);
    let told = refused(&both);
    assert_eq!(
        told,
        "password and nt_hash are both given: one of them is enough"
    );
}

#[test]
fn what_the_network_needs_is_read_from_both_kinds_of_lines() {
    let json = read(
        r#"{"username":"a","plan":"p","nt_hash":"FC156AF7EDCD6C0EDDE3337D427F4EAC",
            "circuit_id":"bras7 eth 1/0/7:3.11","remote_id":"cpe-7",
            "framed_ipv6":"2001:db8:7:1::/64",
            "framed_routes":["198.51.100.0/24 10","2001:db8:8::/48"]}"#,
    )
    .unwrap();
    let columns = "username,plan,nt_hash,circuit_id,remote_id,framed_ipv6,framed_routes";
    let header = CsvHeader::parse(columns.as_bytes()).unwrap();
    let line = "a,p,fc156af7edcd6c0edde3337d427f4eac,bras7 eth 1/0/7:3.11,cpe-7,2001:db8:7:1::/64,\
                198.51.100.0/24 10; 2001:db8:8::/48";
    let csv = header.line(line.as_bytes()).unwrap();
    let csv = csv.checked(&context()).unwrap();
    assert_eq!(csv.subscriber, json.subscriber);
    assert_eq!(csv.credential, json.credential);
    let subscriber = json.subscriber;
    assert_eq!(subscriber.circuit_id, "bras7 eth 1/0/7:3.11".parse().ok());
    assert_eq!(subscriber.remote_id, "cpe-7".parse().ok());
    assert_eq!(subscriber.framed_ipv6, "2001:db8:7:1::/64".parse().ok());
    let routes = subscriber.framed_routes.as_slice();
    assert_eq!(routes[0], "198.51.100.0/24 10".parse().unwrap());
    assert_eq!(routes.len(), 2);
    let hash = "fc156af7edcd6c0edde3337d427f4eac".parse().unwrap();
    assert_eq!(json.credential, Some(Credential::NtHash(hash)));
}

#[test]
fn a_csv_header_with_an_unknown_or_doubled_column_is_refused() {
    let told = CsvHeader::parse(b"username,passwort")
        .unwrap_err()
        .to_string();
    assert!(
        told.starts_with("unknown column \"passwort\"; allowed: id, "),
        "{told}"
    );
    let told = CsvHeader::parse(b"plan,plan").unwrap_err().to_string();
    assert_eq!(told, "column plan is given twice");
    assert!(
        CsvHeader::parse(b"\xef\xbb\xbfusername,plan").is_ok(),
        "a byte order mark"
    );
}

#[test]
fn a_csv_record_must_fit_its_header() {
    let header = CsvHeader::parse(b"username,plan,hold.pause.until,hold.suspend.debt").unwrap();
    let told = header.line(b"a,p").err().unwrap().to_string();
    assert_eq!(told, "2 fields where the header has 4");
    let told = header.line(b"a,p,,5.00").err().unwrap().to_string();
    assert_eq!(told, "hold.suspend.cause is missing");
    let open = header
        .line(b"a,p,open,")
        .unwrap()
        .checked(&context())
        .unwrap();
    assert!(matches!(
        open.create.holds[0],
        InitialHold::Pause { until: None }
    ));
}

#[test]
fn ids_made_within_one_millisecond_keep_their_order() {
    let now = context().now;
    let ids: Vec<_> = (0..1_000).map(|_| new_id(now)).collect();
    assert!(ids.is_sorted());
    assert_eq!(ids[0].0.get_version_num(), 7);
    let (seconds, nanos) = ids[0].0.get_timestamp().unwrap().to_unix();
    assert_eq!((seconds, nanos), (1_795_262_400, 0));
}
