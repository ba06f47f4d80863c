//! Fetches between two swarms, and against ends that do not keep to the protocol.

use std::{sync::mpsc, thread, time::Duration};

use bytes::Bytes;
use futures::{AsyncReadExt as _, AsyncWriteExt as _, executor::block_on};
use futures_timer::Delay;
use libp2p::{Swarm, identity::Keypair, swarm::SwarmEvent};
use peerlab_scenarios::wire::MAX_FRAME;

use super::{Behaviour, Event, MAX_ASKED, PROTOCOL, TransferError, transfer::MAX_REQUEST};
use crate::host::bench::{At, connect, drive, swarm};

fn bulk() -> Swarm<Behaviour> {
    swarm(&Keypair::generate_ed25519(), Behaviour::default())
}

#[test]
fn what_is_asked_for_comes_whole_and_both_ends_know() {
    let (mut alice, mut bob) = (bulk(), bulk());
    connect(&mut alice, &mut bob);
    let (alice_id, bob_id) = (*alice.local_peer_id(), *bob.local_peer_id());
    let large = Bytes::from(vec![5; MAX_FRAME]);
    let (mut came, mut answered) = (0, 0);
    drive(&mut alice, &mut bob, |alice, bob, at| {
        match at {
            At::Other(SwarmEvent::ConnectionEstablished { connection_id, .. }) => {
                for number in 0..4u8 {
                    bob.behaviour_mut().ask(alice_id, connection_id, vec![number; 20].into());
                }
            }
            At::One(SwarmEvent::Behaviour(Event::Asked { asked, request })) => {
                assert_eq!(request.len(), 20);
                alice.behaviour_mut().answer(bob_id, asked, vec![large.slice(..7), large.slice(7..)]);
            }
            At::One(SwarmEvent::Behaviour(Event::Answered { result, .. })) => {
                result.expect("the other end said that it came");
                answered += 1;
            }
            At::Other(SwarmEvent::Behaviour(Event::Came { result, .. })) => {
                assert_eq!(result.expect("it came"), large);
                came += 1;
            }
            _ => {}
        }
        (came == 4 && answered == 4).then_some(())
    });
}

#[test]
fn a_fetch_that_is_given_up_is_over_at_both_ends() {
    let (mut alice, mut bob) = (bulk(), bulk());
    connect(&mut alice, &mut bob);
    let (alice_id, bob_id) = (*alice.local_peer_id(), *bob.local_peer_id());
    let mut fetch = None;
    let result = drive(&mut alice, &mut bob, |alice, bob, at| {
        match at {
            At::Other(SwarmEvent::ConnectionEstablished { connection_id, .. }) => {
                fetch = Some(bob.behaviour_mut().ask(alice_id, connection_id, vec![1; 20].into()));
            }
            At::One(SwarmEvent::Behaviour(Event::Asked { asked, .. })) => {
                bob.behaviour_mut().abort(fetch.expect("it was asked"));
                alice.behaviour_mut().answer(bob_id, asked, vec![vec![5; MAX_FRAME].into()]);
            }
            At::One(SwarmEvent::Behaviour(Event::Answered { result, .. })) => return Some(result),
            At::Other(SwarmEvent::Behaviour(event)) => panic!("{event:?} was heard of what was given up"),
            _ => {}
        }
        None
    });
    assert!(result.is_err());
}

/// Runs an attack on an honest end until `done` has seen enough of what that one hears.
fn under_attack<T>(
    attack: impl AsyncFnOnce(libp2p_stream::Control, libp2p::PeerId) + Send + 'static,
    mut done: impl FnMut(&mut Swarm<Behaviour>, libp2p::PeerId, Event) -> Option<T>,
) -> T {
    let behaviour = libp2p_stream::Behaviour::new();
    let control = behaviour.new_control();
    let mut mallory = swarm(&Keypair::generate_ed25519(), behaviour);
    let mut alice = bulk();
    connect(&mut alice, &mut mallory);
    let (alice_id, mallory_id) = (*alice.local_peer_id(), *mallory.local_peer_id());
    let (gone, wait) = mpsc::channel::<()>();
    let attack = thread::spawn(move || {
        block_on(attack(control, alice_id));
        let _ = wait.recv();
    });
    let seen = drive(&mut alice, &mut mallory, |alice, _, at| match at {
        At::One(SwarmEvent::Behaviour(event)) => done(alice, mallory_id, event),
        _ => None,
    });
    drop(gone);
    attack.join().expect("the attack ends");
    seen
}

