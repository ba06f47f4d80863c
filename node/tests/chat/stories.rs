use std::{
    net::{Ipv4Addr, UdpSocket},
    process::Command,
    time::Duration,
};

use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{
    Multiaddr, StreamProtocol, SwarmBuilder,
    connection_limits::{self, ConnectionLimits},
    mdns,
    multiaddr::Protocol,
    noise,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};

use super::person::Person;

/// A folder of a test, taken away at its end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("peerlab-chat-{name}-{}", std::process::id()));
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("its path is text")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // One that was never made need not be taken away.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Ana, Bo who has joined her and sees that she is there, and the address by which others can.
fn ana_and_bo() -> (Person, Person, String) {
    let mut ana = Person::at_home("ana", &[]);
    let address = ana.address();
    let mut bo = Person::at_home("bo", &["--join", &address]);
    bo.sees("* ana is here");
    (ana, bo, address)
}

#[test]
fn three_talk_one_leaves_and_who_comes_later_has_the_history() {
    let (mut ana, mut bo, address) = ana_and_bo();
    ana.sees("* bo joined");
    ana.types("hello bo");
    ana.sees("ana ✓: hello bo");
    bo.sees("ana: hello bo");
    ana.sees("✓✓ bo: hello bo");
    bo.types("hello ana");
    ana.sees("bo: hello ana");

    let mut cy = Person::at_home("cy", &["--join", &address]);
    cy.sees("ana: hello bo");
    cy.sees("bo: hello ana");
    cy.sees("* caught up: 2 said before");
    bo.sees("* cy joined");
    cy.types("what did I miss?");
    bo.sees("cy: what did I miss?");
    ana.sees("cy: what did I miss?");
    // All who are here have it, and not just one.
    cy.looks_back();
    let tick = cy.sees("✓✓");
    assert!(tick.contains("ana") && tick.contains("bo"), "{tick}");

    assert!(bo.leaves().success());
    ana.sees("* bo left");
    cy.sees("* bo left");
    cy.types("/who");
    let who = cy.sees("(you)");
    assert!(who.contains("cy (you)") && who.contains("ana") && who.contains("bo (left"), "{who}");
}

#[test]
fn a_room_outlasts_who_brought_its_members_together_and_a_crash_is_seen() {
    let (ana, mut bo, address) = ana_and_bo();
    let mut cy = Person::at_home("cy", &["--join", &address]);
    bo.sees("* cy joined");
    cy.sees("* bo is here");
    ana.dies();
    bo.sees("* ana is away, last seen ");
    bo.types("are you still there?");
    cy.sees("bo: are you still there?");
    bo.sees("✓✓ cy: are you still there?");
}

#[test]
fn who_keeps_a_folder_comes_back_as_the_same_member_with_what_was_said() {
    let folder = Folder::new("kept");
    let mut ana = Person::at_home("ana", &[]);
    let address = ana.address();
    let join = ["--join", &address, "--data", folder.path()];
    let mut bo = Person::at_home("bo", &join);
    bo.sees("* ana is here");
    bo.types("one");
    ana.sees("bo: one");
    bo.types("/quit");
    assert!(bo.ends().success());
    ana.sees("* bo left");
    ana.types("two");
    ana.sees("ana ");
    let mut bo = Person::at_home("bo", &join);
    bo.sees("bo: one");
    bo.sees("ana: two");
    bo.types("three");
    ana.sees("* bo joined");
    ana.sees("bo: three");
    assert!(!ana.shown().iter().any(|line| line.contains("contradicts")), "it goes on where it was");
    let twice = Command::new(env!("CARGO_BIN_EXE_peerlab-node"))
        .args(["chat", "--name", "bo", "--no-mdns", "--data", folder.path()])
        .output()
        .expect("the program starts");
    let why = String::from_utf8_lossy(&twice.stderr).into_owned();
    assert!(!twice.status.success() && why.contains("another process takes part"), "{why}");
}

#[test]
fn rooms_do_not_mix() {
    let mut ana = Person::at_home("ana", &["--room", "kitchen"]);
    let address = ana.address();
    let mut eve = Person::at_home("eve", &["--room", "cellar", "--join", &address]);
    eve.types("I am in the cellar");
    let mut bo = Person::at_home("bo", &["--room", "kitchen", "--join", &address]);
    bo.sees("* ana is here");
    bo.types("hello");
    ana.sees("bo: hello");
    assert!(!ana.shown().iter().any(|line| line.contains("eve") || line.contains("cellar")));
    assert!(!eve.shown().iter().any(|line| line.contains("ana") || line.contains("* bo")));
}

#[cfg(unix)]
#[test]
fn who_is_told_to_end_leaves_in_good_order() {
    let (mut ana, bo, _) = ana_and_bo();
    ana.sees("* bo joined");
    let told = Command::new("kill").args(["-TERM", &bo.process().to_string()]).status();
    assert!(told.expect("there is kill").success());
    assert!(bo.ends().success());
    ana.sees("* bo left");
}

