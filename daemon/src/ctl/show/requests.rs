//! Requests, tickets and quotes as tables and lines for people.

use super::{or_empty, side_by_side};
use crate::admin::wire::{
    ApprovalsBody, ReportBody, ReportRow, RevertAskedBody, RevertBody, RevertPreviewBody,
    StoredQuoteBody, TicketBody, TimeHoldBody,
};
use crate::ctl::failure::Failure;
use crate::ctl::output::Output;
use crate::ctl::zone::Zone;

pub(in crate::ctl) fn revert_asked(
    asked: &RevertAskedBody,
    output: &mut Output,
) -> Result<(), Failure> {
    output.line(match (asked.dry_run, asked.repeated) {
        (true, _) => "dry run, nothing was requested; approving it would do this",
        (false, true) => "was requested before; nothing was requested again",
        (false, false) => "requested; nothing changes until another operator approves it",
    })?;
    if let Some(preview) = &asked.preview {
        preview_of(preview, output)?;
    }
    match &asked.request {
        Some(request) => {
            output.line("")?;
            revert(request, output)
        }
        None => Ok(()),
    }
}

fn preview_of(preview: &RevertPreviewBody, output: &mut Output) -> Result<(), Failure> {
    let zone = output.zone();
    let mut pairs = side_by_side(preview.old.as_ref(), &preview.new, &zone);
    pairs.push(("given back", preview.amount.to_string()));
    pairs.push(("not consumed", preview.unconsumed.to_string()));
    output.pairs(pairs)?;
    let shifts = preview.shifts.iter().map(|shift| {
        let value = format!("{} -> {}", zone.when(&shift.old), zone.when(&shift.new));
        (shift.entry.clone(), value)
    });
    output.group("Later renewals that shift", shifts.collect())
}

pub(in crate::ctl) fn revert(request: &RevertBody, output: &mut Output) -> Result<(), Failure> {
    let zone = output.zone();
    let mut pairs = vec![
        ("request", request.id.clone()),
        ("state", request.state.clone()),
        ("subscription", request.subscription.clone()),
        ("username", or_empty(request.username.as_ref())),
        ("reseller", or_empty(request.reseller.as_ref())),
        ("entry", request.entry.clone()),
        ("action", request.action.replace('_', " ")),
        ("action date", zone.when(&request.action_at)),
        ("amount", request.amount.to_string()),
        ("not consumed", request.unconsumed.to_string()),
        ("at a loss", word_if("yes", request.allow_loss)),
    ];
    pairs.extend(side_by_side(Some(&request.old), &request.new, &zone));
    pairs.push(("reason", request.reason.clone()));
    pairs.push((
        "requested",
        format!(
            "{} by {}",
            zone.when(&request.requested_at),
            request.requested_by
        ),
    ));
    let verdict = request.verdict.as_ref();
    pairs.push((
        "decided",
        verdict.map_or(String::new(), |verdict| {
            let reason = verdict
                .reason
                .as_ref()
                .map_or(String::new(), |reason| format!(" ({reason})"));
            format!("{} by {}{reason}", zone.when(&verdict.at), verdict.by)
        }),
    ));
    output.pairs(pairs)
}

pub(in crate::ctl) fn reverts(all: &[RevertBody], output: &mut Output) -> Result<(), Failure> {
    if all.is_empty() {
        return output.line("there are none");
    }
    let zone = output.zone();
    let header = [
        "REQUEST",
        "STATE",
        "USERNAME",
        "RESELLER",
        "ACTION",
        "ACTION DATE",
        "AMOUNT",
        "NEW EXPIRY",
        "NEW PLAN",
        "NEW STATUS",
        "BY",
        "REASON",
    ];
    output.table(&header, all.iter().map(|one| row(one, &zone)))
}

/// All that an approver must see of a request (L3).
fn row(one: &RevertBody, zone: &Zone) -> Vec<String> {
    vec![
        one.id.clone(),
        one.state.clone(),
        one.username
            .clone()
            .unwrap_or_else(|| one.subscription.clone()),
        or_empty(one.reseller.as_ref()),
        one.action.replace('_', " "),
        zone.when(&one.action_at),
        one.amount.to_string(),
        zone.when(&one.new.paid_through),
        one.new.plan.clone(),
        one.new.standing.clone(),
        one.requested_by.clone(),
        one.reason.clone(),
    ]
}

pub(in crate::ctl) fn approvals(
    waiting: &ApprovalsBody,
    output: &mut Output,
) -> Result<(), Failure> {
    if waiting.reverts.is_empty() && waiting.holds.is_empty() {
        return output.line("nothing waits for a second person");
    }
    for held in &waiting.holds {
        output.line(format!("time is held ({}): {}", held.kind, held.detail))?;
    }
    if waiting.reverts.is_empty() {
        return Ok(());
    }
    reverts(&waiting.reverts, output)?;
    if waiting.more {
        output.line("… and more; these are the oldest")?;
    }
    Ok(())
}

