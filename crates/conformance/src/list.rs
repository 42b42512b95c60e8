//! The list of all cases.
//!
//! A rule or a case with `once "…"` is not repeated with faults, for that reason.

use crate::case::{Case, count, first, flat};

/// Passes the list to another macro, after any other tokens.
#[doc(hidden)]
#[macro_export]
macro_rules! each_case {
    ([$($then:tt)*] [$($args:tt)*]) => { $($then)*! { [$($args)*]

settled_once {
    token_from_before_a_rescue_changes_nothing: "A claim that was rescued can neither renew, write progress nor settle, whatever the outcome.",
    token_from_before_another_claim_changes_nothing: "A claim cannot change the job once another claim has it, and the other claim continues undisturbed.",
    token_from_before_a_release_changes_nothing: "A claim that was released with its worker has no effect.",
    settled_token_cannot_renew: "After any outcome the claim is over: its renewals are lost and change nothing.",
    settle_counts_past_the_end_of_the_lease: "A settle is accepted as long as no other claim has the job, however late it comes.",
    renewal_counts_past_the_end_of_the_lease: "A renewal is accepted as long as no other claim has the job, and prevents the rescue.",
    near_miss_of_a_token_is_lost: "A token with a wrong bit, a wrong number or of another job is lost.",
    token_numbers_grow_for_ever: "Claim numbers grow even if no row with an earlier number is left.",
    token_numbers_grow_across_processes: "Claim numbers grow across processes and restarts.",
    concurrent_settles_have_one_effect: "Two settles of one claim with different outcomes have the effect of one.",
    old_and_new_holder_race_and_the_new_one_wins: "If the worker of a rescued job settles at the same time as its successor, only the successor's settle is accepted.",
    batch_may_mix_held_and_stale_claims: "In one batch, held claims are accepted, stale ones are lost, and answers are in order.",
}

push_is_kept {
    pushed_job_reads_as_it_was_pushed: "Every field of an answered push is readable at once, through any connection, Unicode and all.",
    moment_may_be_given_on_the_wall_clock: "A job may be pushed for a time on the wall clock; a time in the past means now.",
    repeated_push_is_recognised: "A repeated push is answered as before and changes nothing, even when the job has finished.",
    same_job_twice_in_a_batch_is_one: "The same job twice in one batch is one job.",
    repeated_push_of_a_key_holder_is_no_conflict_with_itself: "A repeated push of a job that holds a unique key is answered as before.",
    batch_of_a_thousand_is_answered_in_order: "A thousand jobs in one batch are answered in order, readable and claimable.",
    more_than_a_batch_is_pushed_in_several: "More jobs than fit into a batch are all pushed.",
    batch_may_go_to_several_queues: "A batch over several queues puts each job into its own.",
    job_out_of_bounds_is_named_and_nothing_pushed: "An invalid job is refused with its position and field, and nothing is pushed.",
    largest_payload_comes_back_byte_for_byte: "A payload of exactly 256 KiB is returned unchanged.",
    payload_keeps_its_spelling: "A payload is kept as text: spaces, number spellings, escapes and doubled keys included.",
    empty_batch_is_fine: "An empty batch, and a claim from queues without pushes, get an empty answer.",
    concurrent_pushes_are_all_kept: "Many producers at once lose nothing, and the counts agree.",
}

claims_are_disjoint {
    concurrent_claims_share_no_job: "Eight claimers over 400 jobs, on all connections, get each job exactly once.",
    no_job_starts_before_its_time: "With random delays and a clock that moves step by step, no job is claimed early, and none is lost.",
    retry_waits_for_its_delay: "A job is not claimed before the delay of its retry has passed.",
    job_comes_with_all_that_a_handler_needs: "A claimed job has its payload, attempt, limits and time-out, and its row names its worker.",
    repeated_claim_returns_the_same_jobs: "A repeated claim returns the same jobs under the same tokens, as far as they are still held.",
    repeated_claim_returns_nothing_of_earlier_claims: "A repeated claim does not return jobs that the worker holds from other claims.",
    fresh_nonce_claims_fresh_jobs: "Another nonce, or the same nonce of another worker, is another claim.",
    concurrent_repeats_of_a_claim_are_one_claim: "A claim that is repeated while the first runs returns the same jobs.",
    limit_is_respected: "A claim returns no more than its limit, and all jobs up to it.",
    empty_claim_reports_when_the_next_job_is_due: "A claim with limit zero takes no job and returns when the next one is due.",
    higher_priority_comes_first_then_the_job_due_longest: "Within a queue, higher priority comes first, then the job that has been due longest."
        once "a repeated claim must return the same jobs, but not in the same order",
    jobs_that_are_ready_at_once_run_in_the_order_of_pushes: "Of jobs with the same priority and time, the one pushed first is claimed first.",
    jobs_pushed_together_run_in_the_order_of_the_batch: "Jobs of one batch run in its order, whatever their kinds and deadlines, and however many are claimed at a time."
        once "a repeated claim must return the same jobs, but not in the same order",
    queues_are_checked_in_the_order_given: "Queues are searched in the order of the claim, whatever the priorities of their jobs."
        once "a repeated claim must return the same jobs, but not in the same order",
    worker_gets_no_kind_that_it_did_not_name: "A worker gets none of a thousand jobs of other kinds, and they do not block jobs of its own kinds.",
    next_due_is_the_soonest_of_the_queues_named: "A claim returns when the next job of its queues is due."
        once "a repeated claim need not report waiting jobs",
    scheduled_job_survives_a_long_absence_of_workers: "A job that is scheduled five years ahead waits five years, also without workers.",
}

leases {
    job_of_a_silent_worker_runs_again: "A job whose worker stopped renewing is ready again after its lease, with a new token.",
    lease_holds_until_its_end: "No other claim gets a job before its lease has ended, and upkeep rescues the job afterwards.",
    renewal_extends_from_now: "A renewed job is never rescued; a job that is no longer renewed is.",
    renewal_may_also_shorten: "A renewal sets the length of the lease, shorter or longer.",
    only_expired_leases_are_rescued: "The rescue takes jobs with expired leases and no others.",
    upkeep_without_rescue_rescues_nobody: "Upkeep without rescue takes no job, as after an outage.",
    step_of_the_wall_clock_does_not_touch_leases: "A change of the wall clock by a day neither ends nor extends a lease.",
    step_of_the_wall_clock_loses_no_job: "Setting the wall clock back neither hides ready jobs nor prevents settles of running ones.",
    reboot_ends_every_lease_at_once: "After a reboot of the machine its jobs are rescued at once, or, by a store on another machine, when their leases end.",
    lease_longer_than_leases_can_be_is_over: "A lease that is longer than any lease can be counts as ended.",
    rescue_is_bounded_by_its_limit: "A rescue takes up to its limit and reports if there are more."
        once "upkeep that arrives twice does two steps",
    any_process_rescues: "Any other process rescues the jobs of a dead process.",
}

deaths {
    crash_is_counted_apart_and_gives_the_attempt_back: "A crash costs no attempt, is counted, and is shown among the failures.",
    job_that_crashed_twice_waits_and_then_runs_isolated: "After its second crash a job waits, and then runs only in a worker that runs nothing else. Other workers continue meanwhile."
        once "a repeated claim need not report waiting jobs",
    isolated_jobs_run_one_by_one: "Jobs that crashed together are claimed one at a time.",
    isolated_jobs_of_several_queues_run_one_by_one: "Isolated jobs of several queues are claimed one at a time as well.",
    third_crash_buries_the_job: "A job that crashed three times is dead, reason crashed.",
    retry_by_hand_forgets_crashes: "A retry by hand resets crashes and attempts.",
    reboot_costs_nothing_but_is_counted: "A reboot costs a job nothing, however often, but is counted; to a store on another machine it is a crash.",
    worker_released_on_purpose_costs_nothing: "Jobs of a worker stopped on purpose are ready at once, at no cost.",
    worker_released_after_a_crash_counts_as_one: "Jobs of a worker known to have crashed are ready at once, and count the crash.",
    released_worker_gets_nothing_more: "A released worker's later claims are refused, repeats of earlier ones included.",
    worker_released_before_its_first_claim_gets_nothing: "A released worker gets no job even if its first claim arrives after the release.",
    release_touches_no_other_worker: "A release takes nothing from other workers; a repeat, or one of an unknown worker, takes nothing.",
    release_leaves_settled_jobs_alone: "A release does not change jobs that the worker has settled.",
    snooze_and_release_cost_no_attempt: "A snooze or a release costs no attempt, however often, but is counted.",
    last_attempt_that_crashes_is_tried_again: "A job that crashes in its last attempt is retried.",
    failed_attempts_are_counted_until_none_is_left: "Failed attempts are counted and recorded, and the last one buries the job.",
}

outcomes {
    job_runs_under_the_limits_of_its_worker_and_shows_them: "A claim grants attempts and a time-out by the limits of the kind, and the job shows them.",
    job_that_asks_for_less_gets_less_and_none_gets_more: "A job that asks for less than the limits gets less, and none gets more.",
    store_writes_what_was_decided: "A store writes the outcome that was decided, whatever the number of the attempt.",
    claim_gets_no_more_of_a_kind_than_it_wants: "A claim returns at most as many jobs of each kind as it wants.",
    kind_of_which_none_is_wanted_is_known: "A kind of which a worker wants no job now still counts as known.",
    claim_says_how_long_a_job_waited: "A claim returns how long the job was ready.",
    outage_costs_no_attempt_and_is_counted: "An outage costs no attempt and is counted. A claim returns since when all attempts ended in outages.",
    series_of_outages_ends_with_an_attempt_without_one: "A retry, a snooze and a retry by hand end a series of outages; a release and a crash do not.",
    failure_keeps_its_class_its_start_and_its_claim: "A failure has its class, the start of its attempt, and its claim.",
    crash_says_how_the_worker_ended: "A release with an exit status records how the worker ended.",
    logs_of_kept_failures_are_kept: "The newest claim's log and those of kept failures are kept, and no others.",
    jobs_that_a_store_moved_by_itself_are_reported: "Upkeep, a release and a claim report the jobs that they rescued or buried, with their new state."
        once "a repeat finds nothing to move",
    settle_and_claim_are_one_call: "A settle and the next claim are one call, and a repeat gets the same answers.",
}

bounded once "the same calls as elsewhere, with many rows" {
    many_expired_leases_are_rescued_in_steps: "20,000 expired leases are rescued in bounded steps, none forgotten.",
    many_finished_jobs_are_pruned_in_steps: "20,000 old jobs are deleted in bounded steps.",
    many_due_jobs_are_all_handed_out: "20,000 jobs that are due together are all claimed.",
    many_missed_deadlines_are_buried_in_steps: "20,000 jobs with missed deadlines are buried in bounded steps.",
    many_jobs_that_missed_their_deadline_do_not_wedge_claims: "A job behind 20,000 expired ones is handed out.",
    many_unused_queues_are_forgotten_in_steps: "A thousand and more unused queues are forgotten in bounded steps.",
    parts_of_upkeep_do_not_starve_each_other: "Rescue, expiry and pruning all get on in one step, whatever the others have to do.",
    worker_with_a_thousand_jobs_is_released_as_a_whole: "A release takes all of a worker's jobs, a thousand if need be.",
}

repeats {
    repeated_settle_is_done_and_changes_nothing: "A repeated settle answers done and changes nothing, whatever the outcome.",
    first_outcome_stands: "A second outcome under the same token answers done and changes nothing.",
    repeat_that_comes_after_the_next_claim_changes_nothing: "A repeat after the next claim or the end of the job changes nothing.",
    settlement_twice_in_a_batch_is_one: "The same settlement twice in one batch counts once.",
    repeated_renewal_is_held: "A repeated renewal gets the same answer.",
    repeated_upkeep_finds_nothing: "A repeated upkeep has nothing to do.",
}

keys {
    until_started_ends_with_the_claim: "A key held until started is free once a worker has the job.",
    until_finished_holds_through_every_retry: "A key held until finished is held while the job waits, runs, is retried, released and rescued.",
    for_a_period_holds_even_after_success: "A key held for a period is held after success until the period is over.",
    for_a_period_outlives_retention: "A period longer than the retention is not cut short by pruning.",
    period_that_is_over_frees_the_key_of_a_job_that_still_waits: "The end of a period frees the key even if its job still waits, and that job cannot free it again.",
    dead_and_cancelled_jobs_free_their_keys: "Dead and cancelled jobs free their keys, whatever the scope.",
    expired_job_frees_its_key: "A job that missed its deadline frees its key.",
    successor_keeps_the_key_when_its_predecessor_ends: "A job that no longer holds its key does not take it from its successor when it ends.",
    retry_by_hand_takes_the_key_again: "A retry by hand takes the key again.",
    retry_by_hand_conflicts_with_a_new_holder: "A retry by hand answers conflict if another job holds the key, and changes nothing.",
    concurrent_pushes_with_one_key_make_one_job: "Sixteen concurrent pushes with one key create one job, and all answers have its id.",
    key_twice_in_a_batch_makes_one_job: "One key several times in a batch creates one job.",
    keys_belong_to_a_queue_and_are_compared_byte_by_byte: "Keys of different queues, or that only look alike, are different keys.",
    job_that_stands_back_leaves_no_trace: "A job that was not created because of an existing one leaves no trace.",
    result_is_reused_while_it_is_fresh: "An equal job's result is reused until it is too old for the new job.",
    only_success_is_reused: "Only a success is reused.",
    newest_result_is_reused_and_only_in_its_queue: "Of several results the newest is reused, and only within its queue.",
    result_is_kept_as_long_as_it_may_be_reused: "A result is kept as long as it may be reused, whatever the retention.",
    result_comes_before_the_holder_of_the_key: "For a job with both keys a result is reused first; otherwise the holder of the unique key is used.",
}

idempotency {
    repeat_gets_the_first_answer: "A repeated request gets the first answer, also when its job is finished.",
    another_request_with_the_key_is_a_conflict: "A different request with the key is a conflict and creates no job.",
    idempotency_keys_belong_to_a_queue: "The same key in two queues is two keys.",
    key_is_kept_a_day_and_as_long_as_its_job: "A key is kept a day, and as long as its job.",
    answer_that_another_job_stood_for_it_is_repeated: "A repeat also gets the first answer if that was an existing job.",
    concurrent_repeats_make_one_job: "Sixteen concurrent repeats create one job.",
}

retention once "its calls are those of other rules, and upkeep" {
    successes_and_cancellations_are_kept_a_day_and_the_dead_a_week: "By default successes and cancellations are kept 24 hours, the dead 7 days.",
    step_ahead_of_the_wall_clock_ends_nothing_at_once: "After the wall clock was set ahead, nothing is deleted or misses its deadline before the clock has run steadily for 30 seconds.",
    retention_is_what_the_settings_say: "Both can be set.",
    key_that_was_given_back_keeps_no_job_longer: "A dead or cancelled job goes in its time, however long the period of the key it held.",
    retention_of_zero_ends_with_the_next_upkeep: "With a retention of zero, the next upkeep deletes the job.",
    unfinished_jobs_are_never_deleted: "No retention deletes a job that is not finished.",
    job_retried_by_hand_is_not_deleted: "A job that is retried by hand is kept, and its retention starts again when it finishes.",
    upkeep_is_done_only_when_nothing_is_over: "Upkeep that found rows which were already deleted reports that there is more.",
    artifacts_of_deleted_jobs_are_deleted: "Upkeep reports the artifacts of deleted jobs, and they are deleted.",
    large_and_binary_results_are_kept_outside_the_row: "Small texts are stored in the row and all other results as artifacts; both are returned byte for byte.",
    queue_that_nobody_uses_is_forgotten_after_a_day: "Upkeep removes a queue that has had no jobs, rules, pushes and claims for a day; also one whose pause has ended.",
    queue_that_is_used_or_has_rules_is_kept: "A queue with a job in any state, with a rule, or with a push or a claim within a day, is kept.",
    forgotten_queue_that_is_used_again_is_as_new: "A removed queue or kind exists again after the next push, on every connection, and no job is lost.",
    push_at_the_moment_of_the_forgetting_is_kept: "While upkeep on one connection removes a queue, pushes and claims on another lose nothing: every job is counted, found and claimed once.",
    orphans_are_swept_and_nothing_else: "Old artifacts without a job are deleted; new, used and unfinished ones stay.",
}

artifacts once "calls of artifacts do not go through the faults" {
    artifact_comes_back_in_chunks: "An artifact of any length, written in pieces of any length, is returned byte for byte in chunks of bounded length.",
    artifact_is_read_from_any_place: "An artifact can be read from any position; at and after its end there are no bytes.",
    artifact_is_there_whole_or_not_at_all: "While an artifact is written it is not visible: its name has no artifact, or the one from before.",
    writer_that_fails_leaves_nothing: "A writer that fails or is dropped leaves no artifact, and after its name is deleted no remains.",
    writers_of_one_name_do_not_mix: "If several writers write one name at the same time, the last one to finish wins, and readers see the bytes of only one.",
    deleted_artifact_is_read_whole_or_fails: "If an open artifact is deleted, its reader continues or fails, and never reads another artifact.",
}

unknown_and_expired once "its calls are those of other rules, and upkeep" {
    unknown_kind_waits_while_there_are_no_workers: "A job of an unknown kind waits as long as there are no workers.",
    unknown_kind_is_dead_after_a_day_among_workers: "A job whose kind the workers of its queue do not know is dead after 24 hours.",
    day_begins_when_workers_come: "The 24 hours begin when workers come.",
    workers_of_another_queue_do_not_count: "Workers of another queue do not make it dead.",
    known_kind_may_wait_for_ever: "A job whose kind some worker knows may wait without limit.",
    job_scheduled_far_ahead_is_not_unknown_before_its_time: "A scheduled job does not count as unknown before its time.",
    expired_job_is_never_handed_out: "A job that missed its deadline is never claimed, and is dead, reason expired.",
    upkeep_buries_what_missed_its_deadline: "Upkeep buries ready and scheduled jobs that missed their deadline.",
    running_job_is_past_its_deadline_safely: "A deadline does not affect a running job.",
    job_handed_out_before_its_deadline_may_fail_and_try_again_before_it: "A failed attempt may be repeated before the deadline.",
    job_is_not_tried_again_after_its_deadline: "A failed attempt is not repeated after the deadline.",
}

outages once "it makes faults of its own" {
    worker_gets_through_a_bad_connection: "A worker whose calls fail, are done without an answer, or arrive twice, runs every job as often as it should.",
    release_may_be_repeated_until_it_is_answered: "A release whose answer was lost has happened once, and a repeat affects no other worker.",
    upkeep_may_be_repeated_until_it_is_answered: "Upkeep may be repeated until it is answered.",
    act_may_be_repeated_until_it_is_answered: "An action on a job may be repeated until it is answered.",
    producer_may_repeat_until_it_is_answered: "A producer may repeat a push until it is answered, and has pushed once.",
    typed_push_may_be_repeated_until_it_is_answered: "A typed push of one or many jobs may be repeated until all are answered, and has pushed each once.",
    log_is_written_though_the_store_failed_as_the_handler_ended: "The last lines of a log are written although the store failed for a moment as the handler ended.",
}

notifications once "a repeated notification has no further effect" {
    push_wakes_a_waiting_worker: "A push wakes a waiting worker.",
    notified_process_finds_the_job: "A job is visible before its notification is sent.",
    released_job_wakes_a_waiting_worker: "A released job wakes a waiting worker.",
    rescue_and_retry_by_hand_wake_a_waiting_worker: "A rescue, which reports the queue, and a retry by hand wake a waiting worker.",
    cancel_of_a_running_job_wakes_its_worker: "A cancel of a running job wakes its worker.",
    progress_and_every_outcome_are_news: "A claim, progress and every outcome are news of that job.",
    push_of_one_process_wakes_another: "A push wakes workers in other processes.",
    news_and_cancels_of_one_process_are_heard_in_another: "Other processes are notified of cancels and settles.",
    one_job_wakes_one_process: "One job wakes one of several waiting processes, if the engine can address a single process.",
    process_that_knows_the_kind_is_woken: "A job wakes a process that knows its kind.",
    process_that_has_no_room_any_more_wakes_another: "A process that is notified but has no room any more wakes another one.",
    watcher_sees_every_change_of_state_that_lasts: "A watcher sees a job through all of its life.",
    watcher_sees_every_final_state: "A watcher sees every end.",
    watcher_in_another_process_sees_the_end: "A watcher in another process sees the final state.",
    watch_of_an_unknown_job_ends: "A watch of an unknown or deleted job ends.",
}

states once "it compares answers that may differ in a repeat" {
    random_walk_agrees_with_the_model: "Random walks over all operations give the same answers and the same jobs as the reference store, step by step.",
    every_outcome_leaves_a_job_somewhere: "After any outcome a job is ready, scheduled or final, and is found there.",
}

reading once "reads change nothing" {
    get_answers_in_the_order_asked: "Jobs are returned in the requested order, including unknown and repeated ones.",
    status_is_a_part_of_the_snapshot: "A status has the same values as the snapshot.",
    version_grows_with_every_change: "The version grows with every change.",
    alias_leads_to_the_newest_job: "An alias leads to the newest job that has it.",
    filters_select_exactly_what_they_name: "Filters by queue, kind, state, tag and key, alone and in pairs, select exactly what they name, newest first.",
    pages_are_complete_and_without_repeats: "Pages of any size add up to the whole list.",
    pages_stay_true_while_jobs_come_and_go: "Jobs that are added or deleted between two pages cause no other job to be left out or listed twice.",
    page_has_two_hundred_jobs_at_most: "A page has at most 200 jobs, and its cursor can be converted to text and back.",
    rare_job_is_found_in_a_long_list: "A filter that matches one of 5,500 jobs finds it.",
    counts_are_what_lists_hold: "A queue's counts equal its lists, for every state and on every connection.",
    queues_are_listed_in_pages: "Queues are listed in the order of their names, page by page, whatever the size of a page; and one is found by its name.",
    queue_that_appears_between_two_pages_hides_none: "A queue that is added between two pages causes no other queue to be left out or listed twice.",
    page_has_two_hundred_queues_at_most: "A page has at most 200 queues.",
    oldest_ready_is_how_long_the_longest_has_waited: "A queue's counts include how long its oldest ready job has waited.",
    newest_failures_are_kept_and_cut: "The newest 20 failures are kept, their messages cut at 4 KiB between characters.",
    failure_of_the_end_is_kept_too: "The failure that ended a job is kept.",
    latest_progress_wins_and_belongs_to_one_attempt: "The latest progress wins, may be part of a settle, and is cleared by the next attempt.",
    log_is_written_only_by_the_holder_and_deleted_with_its_job: "A log is written by the newest token only, and deleted with its job.",
    store_says_what_it_is: "A store describes itself correctly.",
}

acting once "the answer to a repeated action depends on the first" {
    cancel_answers_in_every_state: "Cancel has the correct answer in each of the six states.",
    retry_answers_in_every_state: "Retry has the correct answer in each of the six states.",
    delete_answers_in_every_state: "Delete has the correct answer in each of the six states.",
    unknown_job_is_not_found: "All actions on an unknown job answer that it is unknown.",
    cancelled_job_is_not_handed_out: "A job cancelled while it waits never runs.",
    cancel_of_a_running_job_is_asked_and_then_settled: "Each renewal of a running job reports the requested cancel. Any end except success and death then cancels the job.",
    requested_cancel_survives_the_worker: "A requested cancel still holds after the worker has died.",
    retry_by_hand_resets_attempts_and_keeps_failures: "A retry by hand gives all attempts again and keeps the failures.",
    retry_after_a_cancel_that_was_asked_runs_through: "A retry clears a requested cancel.",
    scheduled_job_can_be_run_now: "A scheduled job can be run now.",
    deleted_job_goes_with_its_artifact: "A deleted job goes with the next upkeep, and its artifact with it.",
    concurrent_retries_by_hand_are_one: "Eight concurrent retries have the effect of one.",
    cancel_and_claim_race_and_agree: "If cancel and claim race, either the job never runs, or its worker learns of the cancel.",
}

ruling once "a repeated change conflicts with itself" {
    rules_read_as_they_were_written: "Rules are read as they were written, with their version, alone and in the list of queues.",
    late_change_of_rules_conflicts_and_gets_the_present_rules: "A change that expects another version changes nothing and returns the present rules.",
    of_many_changes_at_once_one_wins_each_version: "Of eight changes at once that expect one version, one wins.",
    queue_with_a_rule_that_a_program_does_not_know_is_held_back_from_it: "A program does not claim or rescue jobs of a queue whose rules are newer than the program.",
}

registry once "a worker that writes its entry twice is the same worker" {
    worker_is_listed_as_it_noted_itself_last: "A worker is listed with its last entry and the time of its first one.",
    workers_are_listed_in_pages: "Workers are listed in the order of their ids, page by page.",
    worker_that_was_not_seen_for_long_is_forgotten: "Upkeep removes a worker that has not updated its entry for an hour.",
}

pausing once "a repeated claim need not report waiting jobs, and the answer to a repeated action depends on the first" {
    paused_queue_hands_nothing_out: "No job of a paused queue is claimed, and running jobs continue.",
    pause_ends_by_itself_at_its_time: "A pause ends by itself, and a claim returns when.",
    pause_is_of_one_queue_and_seen_in_the_list: "A pause affects one queue; the list shows until when, why and by whom.",
    pause_costs_nothing_however_long_it_lasts: "Five days of pause cost no attempt and bury nothing.",
    resume_wakes_a_waiting_worker: "A resume wakes a waiting worker.",
}

simulator once "it makes faults of its own" {
    fleet_over_a_bad_connection_keeps_every_promise: "Workers, producers, people and upkeep whose calls are lost, late or doubled.",
    fleet_that_crashes_keeps_every_promise: "The same, if processes die at any await point, or are suspended and continue much later.",
    fleet_on_a_shaky_machine_keeps_every_promise: "The same, if the machine reboots and its wall clock changes.",
    fleet_with_everything_at_once_keeps_every_promise: "All of that together.",
    same_seed_gives_the_same_run: "A seed always leads to the same run, call by call; except on a server, whose clock affects it.",
}

running once "the rule `outages` runs workers over a bad connection" {
    result_comes_back_typed: "A worker runs a job, and its result comes back typed.",
    failed_attempt_is_tried_again: "A failed attempt is retried.",
    last_failed_attempt_buries_the_job: "The last failed attempt buries the job, and its message is reported.",
    panic_is_a_failed_attempt: "A panic is a failed attempt with its message.",
    fatal_failure_is_not_tried_again: "A fatal failure is not retried.",
    snooze_costs_no_attempt: "A handler may snooze its job, which costs no attempt.",
    handler_may_cancel_its_job: "A handler may cancel its job.",
    payload_that_does_not_fit_is_dead_and_stops_nobody: "A payload that does not fit buries its job and does not affect others.",
    kind_without_handler_is_left_alone: "A worker claims no jobs of kinds without a handler.",
    large_result_goes_through_the_artifacts: "A large result is stored as an artifact and returned.",
    file_that_a_handler_returns_is_its_result: "The bytes of a file that a handler returns are its job's result, small or large.",
    progress_is_seen_by_a_watcher: "Progress is visible while the job runs, and the last value is kept.",
    as_many_run_at_a_time_as_there_are_slots: "As many jobs run at a time as there are slots: no more, no fewer.",
    thousand_jobs_succeed_once_each: "A thousand jobs run once each.",
    workers_share_the_work_and_run_nothing_twice: "Four workers on all connections run nothing twice.",
    two_workers_run_side_by_side: "Two workers run jobs at the same time.",
    isolated_job_runs_without_others: "A job that crashed twice runs without neighbours.",
    job_of_a_dead_worker_is_run_by_another: "The job of a worker that died is run by another worker.",
}

repairing {
    sound_store_has_nothing_to_repair: "A walk through a store with jobs in every state, keys, tags, logs and failures finds nothing wrong.",
    repair_of_a_sound_store_changes_nothing: "A repair of such a store changes no job, no count and no claim; and those who hold claims go on.",
    walk_is_made_in_bounded_steps: "However many jobs there are, each step looks at no more rows than it was told, and the walk ends.",
    repair_beside_workers_finds_nothing: "A repair that runs while jobs are pushed, claimed and settled repairs nothing and loses no job.",
    walk_goes_on_only_from_where_a_step_ended: "A cursor that no step gave out is refused.",
}

stopping once "the rule `outages` runs workers over a bad connection" {
    cancel_stops_an_async_handler: "A cancel stops an async handler, whether it reacts or not.",
    cancel_through_another_process_stops_a_handler: "A cancel through another process stops a handler, too.",
    blocking_handler_sees_that_it_is_to_stop: "A blocking handler sees that it should stop.",
    handler_that_takes_too_long_is_a_failed_attempt: "A handler past its time-out is a failed attempt.",
    drain_waits_for_what_runs_and_takes_nothing_more: "A drain waits for running jobs and claims no more.",
    drain_past_its_grace_releases_jobs: "After its grace period a drain releases jobs, which costs no attempt, and another worker runs them.",
    cancelled_worker_releases_jobs_at_once: "A cancelled worker releases its jobs at once.",
    cancelled_worker_does_not_claim_what_it_releases: "A running claim does not return a job that the worker releases at the same time.",
    worker_whose_outcomes_are_not_accepted_stops_claiming: "While the store accepts no outcomes, a worker claims no more jobs than twice its slots.",
    quiet_worker_claims_nothing_until_it_is_resumed: "A quiet worker claims nothing until it is resumed.",
    handler_of_a_lost_job_is_stopped_and_its_result_discarded: "The handler of a lost job is stopped, and its result is discarded.",
    running_job_outlives_many_leases: "A job that runs for several leases is never rescued.",
}

    } };
}

each_case! { [a_case_each] [] }
