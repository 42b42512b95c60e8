//! The one list of cases.
//!
//! A rule or a case with `once "…"` is not run again with faults, for that reason.

use crate::case::{Case, count, first, flat};

/// Hands the list to another macro, with whatever it wants in front.
#[doc(hidden)]
#[macro_export]
macro_rules! each_case {
    ([$($then:tt)*] [$($args:tt)*]) => { $($then)*! { [$($args)*]

settled_once {
    token_from_before_a_rescue_changes_nothing: "A claim that was rescued can neither renew, say progress nor settle, whatever the outcome.",
    token_from_before_another_claim_changes_nothing: "A claim cannot touch the job once another has it, and the other goes on undisturbed.",
    token_from_before_a_release_changes_nothing: "A claim that was released with its worker is void.",
    settled_token_cannot_renew: "After any outcome the claim is over: its renewals are lost and change nothing.",
    settle_counts_past_the_end_of_the_lease: "A settle counts as long as nobody else has the job, however late it comes.",
    renewal_counts_past_the_end_of_the_lease: "A renewal counts as long as nobody else has the job, and saves it from the rescue.",
    near_miss_of_a_token_is_lost: "A token with a wrong bit, a wrong number or of another job is lost.",
    token_numbers_grow_for_ever: "Claim numbers grow even when no row is left that remembers them.",
    token_numbers_grow_over_a_second_opening: "Claim numbers grow across processes and restarts.",
    concurrent_settles_have_one_effect: "Two settles of one claim with different outcomes have the effect of one.",
    old_and_new_holder_race_and_the_new_one_wins: "When a rescued worker settles together with its successor, only the successor counts.",
    batch_may_mix_held_and_stale_claims: "In one batch held claims go through, stale ones are lost, and answers are in order.",
}

push_is_kept {
    pushed_job_reads_as_it_was_pushed: "Every field of an answered push is readable at once, through any connection, Unicode and all.",
    moment_may_be_given_on_the_wall_clock: "A job may be pushed for a moment on the wall clock; one that has passed means now.",
    repeated_push_is_recognised: "A repeated push is answered as before and changes nothing, even when the job has finished.",
    same_job_twice_in_a_batch_is_one: "The same job twice in one batch is one job.",
    repeated_push_of_a_key_holder_is_no_conflict_with_itself: "A repeated push of a job that holds a unique key is answered as before.",
    batch_of_a_thousand_is_answered_in_order: "A thousand jobs in one batch are answered in order, readable and claimable.",
    more_than_a_batch_is_pushed_in_several: "More jobs than fit a batch are all pushed.",
    batch_may_go_to_several_queues: "A batch over several queues puts each job into its own.",
    job_out_of_bounds_is_named_and_nothing_pushed: "A job out of bounds is refused with its place and field, and nothing is pushed.",
    largest_payload_comes_back_byte_for_byte: "A payload of exactly 256 KiB comes back as it was.",
    payload_keeps_its_spelling: "A payload is kept as text: spaces, number spellings, escapes and doubled keys included.",
    empty_batch_is_fine: "An empty batch, and a claim on queues nobody has pushed to, are answered with nothing.",
    concurrent_pushes_are_all_kept: "Many producers at once lose nothing, and the counts agree.",
}

claims_are_disjoint {
    concurrent_claims_share_no_job: "Eight claimers over 400 jobs, on all connections, get each job exactly once.",
    no_job_starts_before_its_time: "With random delays and a clock moved step by step, no job is handed out early, and none forgotten.",
    retry_waits_as_long_as_it_was_told: "A job to be retried later is not handed out before.",
    job_comes_with_all_that_a_handler_needs: "A claimed job carries payload, attempt, bounds and time-out, and its row says who runs it.",
    repeated_claim_returns_the_same_jobs: "A repeated claim returns the same jobs under the same tokens, as far as they are still held.",
    repeated_claim_returns_nothing_of_earlier_claims: "A repeated claim does not return what the worker holds from other claims.",
    fresh_nonce_claims_fresh_jobs: "Another nonce, or the same nonce of another worker, is another claim.",
    concurrent_repeats_of_a_claim_are_one_claim: "A claim repeated while the first is under way hands out the same jobs.",
    limit_is_respected: "A claim hands out no more than it was asked for, and all there is.",
    claim_for_nothing_still_says_what_waits: "A claim with limit zero takes nothing and says when the next job is due.",
    higher_priority_is_first_then_who_has_been_due_longest: "Within a queue priority decides, then who has been due longest."
        once "a repeated claim is held to the same jobs, not to their order",
    jobs_that_are_ready_at_once_run_in_the_order_of_pushes: "Among equals the first pushed is the first claimed.",
    jobs_pushed_together_run_in_the_order_of_the_batch: "Those of one batch run in its order, in whatever pieces they are claimed and whatever their kinds and deadlines."
        once "a repeated claim is held to the same jobs, not to their order",
    queues_are_looked_at_in_the_order_given: "Queues are looked at in the order of the claim, whatever priorities they hold."
        once "a repeated claim is held to the same jobs, not to their order",
    worker_gets_no_kind_that_it_did_not_name: "A thousand jobs of other kinds neither reach a worker nor keep its own from it.",
    next_due_is_the_soonest_of_the_queues_named: "A claim says how long until the next job of its queues is due."
        once "a repeated claim need not say what waits",
    scheduled_job_survives_a_long_absence_of_workers: "A job scheduled five years ahead waits five years.",
}

leases {
    job_of_a_silent_worker_runs_again: "A job whose worker went silent is ready again after its lease, under a fresh token.",
    lease_holds_until_its_end: "Nobody gets a job before its lease has ended, and upkeep rescues it once it has.",
    renewal_extends_from_now: "A job that is renewed is never rescued; one that is not renewed any more is.",
    renewal_may_also_shorten: "A renewal sets the lease, shorter or longer.",
    only_expired_leases_are_rescued: "The rescue takes what has expired and leaves what was renewed.",
    upkeep_without_rescue_rescues_nobody: "After an outage upkeep can be told to leave expired leases alone.",
    step_of_the_wall_clock_does_not_touch_leases: "A step of the wall clock by a day neither ends nor prolongs a lease.",
    step_of_the_wall_clock_loses_no_job: "A step back of the wall clock neither hides ready jobs nor keeps running ones from being settled.",
    reboot_ends_every_lease_at_once: "After a reboot of the machine its jobs are rescued at once; by a store on another machine when their leases end.",
    lease_longer_than_leases_can_be_is_over: "A lease that ends farther ahead than leases can is over.",
    rescue_is_bounded_by_its_limit: "A rescue takes as many as it is told, and says when there is more."
        once "upkeep that arrives twice does two steps",
    any_process_rescues: "The jobs of a dead process are rescued by any other.",
}

deaths {
    crash_is_counted_apart_and_gives_the_attempt_back: "A crash costs no attempt, is counted, and is shown among the failures.",
    second_crash_waits_and_then_runs_alone: "After its second crash a job waits, and then runs only in a worker that runs nothing else; others go on meanwhile."
        once "a repeated claim need not say what waits",
    suspects_run_one_by_one: "Jobs that crashed together are handed out one at a time.",
    suspects_of_several_queues_run_one_by_one: "That holds over all queues of a worker.",
    third_crash_is_the_end: "A job that crashed three times is dead, reason crashed.",
    retry_by_hand_forgets_crashes: "A retry by hand forgets crashes and attempts.",
    reboot_costs_nothing_but_is_counted: "A reboot costs a job nothing, however often, but is counted; to a store on another machine it is a crash.",
    worker_released_on_purpose_costs_nothing: "Jobs of a worker stopped on purpose are ready at once, at no cost.",
    worker_released_after_a_crash_counts_as_one: "Jobs of a worker known to have crashed are ready at once, and count the crash.",
    released_worker_gets_nothing_more: "A released worker's later claims are refused, repeats of earlier ones included.",
    worker_released_before_its_first_claim_gets_nothing: "That holds even if its first claim is still on its way.",
    release_touches_no_other_worker: "A release takes nothing from other workers; a repeat, or one of an unknown worker, takes nothing.",
    release_leaves_settled_jobs_alone: "A release does not touch what the worker has settled.",
    snooze_and_hand_back_burn_no_attempt: "A snooze or a hand-back burns no attempt, however often, but is counted.",
    last_attempt_that_crashes_is_tried_again: "A job that crashes in its last attempt is tried again, and not lost.",
    failed_attempts_are_burned_until_none_is_left: "Failed attempts are counted and kept, and the last one is the end.",
}

outcomes {
    job_runs_under_the_limits_of_its_worker_and_shows_them: "A claim grants attempts and a time-out by the limits of the kind, and the job shows them.",
    job_that_asks_for_less_gets_less_and_none_gets_more: "What a job asks for is kept beside what was granted.",
    store_writes_what_was_decided: "A store retries and buries as it is told, whatever the number of the attempt.",
    claim_gets_no_more_of_a_kind_than_it_wants: "A claim hands out as many of each kind as it wants.",
    kind_of_which_none_is_wanted_is_known: "A worker that wants none of a kind now knows it all the same.",
    claim_says_how_long_a_job_waited: "A claim says how long the job was ready before it.",
    outage_costs_no_attempt_and_is_counted: "An outage costs no attempt, is counted, and a claim says since when there was nothing else.",
    row_of_outages_ends_with_an_attempt_that_gets_through: "A retry, a snooze and a retry by hand end a row of outages; a release and a crash do not.",
    failure_keeps_its_class_its_start_and_its_claim: "A failure says what kind it was, when its attempt started, and under which claim.",
    crash_says_how_the_worker_ended: "A release by somebody who saw the worker end says how it ended.",
    logs_of_kept_failures_are_kept: "The newest claim's log and those of kept failures are kept, and no others.",
    what_a_store_moved_by_itself_is_told: "Upkeep, a release and a claim name the jobs that they rescued or buried, and what became of them."
        once "a repeat finds nothing to move",
    settle_and_claim_are_one_call: "A settle and the next claim go together, and a repeat is answered alike.",
}

bounded once "the same calls as elsewhere, with many rows" {
    many_expired_leases_are_rescued_in_steps: "20,000 expired leases are rescued in bounded steps, none forgotten.",
    many_finished_jobs_are_pruned_in_steps: "20,000 old jobs are deleted in bounded steps.",
    many_due_jobs_are_all_handed_out: "20,000 jobs that are due together are all handed out.",
    many_missed_deadlines_are_buried_in_steps: "20,000 missed deadlines are worked off in bounded steps.",
    many_jobs_that_missed_their_deadline_do_not_wedge_claims: "A job behind 20,000 expired ones is handed out.",
    many_unused_queues_are_forgotten_in_steps: "A thousand and more unused queues are forgotten in bounded steps.",
    parts_of_upkeep_do_not_starve_each_other: "Rescue, expiry and pruning all get on in one step, whatever the others have to do.",
    worker_with_a_thousand_jobs_is_released_as_a_whole: "A release takes all of a worker's jobs, a thousand if need be.",
}

repeats {
    repeated_settle_is_done_and_changes_nothing: "A repeated settle answers done and changes nothing, whatever the outcome.",
    first_outcome_stands: "A second outcome under the same token answers done and changes nothing.",
    repeat_that_comes_after_the_next_claim_changes_nothing: "A repeat that comes when the job runs again, or has ended, changes nothing.",
    settlement_twice_in_a_batch_is_one: "The same settlement twice in one batch counts once.",
    repeated_renewal_is_held: "A repeated renewal answers as before.",
    repeated_upkeep_finds_nothing: "A repeated upkeep has nothing to do.",
}

keys {
    until_started_ends_with_the_claim: "A key held until started is free once a worker has the job.",
    until_finished_holds_through_every_retry: "A key held until finished is held while the job waits, runs, is retried, handed back and rescued.",
    for_a_period_holds_even_after_success: "A key held for a period is held after success until the period is over.",
    for_a_period_outlives_retention: "A period longer than the retention is not cut short by pruning.",
    period_that_is_over_frees_the_key_of_a_job_that_still_waits: "A period that is over frees the key even if its job still waits, and that job cannot free it again.",
    dead_and_cancelled_jobs_free_their_keys: "Dead and cancelled jobs free their keys, whatever the scope.",
    expired_job_frees_its_key: "So does a job that missed its deadline.",
    successor_keeps_the_key_when_its_predecessor_ends: "A job that no longer holds its key does not take it from its successor when it ends.",
    retry_by_hand_takes_the_key_again: "A retry by hand takes the key again.",
    retry_by_hand_conflicts_with_a_new_holder: "A retry by hand answers conflict where another holds the key, and changes nothing.",
    concurrent_pushes_with_one_key_make_one_job: "Sixteen pushes at once with one key make one job, and all hear its id.",
    key_twice_in_a_batch_makes_one_job: "One key several times in a batch makes one job.",
    keys_belong_to_a_queue_and_are_compared_byte_by_byte: "Keys of different queues, or that only look alike, are different keys.",
    job_that_stands_back_leaves_no_trace: "A job that stands back for another leaves no trace.",
    result_is_reused_while_it_is_fresh: "An equal job's result is served until it is too old for the asker.",
    only_success_is_reused: "Only a success is reused.",
    newest_result_is_reused_and_only_in_its_queue: "Of several results the newest is served, and only within its queue.",
    result_is_kept_as_long_as_it_may_be_reused: "A result is kept as long as it may be reused, whatever the retention.",
    result_comes_before_the_holder_of_the_key: "A job with both keys is served a result first, and else stands back for the holder.",
}

idempotency {
    repeat_gets_the_first_answer: "A repeated request gets the first answer, also when its job is finished.",
    another_request_with_the_key_is_a_conflict: "Another request with the key is a conflict, and makes no job.",
    idempotency_keys_belong_to_a_queue: "The same key in two queues is two keys.",
    key_is_kept_a_day_and_as_long_as_its_job: "A key is kept a day, and as long as its job.",
    answer_that_another_job_stood_for_it_is_repeated: "That another job stood for it is an answer like any other.",
    concurrent_repeats_make_one_job: "Sixteen repeats at once make one job.",
}

retention once "its calls are those of other rules, and upkeep" {
    successes_and_cancellations_are_kept_a_day_and_the_dead_a_week: "By default successes and cancellations are kept 24 hours, the dead 7 days.",
    retention_is_what_the_settings_say: "Both can be set.",
    key_that_was_given_back_keeps_no_job_longer: "A dead or cancelled job goes in its time, however long the period of the key it held.",
    retention_of_zero_ends_with_the_next_upkeep: "A retention of zero ends with the next upkeep.",
    unfinished_jobs_are_never_deleted: "No retention deletes a job that is not finished.",
    job_retried_by_hand_is_not_deleted: "A job retried by hand is kept, and its time starts anew when it finishes.",
    upkeep_is_done_only_when_nothing_is_over: "Upkeep that met what was deleted before says that there is more.",
    deleted_jobs_take_their_artifacts_along: "Upkeep names the artifacts of deleted jobs, and they are deleted.",
    large_and_binary_results_are_kept_outside_the_row: "Small texts are kept in the row, all else as artifacts; both come back byte for byte.",
    queue_that_nobody_uses_is_forgotten_after_a_day: "Upkeep forgets a queue that has had no jobs and no rules, no push and no claim, for a day; also one whose pause is over.",
    queue_that_is_used_or_has_rules_is_kept: "A queue with a job in any state, with a rule, or with a push or a claim within a day, is kept.",
    forgotten_queue_that_is_used_again_is_as_new: "A queue and a kind that were forgotten are there again with the next push, on every connection, and nothing is lost.",
    push_at_the_moment_of_the_forgetting_is_kept: "Pushes and claims on one connection while upkeep on another forgets their queue: every job is counted, found and handed out once.",
    orphans_are_swept_and_nothing_else: "Old artifacts that no job points at are swept; young, used and unfinished ones stay.",
}

artifacts once "calls of artifacts do not go through the faults" {
    artifact_comes_back_in_chunks: "Whatever pieces an artifact is written in, of whatever length it is, it comes back byte for byte, in chunks of bounded length.",
    artifact_is_read_from_any_place: "An artifact is read from any byte on, up to its last; at its end and beyond there is nothing.",
    artifact_is_there_whole_or_not_at_all: "While an artifact is written nobody sees any of it, under its name there is nothing, or what was there before.",
    writer_that_fails_leaves_nothing: "A writer whose source fails, or that is dropped, leaves nothing that is served, and nothing that is found once its name is deleted.",
    writers_of_one_name_do_not_mix: "Of writers of one name at the same time the last to end counts, and readers see the bytes of one.",
    deleted_artifact_is_read_whole_or_fails: "A reader goes on with what it has opened or fails when that is deleted, and never goes on with another.",
}

unknown_and_expired once "its calls are those of other rules, and upkeep" {
    unknown_kind_waits_while_there_are_no_workers: "A kind nobody knows waits for as long as nobody works.",
    unknown_kind_is_dead_after_a_day_among_workers: "A kind that the workers of its queue don't know is dead after 24 hours.",
    day_begins_when_workers_come: "The 24 hours begin when workers come.",
    workers_of_another_queue_do_not_count: "Workers of another queue do not make it dead.",
    known_kind_may_wait_for_ever: "A kind that some worker knows may wait for ever.",
    job_scheduled_far_ahead_is_not_unknown_before_its_time: "A scheduled job is not unknown before its time.",
    expired_job_is_never_handed_out: "A job that missed its deadline is never handed out, and is dead, reason expired.",
    upkeep_buries_what_missed_its_deadline: "Upkeep finds what missed its deadline, ready or scheduled.",
    running_job_is_past_its_deadline_safely: "A deadline does not touch a job that runs.",
    job_handed_out_before_its_deadline_may_fail_and_try_again_before_it: "A failed attempt may be repeated before the deadline.",
    job_is_not_tried_again_after_its_deadline: "A failed attempt is not repeated after the deadline.",
}

outages once "it makes faults of its own" {
    worker_gets_through_a_bad_connection: "A worker whose calls fail, are done without an answer, or arrive twice, runs every job as often as it should.",
    release_may_be_repeated_until_it_is_answered: "A release whose answer was lost has happened once, and a repeat touches nobody else.",
    upkeep_may_be_repeated_until_it_is_answered: "So it is with upkeep.",
    act_may_be_repeated_until_it_is_answered: "So it is with what people do.",
    producer_may_repeat_until_it_is_answered: "A producer may repeat a push until it is answered, and has pushed once.",
}

notifications once "a notification that comes twice is as good as one" {
    push_wakes_who_waits: "A push wakes who waits for work.",
    who_hears_of_a_job_finds_it: "Whoever hears of a push finds the job: it is there before the notification.",
    job_that_is_ready_again_wakes_who_waits: "So does a job handed back.",
    rescue_and_retry_by_hand_wake_who_waits: "So do a rescue, which reports the queue, and a retry by hand.",
    cancel_of_a_running_job_wakes_its_worker: "A cancel of a running job wakes its worker.",
    progress_and_every_outcome_are_news: "A claim, progress and every outcome are news of that job.",
    push_of_one_process_wakes_another: "A push wakes workers in other processes.",
    news_and_cancels_of_one_process_are_heard_in_another: "Cancels and settles are heard in other processes.",
    one_job_wakes_one_process: "One job wakes one of several processes that wait, where the engine can tell one of them.",
    process_that_knows_the_kind_is_woken: "It wakes one that knows the kind of the job.",
    process_that_has_no_room_any_more_wakes_another: "One that has no room any more when it is told wakes another in its place.",
    watcher_sees_every_change_of_state_that_lasts: "A watcher sees a job through all of its life.",
    watcher_sees_every_final_state: "A watcher sees every end.",
    watcher_in_another_process_sees_the_end: "So does one in another process.",
    watch_of_an_unknown_job_ends: "A watch of a job that nobody knows, or that is deleted, ends.",
}

states once "it compares answers that a repeat need not give" {
    random_walk_agrees_with_the_model: "Random walks over all operations give the same answers and the same jobs as the reference store, step by step.",
    every_outcome_leaves_a_job_somewhere: "After any outcome a job is ready, scheduled or final, and is found there.",
}

reading once "reads change nothing" {
    get_answers_in_the_order_asked: "Jobs are answered in the order asked, unknown ones and repeats included.",
    status_is_a_part_of_the_snapshot: "A status says what the snapshot says.",
    version_grows_with_every_change: "The version grows with every change.",
    alias_leads_to_the_newest_job: "An alias leads to the newest job that has it.",
    filters_select_exactly_what_they_name: "Filters by queue, kind, state, tag and key, alone and in pairs, select exactly what they name, newest first.",
    pages_are_complete_and_without_repeats: "Pages of any size add up to the whole list.",
    pages_stay_true_while_jobs_come_and_go: "Jobs that come and go between pages make no other be left out or listed twice.",
    page_has_two_hundred_jobs_at_most: "A page has at most 200 jobs, and its cursor survives being text.",
    rare_job_is_found_in_a_long_list: "A filter that fits one of 5,500 jobs finds it.",
    counts_are_what_lists_hold: "A queue's counts are what its lists hold, state by state, on every connection.",
    queues_are_listed_in_pages: "Queues are listed in the order of their names, page by page, whatever the size of a page; and one is found by its name.",
    queue_that_appears_between_two_pages_hides_none: "A queue that comes between two pages makes no other be left out or listed twice.",
    page_has_two_hundred_queues_at_most: "A page has at most 200 queues.",
    oldest_ready_is_how_long_the_longest_has_waited: "A queue says how long its oldest ready job has waited.",
    newest_failures_are_kept_and_cut: "The newest 20 failures are kept, their messages cut at 4 KiB between characters.",
    failure_of_the_end_is_kept_too: "The failure that ended a job is kept.",
    latest_progress_wins_and_belongs_to_one_attempt: "The latest progress wins, comes along with a settle, and is gone with the next attempt.",
    log_is_written_by_who_holds_the_job_and_goes_with_it: "A log is written by the newest token only, and deleted with its job.",
    store_says_what_it_is: "A store's reach is what it says.",
}

acting once "a second act of a person is answered by what the first has done" {
    cancel_answers_in_every_state: "Cancel answers rightly in each of the six states.",
    retry_answers_in_every_state: "So does retry.",
    delete_answers_in_every_state: "So does delete.",
    nobody_knows_an_unknown_job: "An unknown job is unknown to all of them.",
    cancelled_job_is_not_handed_out: "A job cancelled while it waits never runs.",
    cancel_of_a_running_job_is_asked_and_then_settled: "A running job is asked to stop with each renewal, and is cancelled by whatever ends it but success and death.",
    cancel_holds_when_the_worker_dies: "The wish outlives the worker.",
    retry_starts_anew_and_keeps_the_story: "A retry by hand gives all attempts again and keeps the failures.",
    retry_after_a_cancel_that_was_asked_runs_through: "A retry forgets that a cancel was asked.",
    scheduled_job_can_be_run_now: "A scheduled job can be run now.",
    deleted_job_goes_with_its_artifact: "A deleted job goes with the next upkeep, and its artifact with it.",
    concurrent_retries_by_hand_are_one: "Eight retries at once are one.",
    cancel_and_claim_race_and_agree: "Cancel and claim may race: either the job never runs, or its worker hears of it.",
}

ruling once "a change that arrives twice is a conflict with itself" {
    rules_read_as_they_were_written: "Rules read as they were written, with their version, on their own and in the list of queues.",
    change_of_rules_that_comes_second_is_told_what_they_are: "A change that expects another version changes nothing, and hears what the rules are.",
    of_many_changes_at_once_one_wins_each_version: "Of eight changes at once that expect one version, one wins.",
    queue_with_a_rule_that_a_program_does_not_know_is_held_back_from_it: "A queue whose rules are newer than a program is held back from it, and it does not rescue its jobs.",
}

registry once "a worker that notes itself twice is the same worker" {
    worker_is_listed_as_it_noted_itself_last: "A worker is listed with what it noted last, and since when.",
    workers_are_listed_in_pages: "Workers are listed in the order of their ids, page by page.",
    worker_that_was_not_seen_for_long_is_forgotten: "Upkeep forgets a worker that has not noted itself for an hour.",
}

pausing once "a claim that is repeated need not say what waits, and a second act what it has done" {
    paused_queue_hands_nothing_out: "A paused queue hands nothing out, and what runs goes on.",
    pause_ends_by_itself_at_its_time: "A pause ends by itself, and a worker knows when.",
    pause_is_of_one_queue_and_seen_in_the_list: "A pause is of one queue; the list shows until when, why and by whom.",
    pause_burns_nothing_however_long_it_lasts: "Five days of pause cost no attempt and bury nothing.",
    resume_wakes_who_waits: "A resume wakes who waits for work.",
}

simulator once "it makes faults of its own" {
    fleet_over_a_bad_connection_keeps_every_promise: "Workers, producers, people and upkeep whose calls are lost, late or doubled.",
    fleet_that_crashes_keeps_every_promise: "The same, when processes die at any await point, or are stopped and go on much later.",
    fleet_on_a_shaky_machine_keeps_every_promise: "The same, when the machine reboots and its wall clock is stepped.",
    fleet_with_everything_at_once_keeps_every_promise: "All of that together.",
    one_seed_tells_one_story: "A seed leads to the same story, call by call, each time; but not on a server, whose clock has a say in it.",
}

running once "rule 12 runs workers over a bad connection" {
    result_comes_back_typed: "A worker runs a job, and its result comes back typed.",
    failed_attempt_is_tried_again: "A failed attempt is tried again.",
    last_failed_attempt_is_the_end: "The last failed attempt is the end, and its message is told.",
    panic_is_a_failed_attempt: "A panic is a failed attempt with its message.",
    fatal_failure_is_not_tried_again: "A fatal failure is not tried again.",
    snooze_costs_no_attempt: "A handler may put its job off at no cost.",
    handler_may_call_its_job_off: "A handler may call its job off.",
    payload_that_does_not_fit_is_dead_and_stops_nobody: "A payload that does not fit makes one job dead, and stops nobody.",
    kind_without_handler_is_left_alone: "A worker leaves kinds alone that it has no handler for.",
    large_result_goes_through_the_artifacts: "A large result comes back through the artifacts.",
    file_that_a_handler_returns_is_its_result: "The bytes of a file that a handler returns are its job's result, small or large.",
    progress_is_seen_by_a_watcher: "Progress is seen while the job runs, and its last word is kept.",
    as_many_run_at_a_time_as_there_are_slots: "As many jobs run at a time as there are slots: no more, no fewer.",
    thousand_jobs_succeed_once_each: "A thousand jobs run once each.",
    workers_share_the_work_and_run_nothing_twice: "Four workers on all connections run nothing twice.",
    two_workers_run_side_by_side: "Two workers run jobs at the same time.",
    suspect_runs_without_neighbours: "A job that crashed twice runs without neighbours.",
    job_of_a_dead_worker_is_run_by_another: "The job of a worker that died without a word is run by another.",
}

repairing {
    sound_store_has_nothing_to_repair: "A walk through a store with jobs in every state, keys, tags, logs and failures finds nothing wrong.",
    repair_of_a_sound_store_changes_nothing: "A repair of such a store changes no job, no count and no claim; and those who hold claims go on.",
    walk_is_made_in_bounded_steps: "However many jobs there are, each step looks at no more rows than it was told, and the walk ends.",
    repair_beside_workers_finds_nothing: "A repair that runs while jobs are pushed, claimed and settled mends nothing, and loses none.",
    walk_goes_on_only_from_where_a_step_ended: "A cursor that no step gave out is refused.",
}

stopping once "rule 12 runs workers over a bad connection" {
    cancel_stops_an_async_handler: "A cancel stops an async handler, whether it listens or not.",
    cancel_through_another_process_stops_a_handler: "A cancel through another process does, too.",
    blocking_handler_sees_that_it_is_to_stop: "A blocking handler sees that it is to stop.",
    handler_that_takes_too_long_is_a_failed_attempt: "A handler past its time-out is a failed attempt.",
    drain_waits_for_what_runs_and_takes_nothing_more: "A drain waits for what runs and takes nothing more.",
    drain_past_its_grace_hands_back: "A drain past its grace hands jobs back at no cost, and another worker runs them.",
    cancelled_worker_hands_back_at_once: "A worker that is cancelled hands back at once.",
    cancelled_worker_does_not_claim_what_it_hands_back: "A job that it hands back does not come right back with a claim under way.",
    worker_whose_outcomes_are_not_taken_stops_claiming: "While the store takes no outcomes, a worker runs no more jobs than twice its slots.",
    quiet_worker_claims_nothing_until_it_is_resumed: "A quiet worker claims nothing until it is resumed.",
    handler_of_a_lost_job_is_stopped_and_counts_for_nothing: "A handler whose job was lost is stopped, and what it says counts for nothing.",
    running_job_outlives_many_leases: "A job that runs for several leases is never rescued.",
}

    } };
}

each_case! { [a_case_each] [] }
