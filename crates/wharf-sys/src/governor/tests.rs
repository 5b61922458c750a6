//! Permits, one by one and hammered by threads.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use super::*;

fn limits(network: usize) -> Limits {
    Limits {
        network,
        cpu: 1,
        disk: 1,
        build: 1,
    }
}

#[test]
fn never_more_than_the_limit() {
    let governor = Governor::new(limits(2));
    let first = governor.try_permit(Work::Network);
    let second = governor.try_permit(Work::Network);
    assert!(first.is_some() && second.is_some());
    assert!(governor.try_permit(Work::Network).is_none());
    drop(first);
    assert!(governor.try_permit(Work::Network).is_some());
}

#[test]
fn kinds_do_not_share() {
    let governor = Governor::new(limits(1));
    let _network = governor.try_permit(Work::Network).unwrap();
    assert!(governor.try_permit(Work::Cpu).is_some());
}

#[test]
fn zero_counts_as_one() {
    let governor = Governor::new(limits(0));
    assert!(governor.try_permit(Work::Network).is_some());
}

#[test]
fn lowering_takes_effect_as_permits_come_back() {
    let governor = Governor::new(limits(3));
    let held: Vec<_> = (0..3)
        .filter_map(|_| governor.try_permit(Work::Network))
        .collect();
    governor.set_limit(Work::Network, 1);
    assert_eq!(
        governor.gauge(Work::Network),
        Gauge {
            in_use: 3,
            waiting: 0,
            limit: 1
        }
    );
    let mut held = held.into_iter();
    drop(held.next());
    assert!(
        governor.try_permit(Work::Network).is_none(),
        "two are still held under a limit of one"
    );
    drop(held);
    let again = governor.try_permit(Work::Network);
    assert!(again.is_some() && governor.try_permit(Work::Network).is_none());
}

#[test]
fn raising_again_forgives_what_was_owed() {
    let governor = Governor::new(limits(4));
    let held: Vec<_> = (0..4)
        .filter_map(|_| governor.try_permit(Work::Network))
        .collect();
    governor.set_limit(Work::Network, 1);
    governor.set_limit(Work::Network, 5);
    let fifth = governor.try_permit(Work::Network);
    assert!(fifth.is_some() && governor.try_permit(Work::Network).is_none());
    drop(held);
    drop(fifth);
    let all: Vec<_> = (0..9).map_while(|_| governor.try_permit(Work::Network)).collect();
    assert_eq!(all.len(), 5);
}

#[test]
fn what_is_held_back_comes_back() {
    let governor = Governor::new(limits(3));
    let take = || std::iter::from_fn(|| governor.try_permit(Work::Network));
    let available = || take().collect::<Vec<_>>().len();
    let one = governor.hold_back(Work::Network, 1);
    assert_eq!(available(), 2);
    let many = governor.hold_back(Work::Network, 7);
    assert_eq!(available(), 1, "one is always left");
    governor.set_limit(Work::Network, 20);
    assert_eq!(available(), 12);
    drop(many);
    assert_eq!(available(), 19);
    drop(one);
    assert_eq!((available(), governor.limits().network), (20, 20));
}

#[test]
fn who_has_a_permit_keeps_it_while_others_are_held_back() {
    let governor = Governor::new(limits(2));
    let taken = [(); 2].map(|()| governor.try_permit(Work::Network).unwrap());
    let held = governor.hold_back(Work::Network, 1);
    let [first, second] = taken;
    drop(first);
    assert!(governor.try_permit(Work::Network).is_none(), "it was owed");
    drop(held);
    assert!(governor.try_permit(Work::Network).is_some());
    drop(second);
}

/// How many permits there are for whoever asks now.
fn free(governor: &Governor) -> usize {
    let permits: Vec<_> = std::iter::from_fn(|| governor.try_permit(Work::Network)).collect();
    permits.len()
}

/// Numbers below `end` that look random, the same in every run.
fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed * 2 + 1;
    move |end| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % end
    }
}

