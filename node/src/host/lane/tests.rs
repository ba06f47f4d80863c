//! The lane between two swarms, and against ends that do not keep to it.

use std::{
    sync::mpsc::{self, TryRecvError},
    thread,
    time::Duration,
};

use futures::{AsyncWriteExt as _, executor::block_on};
use futures_timer::Delay;
use libp2p::{Swarm, identity::Keypair, swarm::SwarmEvent};
use libp2p_stream::Control;
use peerlab_scenarios::wire::MAX_FRAME;

use super::{Behaviour, Event, LaneError, PROTOCOL, Parting, Told};
use crate::host::bench::{At, connect, drive, swarm};

fn lanes(first_name: u64) -> Swarm<Behaviour> {
    swarm(&Keypair::generate_ed25519(), Behaviour::new(first_name))
}

fn frame(number: u32) -> bytes::Bytes {
    number.to_be_bytes().repeat(1 + number as usize % 5).into()
}

#[test]
fn frames_come_in_order_before_the_word_of_parting() {
    let (mut alice, mut bob) = (lanes(100), lanes(200));
    connect(&mut alice, &mut bob);
    let (mut came, mut sent) = (Vec::new(), false);
    let (name, parting) = drive(&mut alice, &mut bob, |_, bob, at| {
        match at {
            At::Other(SwarmEvent::ConnectionEstablished { connection_id, .. }) if !sent => {
                sent = true;
                let lane = bob.behaviour_mut();
                for number in 0..1000 {
                    assert!(lane.send(connection_id, &frame(number)).unwrap());
                }
                lane.part(connection_id, Parting::Stopped);
                assert!(!lane.send(connection_id, &frame(0)).unwrap(), "nothing is sent behind it");
                assert_eq!(lane.sent(connection_id), Some((200, 1000)));
            }
            At::One(SwarmEvent::Behaviour(Event { told, .. })) => match told {
                Told::Named(name) => came.push((name, bytes::Bytes::new())),
                Told::Came(frames) => came.extend(frames.into_iter().map(|frame| (0, frame))),
                Told::Parted(why) => return Some((came[0].0, why)),
                other => panic!("{other:?}"),
            },
            _ => {}
        }
        None
    });
    assert_eq!((name, parting), (200, Parting::Stopped));
    let frames: Vec<_> = came.into_iter().skip(1).map(|(_, frame)| frame).collect();
    assert_eq!(frames, (0..1000).map(frame).collect::<Vec<_>>());
}

#[test]
fn a_reader_that_is_too_slow_loses_its_connection_and_nothing_in_between() {
    let mut bob = swarm(&Keypair::generate_ed25519(), Behaviour::new(0).with_max_unsent(1000));
    let mut alice = lanes(1);
    connect(&mut alice, &mut bob);
    let refused = drive(&mut alice, &mut bob, |_, bob, at| {
        let At::Other(SwarmEvent::ConnectionEstablished { connection_id, .. }) = at else { return None };
        // Nobody is driven meanwhile, so nothing goes out.
        let lane = bob.behaviour_mut();
        let sent = (0..).map(|_| lane.send(connection_id, &vec![7; 300].into()));
        sent.enumerate().find_map(|(number, sent)| Some((number, sent.err()?)))
    });
    assert!(matches!(refused, (3, LaneError::Backlog(1200))), "{refused:?}");
}

/// What breaks the lane of an honest end when a hostile one opens so many streams and writes this to the last.
fn breaks(streams: usize, written: &[u8]) -> LaneError {
    let behaviour = libp2p_stream::Behaviour::new();
    let mut control: Control = behaviour.new_control();
    let _answers = control.accept(PROTOCOL).expect("it is the first to accept it");
    let mut mallory = swarm(&Keypair::generate_ed25519(), behaviour);
    let mut alice = lanes(1);
    connect(&mut alice, &mut mallory);
    let (alice_id, written) = (*alice.local_peer_id(), written.to_vec());
    let (gone, wait) = mpsc::channel::<()>();
    let attack = thread::spawn(move || {
        block_on(async move {
            let mut open = Vec::new();
            while open.len() < streams {
                // Until the connection stands, there is none.
                match control.open_stream(alice_id, PROTOCOL).await {
                    Ok(stream) => open.push(stream),
                    Err(_) if wait.try_recv() != Err(TryRecvError::Disconnected) => {
                        Delay::new(Duration::from_millis(10)).await;
                    }
                    Err(_) => return,
                }
            }
            if let Some(last) = open.last_mut() {
                // The honest end may end the connection meanwhile.
                let _ = last.write_all(&written).await;
                let _ = last.flush().await;
            }
            let _ = wait.recv();
        });
    });
    let broken = drive(&mut alice, &mut mallory, |_, _, at| match at {
        At::One(SwarmEvent::Behaviour(Event { told: Told::Broken(error), .. })) => Some(error),
        _ => None,
    });
    // A stream that is not open yet will never be.
    drop((gone, alice, mallory));
    attack.join().expect("the attack ends");
    broken
}

#[test]
fn one_stream_is_enough() {
    assert!(matches!(breaks(2, &[]), LaneError::Second));
}

#[test]
fn an_oversized_frame_is_refused_when_it_is_announced() {
    let mut written = 7u64.to_be_bytes().to_vec();
    written.extend(u32::MAX.to_be_bytes());
    assert!(matches!(breaks(1, &written), LaneError::TooLong(length) if length as usize > MAX_FRAME));
}
