//! What the pods of the cluster's own test run: a program that is linked statically, as peerlab's are, so that it looks names up as
//! they do.
//!
//!     probe serve PORT            answers everybody who connects with the name of its host
//!     probe ask NAME:PORT...      connects to each and prints who answered

use std::{
    env,
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// A name is known, and its Service has somewhere to lead to, a moment after pods are ready: so long it is tried again.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", port] => serve(port.parse().map_err(io::Error::other)?),
        ["ask", ref addresses @ ..] => addresses.iter().try_for_each(|address| {
            println!("{address} {}", ask_patiently(address)?);
            Ok(())
        }),
        _ => Err(io::Error::other("probe serve PORT, or probe ask NAME:PORT...")),
    }
}

fn serve(port: u16) -> io::Result<()> {
    let host = env::var("HOSTNAME").map_err(io::Error::other)?;
    for stream in TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?.incoming() {
        // Who has gone already is the readiness probe.
        let _ = stream?.write_all(host.as_bytes());
    }
    Ok(())
}

fn ask_patiently(address: &str) -> io::Result<String> {
    let begun = Instant::now();
    loop {
        match ask(address) {
            Err(_) if begun.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(100)),
            answer => return answer,
        }
    }
}

fn ask(address: &str) -> io::Result<String> {
    let mut answer = String::new();
    TcpStream::connect(address)?.read_to_string(&mut answer)?;
    Ok(answer)
}
