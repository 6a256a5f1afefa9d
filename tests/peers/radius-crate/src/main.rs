//! A NAS made of the crate `radius`: asks what its arguments say and prints what came back, one line each.
//!
//! usage: radius-crate-nas SECRET USER PASSWORD pap|start|stop…

use std::error::Error;
use std::net::UdpSocket;
use std::time::Duration;

use radius::core::code::Code;
use radius::core::packet::Packet;
use radius::core::{rfc2865, rfc2866};

const REPLY_MAX: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [secret, user, password, questions @ ..] = &arguments[..] else {
        return Err("usage: radius-crate-nas SECRET USER PASSWORD pap|start|stop…".into());
    };
    for question in questions {
        let code = if question == "pap" {
            Code::AccessRequest
        } else {
            Code::AccountingRequest
        };
        let mut packet = Packet::new(code, secret.as_bytes());
        rfc2865::add_user_name(&mut packet, user);
        rfc2865::add_nas_identifier(&mut packet, "radius-crate");
        let port = match question.as_str() {
            "pap" => {
                rfc2865::add_user_password(&mut packet, password.as_bytes())?;
                1812
            }
            "start" | "stop" => {
                let status = match question.as_str() {
                    "start" => rfc2866::ACCT_STATUS_TYPE_START,
                    _ => rfc2866::ACCT_STATUS_TYPE_STOP,
                };
                rfc2866::add_acct_status_type(&mut packet, status);
                rfc2866::add_acct_session_id(&mut packet, "radius-crate-1");
                1813
            }
            other => return Err(format!("no question: {other}").into()),
        };
        println!("{question} {}", ask(port, &packet)?);
    }
    Ok(())
}

/// The code of the first reply, which must be authentic; `silence` where none comes.
fn ask(port: u16, packet: &Packet) -> Result<String, Box<dyn Error>> {
    let request = packet.encode()?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(REPLY_MAX))?;
    socket.send(&request)?;
    let mut reply = [0; 4096];
    let Ok(length) = socket.recv(&mut reply) else {
        return Ok("silence".to_owned());
    };
    let reply = &reply[..length];
    if !Packet::is_authentic_response(reply, &request, packet.get_secret()) {
        return Err("a reply that is not authentic".into());
    }
    Ok(format!(
        "{:?}",
        Packet::decode(reply, packet.get_secret())?.get_code()
    ))
}