/// Connects with a member as any libp2p node can, says this on the stream of messages, and waits until the member has closed
/// the connection.
async fn is_shown_out(address: &str, says: &[u8]) {
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("TCP can be set up")
        .with_behaviour(|_| libp2p_stream::Behaviour::new())
        .expect("the behaviour can be made")
        .build();
    let control = swarm.behaviour().new_control();
    let mut address: Multiaddr = address.parse().expect("it is an address");
    let Some(Protocol::P2p(member)) = address.pop() else { panic!("the address names no peer") };
    swarm.dial(address).expect("it can be dialled");
    let says = says.to_vec();
    let mut spoken = None;
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { .. } => {
                let mut control = control.clone();
                let says = says.clone();
                spoken = Some(tokio::spawn(async move {
                    let lane = StreamProtocol::new("/peerlab/lane/1");
                    let mut stream = control.open_stream(member, lane).await.expect("the member takes it");
                    // The member may close before it has read all.
                    let _ = stream.write_all(&says).await;
                    let _ = stream.flush().await;
                    let mut rest = Vec::new();
                    let _ = stream.read_to_end(&mut rest).await;
                }));
            }
            SwarmEvent::ConnectionClosed { .. } => {
                assert!(spoken.is_some());
                return;
            }
            _ => {}
        }
    }
}

/// A lane as a stranger may begin it: its name, then a frame behind its length.
fn lane(frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).expect("it is short").to_be_bytes();
    [&[7; 8], &length[..], frame].concat()
}

#[tokio::test]
async fn strangers_who_break_the_protocol_are_shown_out_and_the_talk_goes_on() {
    let (mut ana, mut bo, address) = ana_and_bo();
    let oversize = [&[7; 8], &u32::MAX.to_be_bytes()[..]].concat();
    let garbage = lane(&[0xff; 300]);
    // A message of a known kind, by who has not introduced itself.
    let too_soon = lane(&[0, 1, 0, 0]);
    for says in [oversize, garbage, too_soon] {
        let shown_out = tokio::time::timeout(Duration::from_secs(60), is_shown_out(&address, &says));
        shown_out.await.expect("a member ends the connection with who breaks the protocol");
    }
    bo.types("did you see that?");
    ana.sees("bo: did you see that?");
}

/// Whether multicast comes back to this machine, without which there is no mDNS here.
fn has_multicast() -> Result<(), std::io::Error> {
    let group = Ipv4Addr::new(224, 0, 0, 251);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED)?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    let port = socket.local_addr()?.port();
    socket.send_to(b"is anybody here?", (group, port))?;
    socket.recv(&mut [0; 64]).map(drop)
}

#[test]
fn members_find_one_another_on_the_local_network() {
    if let Err(why) = has_multicast() {
        eprintln!("skipped: there is no multicast on this machine: {why}");
        return;
    }
    let room = format!("found-{}", std::process::id());
    let mut ana = Person::new("ana", &["--room", &room]);
    let mut bo = Person::new("bo", &["--room", &room]);
    ana.sees("* bo ");
    bo.sees("* ana ");
    bo.types("nobody told me where you are");
    ana.sees("bo: nobody told me where you are");
}

/// Lets itself be found on the local network, and ends this many calls before they become connections.
async fn turns_away(calls: usize) {
    #[derive(NetworkBehaviour)]
    struct Shy {
        mdns: mdns::tokio::Behaviour,
        limits: connection_limits::Behaviour,
    }
    let nobody = ConnectionLimits::default().with_max_pending_incoming(Some(0));
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("TCP can be set up")
        .with_behaviour(|keys| {
            let mdns = mdns::tokio::Behaviour::new(mdns::Config::default(), keys.public().to_peer_id())?;
            Ok(Shy { mdns, limits: connection_limits::Behaviour::new(nobody) })
        })
        .expect("the behaviour can be made")
        .build();
    swarm.listen_on("/ip4/0.0.0.0/tcp/0".parse().expect("it is an address")).expect("there are ports");
    let mut came = 0;
    while came < calls {
        if let SwarmEvent::IncomingConnectionError { .. } = swarm.select_next_some().await {
            came += 1;
        }
    }
}

#[tokio::test]
async fn who_is_found_and_cannot_be_reached_is_called_again() {
    if let Err(why) = has_multicast() {
        eprintln!("skipped: there is no multicast on this machine: {why}");
        return;
    }
    // mDNS tells of nobody twice.
    let _ana = Person::new("ana", &["--room", &format!("shy-{}", std::process::id())]);
    let turned_away = tokio::time::timeout(Duration::from_secs(90), turns_away(3)).await;
    turned_away.expect("somebody who was found is called until it answers");
}

#[test]
fn what_is_wrong_on_the_command_line_is_told() {
    for (more, why) in [
        (["--name", "a\u{1b}[2J"], "--name: a name has"),
        (["--room", ""], "--room: a name has"),
        (["--join", "nowhere"], "--join"),
    ] {
        let name = if more[0] == "--name" { &[][..] } else { &["--name", "ana"][..] };
        let done = Command::new(env!("CARGO_BIN_EXE_peerlab-node"))
            .arg("chat")
            .args(name)
            .args(more)
            .output()
            .expect("the program starts");
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.code() == Some(2) && told.contains(why), "{told}");
    }
}
