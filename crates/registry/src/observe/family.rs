//! Every metric. Labels have few values, all of them this program's own words: never a name that a client chose.

/// A metric: one number, or one for each combination of its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name, by the conventions of Prometheus.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// What it means, in one line.
    pub help: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
}

/// What kind of number a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Grows and shrinks.
    Gauge,
    /// Times, by buckets.
    Histogram,
}

impl Kind {
    /// Returns the word of the text format.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! families {
    ($($id:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(pub(crate) const $id: Family = Family { name: $name, kind: Kind::$kind, help: $help, labels: &[$($label),*] };)*
        /// Every metric, in the order in which they are shown.
        pub static FAMILIES: &[Family] = &[$($id),*];
    };
}

families! {
    BUILD_INFO = Gauge "supercargo_build_info" ["version"] "Always 1; the label says which version runs.";
    DRAINING = Gauge "supercargo_draining" [] "1 once the server was told to end.";
    HTTP_REQUESTS = Counter "supercargo_http_requests_total" ["route", "method", "status"]
        "Requests that were answered to the last byte, or whose client went before.";
    HTTP_DURATION = Histogram "supercargo_http_request_duration_seconds" ["route", "method"]
        "From the head of the request to the last byte of the answer.";
    HTTP_IN_FLIGHT = Gauge "supercargo_http_requests_in_flight" [] "Requests that are being answered.";
    HTTP_CONNECTIONS = Gauge "supercargo_http_connections" [] "Connections of clients.";
    HTTP_RECEIVED = Counter "supercargo_http_received_bytes_total" [] "Bytes of bodies of requests that were read.";
    HTTP_SENT = Counter "supercargo_http_sent_bytes_total" [] "Bytes of bodies of answers that were handed to connections.";
    HTTP_BROKEN = Counter "supercargo_http_broken_responses_total" [] "Answers whose body did not go out to its end.";
    UPLOADS = Gauge "supercargo_uploads" [] "Uploads under way, of all nodes.";
    DECISIONS = Counter "supercargo_access_decisions_total" ["decision"]
        "Decisions about access: allowed, denied, or credentials that are wrong (unverified).";
    RATE_LIMITED = Counter "supercargo_rate_limited_total" ["of", "per"] "Requests that were refused because they came too often.";
    AUDIT_LOST = Counter "supercargo_audit_lost_lines_total" [] "Lines of the audit log that were not written, or not in time.";
    AUDIT_PASSED_OVER = Counter "supercargo_audit_passed_over_lines_total" []
        "Lines of the audit log about strangers that were left out, for their address had many.";
    FAILURES = Counter "supercargo_failures_total" ["during"] "Failures that the operator was told of, by what was going on.";
    TRACE_SPANS = Counter "supercargo_trace_spans_total" ["result"]
        "Spans that the collector of traces took (sent) or did not take (lost), and those for which the queue had no room (dropped).";
    DATABASE_UP = Gauge "supercargo_database_up" [] "1 when the database answered while this text was made. Without an answer what is read there is left out.";
    DATABASE_DURATION = Histogram "supercargo_database_operation_duration_seconds" ["database", "kind"]
        "What was asked of a database and what was changed in it, with the time of waiting.";
    DATABASE_FAILURES = Counter "supercargo_database_failures_total" ["database", "kind"] "Of those, the ones that failed.";
    DATABASE_COMMITS = Counter "supercargo_database_commits_total" ["database"] "Commits of changes.";
    DATABASE_COMMITTED = Counter "supercargo_database_committed_operations_total" ["database"]
        "Changes in those commits; SQLite commits many at once.";
    DATABASE_RETRIES = Counter "supercargo_database_retries_total" ["database"]
        "Times that a change ran again because another one was in its way.";
    BLOB_DURATION = Histogram "supercargo_blob_operation_duration_seconds" ["operation"]
        "What was asked of the place of the blobs. What goes out of an opened blob is not in it.";
    BLOB_FAILURES = Counter "supercargo_blob_failures_total" ["operation"] "Of those, the ones that failed.";
    CACHE_REQUESTS = Counter "supercargo_cache_requests_total" ["cache", "result"]
        "Answers that were looked for in memory. Over PostgreSQL none are.";
    COLLECTOR_ROUNDS = Counter "supercargo_collector_rounds_total" ["result"] "Rounds of the collector on this node.";
    COLLECTOR_REVIEWED = Counter "supercargo_collector_reviewed_total" [] "Things that were looked at because they may not be needed.";
    COLLECTOR_REMOVED = Counter "supercargo_collector_removed_total" ["what"]
        "Manifests and blobs that were taken from repositories, and places that were emptied.";
    RETENTION_REMOVED = Counter "supercargo_retention_tags_removed_total" [] "Tags that rules of retention removed on this node.";
    COLLECTOR_FREED = Counter "supercargo_collector_freed_bytes_total" [] "Bytes of blobs whose places were emptied.";
    COLLECTOR_PROMISES = Counter "supercargo_collector_promises_total" [] "Times that something was kept longer because a client was told of it.";
    COLLECTOR_DUE = Gauge "supercargo_collector_due" [] "Things that are due to be looked at; counted up to 100000.";
    COLLECTOR_OLDEST = Gauge "supercargo_collector_oldest_due_seconds" [] "For how long the first of them has been due; 0 when nothing is.";
    COLLECTOR_PLACES = Gauge "supercargo_collector_places_waiting" [] "Places that are to be emptied; counted up to 100000.";
    JOURNAL_PENDING = Gauge "supercargo_journal_pending" [] "Changes that do not lie beside the database yet; counted up to 100000.";
    JOURNAL_ENTRIES = Counter "supercargo_journal_entries_total" [] "Changes that this node wrote beside the database.";
    JOURNAL_WRITTEN = Gauge "supercargo_journal_last_success_timestamp_seconds" [] "When this node last found all written, or wrote it.";
    SCRUB_READ = Counter "supercargo_scrub_read_total" ["what"] "Blobs and manifests that were read to find bad bytes.";
    SCRUB_BYTES = Counter "supercargo_scrub_read_bytes_total" [] "Bytes of both.";
    SCRUB_FOUND = Counter "supercargo_scrub_found_bad_total" [] "Bad ones that were found, also those that were replaced at once.";
    SCRUB_BAD = Gauge "supercargo_scrub_bad" ["what"] "Blobs and manifests that are bad and not served; counted up to 100000.";
    SCRUB_PROGRESS = Gauge "supercargo_scrub_progress_ratio" [] "How far the pass has come, about, from 0 to 1; 1 when it has ended.";
    SCRUB_BEGAN = Gauge "supercargo_scrub_last_start_timestamp_seconds" [] "When the last pass began.";
    PROCESS_CPU = Counter "process_cpu_seconds_total" [] "Processor time of the process.";
    PROCESS_FILES = Gauge "process_open_fds" [] "Files and connections that are open.";
    PROCESS_FILES_MAX = Gauge "process_max_fds" [] "Most that may be open.";
    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" [] "Memory of the process that is in use.";
    PROCESS_VIRTUAL = Gauge "process_virtual_memory_bytes" [] "Addresses of the process that are in use.";
    PROCESS_START = Gauge "process_start_time_seconds" [] "When the server began, in seconds since 1970.";
}
