//! Times of phases, on a paused clock.

use super::*;

fn limits(idle_s: u64, head_s: u64, request_s: u64) -> Limits {
    Limits {
        idle: Duration::from_secs(idle_s),
        head: Duration::from_secs(head_s),
        request: Duration::from_secs(request_s),
        ..Limits::default()
    }
}

fn ready() -> Watch {
    let watch = Watch::new();
    watch.on(Event::Ready);
    watch
}

/// Sleeps from look to look until the watch says cut; how long it took.
async fn cut_after(watch: &Watch, limits: &Limits) -> Duration {
    let start = Instant::now();
    while let Some(next) = watch.check(limits) {
        tokio::time::sleep_until(next).await;
    }
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn each_phase_has_its_own_time() {
    let limits = limits(3, 5, 7);
    let close_to = |took: Duration, s| {
        let wanted = Duration::from_secs(s);
        assert!(took >= wanted && took < wanted + Duration::from_millis(10), "{took:?}");
    };
    let watch = ready();
    close_to(cut_after(&watch, &limits).await, 5);
    watch.request_came(Instant::now(), false);
    close_to(cut_after(&watch, &limits).await, 7);
    watch.on(Event::AnswerMade);
    watch.on(Event::Flushed);
    close_to(cut_after(&watch, &limits).await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_begins_after_a_long_pause_still_has_only_its_own_time() {
    let limits = limits(60, 5, 60);
    let watch = ready();
    watch.request_came(Instant::now(), false);
    watch.on(Event::AnswerMade);
    watch.on(Event::Flushed);
    let start = Instant::now();
    let mut next = watch.check(&limits).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    watch.on(Event::BytesCame);
    loop {
        tokio::time::sleep_until(next).await;
        match watch.check(&limits) {
            Some(at) => next = at,
            None => break,
        }
    }
    assert_eq!(start.elapsed().as_secs(), 8);
}

#[tokio::test(start_paused = true)]
async fn slow_readers_and_slow_bodies_are_on_the_requests_time() {
    let limits = limits(60, 60, 10);
    for event in [Event::AnswerMade, Event::LastAnswerMade, Event::BodyAwaited] {
        let watch = ready();
        watch.request_came(Instant::now(), true);
        tokio::time::sleep(Duration::from_secs(9)).await;
        watch.on(event);
        assert_eq!(cut_after(&watch, &limits).await.as_secs(), 1, "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_on_the_requests_time() {
    let limits = limits(60, 60, 10);
    let watch = ready();
    watch.request_came(Instant::now(), true);
    for _ in 0..3 {
        watch.on(Event::BodyAwaited);
        tokio::time::sleep(Duration::from_secs(3)).await;
        watch.on(Event::BytesCame);
        assert_eq!(watch.phase(), Phase::Busy);
    }
    assert_eq!(cut_after(&watch, &limits).await.as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_was_of_no_use_gains_no_time_by_asking() {
    let watch = ready();
    let waited = |watch: &Watch| watch.waited_for_peer(Instant::now());
    let ask = |watch: &Watch| {
        watch.on(Event::BytesCame);
        watch.request_came(Instant::now(), false);
        assert_eq!(waited(watch), None);
        watch.on(Event::AnswerMade);
        watch.on(Event::Flushed);
    };
    tokio::time::sleep(Duration::from_secs(9)).await;
    ask(&watch);
    assert_eq!(waited(&watch), Some(Duration::from_secs(9)));
    watch.be_of_use();
    assert_eq!(waited(&watch), Some(Duration::ZERO));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(waited(&watch), Some(Duration::from_secs(2)));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_is_waited_for_is_on_our_time() {
    let watch = Watch::new();
    watch.on(Event::HelloCame);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(watch.waited_for_peer(Instant::now()), None);
    watch.on(Event::Admitted);
    assert_eq!(watch.waited_for_peer(Instant::now()), Some(Duration::ZERO));
}

#[test]
fn a_peer_has_sent_everything_once_a_request_without_a_body_is_answered() {
    let watch = ready();
    watch.request_came(Instant::now(), false);
    assert!(!watch.peer_sent_everything());
    watch.on(Event::LastAnswerMade);
    assert!(watch.peer_sent_everything());
    watch.request_came(Instant::now(), true);
    watch.on(Event::AnswerMade);
    assert!(!watch.peer_sent_everything());
}

#[test]
fn nothing_waits_for_a_close_that_was_deferred() {
    let watch = ready();
    watch.request_came(Instant::now(), false);
    watch.on(Event::LastAnswerMade);
    assert!(watch.close_follows());
    assert!(watch.take_close_follows());
    assert!(!watch.take_close_follows());
    assert_eq!(watch.phase(), Phase::Sending);
}