async fn open(control: &mut libp2p_stream::Control, to: libp2p::PeerId) -> libp2p::Stream {
    loop {
        match control.open_stream(to, PROTOCOL).await {
            Ok(stream) => return stream,
            Err(_) => Delay::new(Duration::from_millis(10)).await,
        }
    }
}

#[test]
fn of_a_flood_of_streams_no_more_are_heard_than_may_be() {
    let attack = async |mut control: libp2p_stream::Control, alice| {
        let mut streams = Vec::new();
        for number in 0..=MAX_ASKED as u32 {
            let mut stream = open(&mut control, alice).await;
            let _ = stream.write_all(&4u32.to_be_bytes()).await;
            let _ = stream.write_all(&number.to_be_bytes()).await;
            let _ = stream.flush().await;
            streams.push(stream);
        }
        // One that is answered makes room for another.
        let _ = streams[0].read(&mut [0]).await;
        streams.remove(0);
        Delay::new(Duration::from_millis(300)).await;
        let mut stream = open(&mut control, alice).await;
        let _ = stream.write_all(&4u32.to_be_bytes()).await;
        let _ = stream.write_all(&u32::MAX.to_be_bytes()).await;
        let _ = stream.flush().await;
        Delay::new(Duration::from_secs(1)).await;
    };
    let mut heard = Vec::new();
    let mut first = None;
    under_attack(attack, |alice, by, event| {
        let Event::Asked { asked, request } = event else { return None };
        first.get_or_insert(asked);
        heard.push(u32::from_be_bytes(request[..].try_into().expect("it has four bytes")));
        if heard.len() == MAX_ASKED {
            alice.behaviour_mut().answer(by, first.expect("there is one"), vec![vec![9].into()]);
        }
        (heard.last() == Some(&u32::MAX)).then_some(())
    });
    assert_eq!(heard.len(), MAX_ASKED + 1);
    assert!(!heard.contains(&(MAX_ASKED as u32)), "one too many was heard");
}

#[test]
fn a_request_that_is_too_long_is_not_heard() {
    let attack = async |mut control: libp2p_stream::Control, alice| {
        let mut long = open(&mut control, alice).await;
        let _ = long.write_all(&(MAX_REQUEST as u32 + 1).to_be_bytes()).await;
        let _ = long.write_all(&[0; MAX_REQUEST + 1]).await;
        let _ = long.flush().await;
        let mut right = open(&mut control, alice).await;
        let _ = right.write_all(&4u32.to_be_bytes()).await;
        let _ = right.write_all(&[1, 2, 3, 4]).await;
        let _ = right.flush().await;
        Delay::new(Duration::from_secs(3)).await;
    };
    let request = under_attack(attack, |_, _, event| match event {
        Event::Asked { request, .. } => Some(request),
        _ => None,
    });
    assert_eq!(request, [1, 2, 3, 4].as_slice());
}

#[test]
fn an_answer_that_is_too_long_is_refused_when_it_is_announced() {
    let behaviour = libp2p_stream::Behaviour::new();
    let mut control = behaviour.new_control();
    let mut incoming = control.accept(PROTOCOL).expect("it is the first to accept it");
    let mut mallory = swarm(&Keypair::generate_ed25519(), behaviour);
    let mut bob = bulk();
    connect(&mut mallory, &mut bob);
    let mallory_id = *mallory.local_peer_id();
    let answers = thread::spawn(move || {
        block_on(async move {
            use futures::StreamExt as _;
            let (_, mut stream) = incoming.next().await.expect("it is asked");
            let _ = stream.write_all(&(MAX_FRAME as u32 + 1).to_be_bytes()).await;
            let _ = stream.flush().await;
            Delay::new(Duration::from_secs(1)).await;
        });
    });
    let result = drive(&mut mallory, &mut bob, |_, bob, at| {
        match at {
            At::Other(SwarmEvent::ConnectionEstablished { connection_id, .. }) => {
                bob.behaviour_mut().ask(mallory_id, connection_id, vec![1; 20].into());
            }
            At::Other(SwarmEvent::Behaviour(Event::Came { result, .. })) => return Some(result),
            _ => {}
        }
        None
    });
    assert!(matches!(result, Err(TransferError::TooLong(_, MAX_FRAME))), "{result:?}");
    answers.join().expect("it answers");
}