/// Asks once, as a task does that then waits.
fn poll(waiter: &mut Pin<Box<impl Future>>) -> bool {
    waiter
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

#[test]
fn what_a_waiter_never_came_for_is_owed_as_well() {
    let governor = Governor::new(limits(2));
    let taken = [(); 2].map(|()| governor.try_permit(Work::Network).unwrap());
    let mut waiter = Box::pin(governor.permit(Work::Network));
    assert!(!poll(&mut waiter));
    let [first, second] = taken;
    // It goes to the waiter.
    drop(first);
    let held = governor.hold_back(Work::Network, 1);
    drop(waiter);
    assert_eq!(free(&governor), 0, "there is one permit, and it is in use");
    drop(second);
    assert_eq!(free(&governor), 1);
    drop(held);
    assert_eq!(free(&governor), 2);
}

#[test]
fn permits_are_given_as_long_as_there_are_some_and_no_longer() {
    for seed in 0..40 {
        let governor = Governor::new(limits(4));
        let mut next = numbers(seed);
        let (mut limit, mut permits, mut held, mut waiters) =
            (4usize, Vec::new(), Vec::<HeldBack>::new(), Vec::new());
        for step in 0..500 {
            match next(7) {
                0 | 1 => {
                    let lowered = held.iter().map(|held| held.permits).sum();
                    let may = permits.len() < limit.saturating_sub(lowered).max(1);
                    let permit = governor.try_permit(Work::Network);
                    // Those who wait have been given some, perhaps, and not come for them yet.
                    let given = permit.is_some() || (may && !waiters.is_empty());
                    assert_eq!(given, may, "seed {seed}, step {step}");
                    permits.extend(permit);
                }
                2 if !permits.is_empty() => drop(permits.swap_remove(next(permits.len()))),
                3 => held.push(governor.hold_back(Work::Network, next(4))),
                4 if !held.is_empty() => drop(held.swap_remove(next(held.len()))),
                5 => {
                    limit = 1 + next(6);
                    governor.set_limit(Work::Network, limit);
                }
                6 if waiters.len() < 3 => {
                    let mut waiter = Box::pin(governor.permit(Work::Network));
                    if !poll(&mut waiter) {
                        waiters.push(waiter);
                    }
                }
                6 => waiters.clear(),
                _ => {}
            }
        }
        drop((permits, held, waiters));
        assert_eq!(free(&governor), limit, "seed {seed}");
    }
}

#[test]
fn threads_that_hold_back_lose_no_permits_and_never_have_too_many() {
    const LIMIT: usize = 4;
    let governor = Governor::new(limits(LIMIT));
    let in_use = AtomicUsize::new(0);
    let work = |seed| {
        let mut next = numbers(seed);
        let mut held = Vec::new();
        for _ in 0..2_000 {
            match next(6) {
                0 => held.push(governor.hold_back(Work::Network, next(LIMIT))),
                1 => held.clear(),
                2 => {
                    // Gives up, perhaps after it was given one.
                    let mut waiter = Box::pin(governor.permit(Work::Network));
                    poll(&mut waiter);
                    thread::yield_now();
                }
                _ => {
                    let permit = governor.permit_blocking(Work::Network);
                    assert!(in_use.fetch_add(1, Ordering::SeqCst) < LIMIT);
                    thread::yield_now();
                    in_use.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            }
            if held.len() > 3 {
                held.clear();
            }
        }
    };
    thread::scope(|scope| {
        for seed in 0..8 {
            scope.spawn(move || work(seed));
        }
    });
    let gauge = governor.gauge(Work::Network);
    assert_eq!((gauge.in_use, gauge.waiting, free(&governor)), (0, 0, LIMIT));
}

#[test]
fn a_blocked_thread_wakes_when_a_permit_returns() {
    let governor = Governor::new(limits(1));
    let held = governor.permit_blocking(Work::Network);
    let waiter = {
        let governor = governor.clone();
        thread::spawn(move || drop(governor.permit_blocking(Work::Network)))
    };
    while governor.gauge(Work::Network).waiting == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    drop(held);
    waiter.join().unwrap();
    assert_eq!(
        governor.gauge(Work::Network),
        Gauge {
            in_use: 0,
            waiting: 0,
            limit: 1
        }
    );
}

#[tokio::test]
async fn a_cancelled_waiter_is_not_counted() {
    let governor = Governor::new(limits(1));
    let _held = governor.permit(Work::Network).await;
    let waited = tokio::time::timeout(Duration::from_millis(5), governor.permit(Work::Network)).await;
    assert!(waited.is_err());
    assert_eq!(governor.gauge(Work::Network).waiting, 0);
}