pub(in crate::ctl) fn holds(all: &[TimeHoldBody], output: &mut Output) -> Result<(), Failure> {
    if all.is_empty() {
        return output.line("nothing holds time");
    }
    let zone = output.zone();
    let rows = all.iter().map(|held| {
        vec![
            held.kind.clone(),
            zone.when(&held.since),
            held.detail.clone(),
        ]
    });
    output.table(&["HELD BY", "SINCE", "WHAT HAPPENED"], rows)
}

pub(in crate::ctl) fn report(report: &ReportBody, output: &mut Output) -> Result<(), Failure> {
    let key = report.by.to_uppercase();
    let row = |row: &ReportRow, key: String| {
        vec![
            key,
            row.approved.to_string(),
            row.amount.to_string(),
            row.pending.to_string(),
            row.denied.to_string(),
        ]
    };
    let rows = report
        .rows
        .iter()
        .map(|one| row(one, one.key.clone().unwrap_or_else(|| "(none)".to_owned())));
    let sum = std::iter::once(row(&report.sum, "all".to_owned()));
    let header = [&*key, "APPROVED", "GIVEN BACK", "PENDING", "DENIED"];
    output.table(&header, rows.chain(sum))
}

pub(in crate::ctl) fn tickets(all: &[TicketBody], output: &mut Output) -> Result<(), Failure> {
    if all.is_empty() {
        return output.line("there are none");
    }
    let zone = output.zone();
    let rows = all.iter().map(|one| {
        vec![
            one.id.clone(),
            one.state.clone(),
            one.username
                .clone()
                .unwrap_or_else(|| one.subscription.clone()),
            or_empty(one.plan.as_ref()),
            zone.when(&one.created_at),
            one.message.replace('\n', " "),
        ]
    });
    let header = ["TICKET", "STATE", "USERNAME", "PLAN", "WHEN", "MESSAGE"];
    output.table(&header, rows)
}

pub(in crate::ctl) fn ticket(ticket: &TicketBody, output: &mut Output) -> Result<(), Failure> {
    let zone = output.zone();
    let closed = ticket.closed.as_ref();
    output.pairs([
        ("ticket", ticket.id.clone()),
        ("state", ticket.state.clone()),
        ("subscription", ticket.subscription.clone()),
        ("username", or_empty(ticket.username.as_ref())),
        ("plan", or_empty(ticket.plan.as_ref())),
        ("when", zone.when(&ticket.created_at)),
        ("message", ticket.message.clone()),
        (
            "closed",
            closed.map_or(String::new(), |closed| {
                format!("{} by {}", zone.when(&closed.at), closed.by)
            }),
        ),
        (
            "answer",
            or_empty(closed.and_then(|closed| closed.reason.as_ref())),
        ),
    ])
}

pub(in crate::ctl) fn quotes(all: &[StoredQuoteBody], output: &mut Output) -> Result<(), Failure> {
    if all.is_empty() {
        return output.line("there are none");
    }
    let zone = output.zone();
    let rows = all.iter().map(|one| {
        vec![
            or_empty(one.id.as_ref()),
            one.quote.months.to_string(),
            one.quote.total.to_string(),
            time(one.created_at.as_ref(), &zone),
            time(one.expires_at.as_ref(), &zone),
        ]
    });
    output.table(&["QUOTE", "MONTHS", "TOTAL", "MADE", "HOLDS UNTIL"], rows)
}

/// The word where something is so.
fn word_if(word: &str, is_so: bool) -> String {
    if is_so {
        word.to_owned()
    } else {
        String::new()
    }
}

fn time(at: Option<&String>, zone: &Zone) -> String {
    at.map_or(String::new(), |at| zone.when(at))
}

pub(in crate::ctl) fn quote(quote: &StoredQuoteBody, output: &mut Output) -> Result<(), Failure> {
    let zone = output.zone();
    if quote.id.is_none() {
        output.line("dry run, nothing was promised; this would be")?;
    }
    output.pairs([
        ("quote", or_empty(quote.id.as_ref())),
        ("subscription", quote.subscription.clone()),
        ("months", quote.quote.months.to_string()),
        ("then", word_if("pause", quote.then_pause)),
        ("made", time(quote.created_at.as_ref(), &zone)),
        ("holds until", time(quote.expires_at.as_ref(), &zone)),
        (
            "price list",
            quote
                .price_list
                .map_or(String::new(), |list| list.to_string()),
        ),
        (
            "signature",
            match quote.verified {
                Some(true) => "is this edge's".to_owned(),
                Some(false) => "IS NOT THIS EDGE'S".to_owned(),
                None => String::new(),
            },
        ),
    ])?;
    let lines = quote.quote.lines.iter().map(|line| {
        let key = line.plan.as_ref().unwrap_or(&line.kind);
        (key.clone(), line.amount.to_string())
    });
    let total = ("to pay".to_owned(), quote.quote.total.to_string());
    output.group("Price", lines.chain([total]).collect())
}
