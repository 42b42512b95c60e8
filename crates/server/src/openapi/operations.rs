//! Every operation of the API, in the order of the router's table.

use longshore_wire::{self as wire, schema};
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::operation::{Answer, Body, Content, Operation, Parameter, Place, Schema};
use crate::problem::Code;

fn of<T: schemars::JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    schemas.subschema_for::<T>().to_value()
}

const ID: Parameter = Parameter {
    name: "id",
    place: Place::Path,
    required: true,
    says: "The job's own id, or its alias.",
    schema: |_| json!({ "type": "string", "minLength": 1 }),
    example: "my-own-id",
};
const RANGE: Parameter = Parameter {
    name: "Range",
    place: Place::Header,
    required: false,
    says: "One range of bytes. Several, or what makes no sense, count as if they were not there.",
    schema: |_| json!({ "type": "string" }),
    example: "bytes=0-1023",
};
const IF_RANGE: Parameter = Parameter {
    name: "If-Range",
    place: Place::Header,
    required: false,
    says: "The `ETag` of the bytes of which the caller has a part; the whole is answered where these are others.",
    schema: |_| json!({ "type": "string" }),
    example: "",
};
const QUEUE: Parameter = Parameter {
    name: "queue",
    place: Place::Path,
    required: true,
    says: "The queue's name.",
    schema: name,
    example: "default",
};
/// A string in quotes, or a bare word.
const KEY_PATTERN: &str = r#"^("[ !#-\[\]-~]{1,255}"|[A-Za-z0-9!#$%&'*+.^_`|~:/=-]{1,255})$"#;
const KEY: Parameter = Parameter {
    name: "Idempotency-Key",
    place: Place::Header,
    required: false,
    says: "Gives a repeat of this very request the first answer again, for 24 hours and at least as long as the job is known: a \
           string in quotes that the caller makes up, such as a UUID.",
    schema: |_| json!({ "type": "string", "minLength": 1, "maxLength": 257, "pattern": KEY_PATTERN }),
    example: "",
};
const WAIT: Parameter = Parameter {
    name: "wait",
    place: Place::Query,
    required: false,
    says: "Answers when the job is finished, or this time is over: `500ms`, `30s`, at most a minute.",
    schema: |_| json!({ "type": "string", "pattern": "^([1-5]?[0-9]s|[1-9]?[0-9]{1,3}ms)$" }),
    example: "1s",
};

const fn query(name: &'static str, says: &'static str, schema: Schema) -> Parameter {
    Parameter { name, place: Place::Query, required: false, says, schema, example: "" }
}

const fn required(name: &'static str, says: &'static str, schema: Schema) -> Parameter {
    Parameter { name, place: Place::Query, required: true, says, schema, example: "" }
}

fn name(_: &mut SchemaGenerator) -> Value {
    json!({ "type": "string", "pattern": schema::NAME, "maxLength": longshore_core::limits::NAME_BYTES })
}

fn label(_: &mut SchemaGenerator) -> Value {
    json!({ "type": "string", "pattern": schema::LABEL, "minLength": 1, "maxLength": longshore_core::limits::LABEL_BYTES })
}

fn sorry(_: &mut SchemaGenerator) -> Value {
    json!({ "type": "object", "properties": { "error": { "type": "string" } }, "required": ["error"] })
}

/// An object without fields, for routes that need no body.
fn nothing(_: &mut SchemaGenerator) -> Value {
    json!({ "type": "object", "additionalProperties": false })
}

/// What any call to the store may end with.
const STORE: &[Code] = &[Code::Unavailable, Code::StoreRefused, Code::StoreFull];
/// What any body may end with.
const BODY: &[Code] = &[
    Code::InvalidJson,
    Code::InvalidJob,
    Code::UnsupportedMediaType,
    Code::BodyTooLarge,
    Code::BodyTimeout,
    Code::TooBusy,
];
const UNKNOWN: &[Code] = &[Code::UnknownJob, Code::InvalidQuery];
const QUERY: &[Code] = &[Code::InvalidQuery];
const PUSH: &[Code] = &[Code::QueueFull, Code::TooBusy, Code::InvalidHeader];
const SEND: &[Code] = &[Code::RangeNotSatisfiable, Code::TooManyResults];
const ACT: &[Code] = &[Code::WrongState];

const fn json(status: u16, says: &'static str, schema: Schema) -> Answer {
    Answer { status, says, content: Content::Json(schema), headers: &[] }
}

/// The answer to `Range`.
const fn part(media: &'static str) -> Answer {
    let headers: &[_] = &[
        ("ETag", "Names the bytes that these are a part of."),
        ("Content-Range", "Which of them these are, and how many there are."),
    ];
    Answer { status: 206, says: "The range that was asked for.", content: Content::Bytes(media), headers }
}

const fn empty(status: u16, says: &'static str) -> Answer {
    Answer { status, says, content: Content::None, headers: &[] }
}

const LOCATION: &[(&str, &str)] = &[("Location", "The job.")];

/// The API.
pub(super) const API: &[Operation] = &[
    Operation {
        method: "get",
        path: "/v1/jobs",
        id: "list",
        summary: "A page of jobs, newest first",
        open: false,
        parameters: &[
            query("queue", "Only of this queue.", name),
            query("kind", "Only of this kind.", name),
            query("state", "Only in this state.", schema::state),
            query("tag", "Only with this tag.", label),
            query("key", "Only with this key.", label),
            query(
                "after",
                "Goes on here: the `next` of the page before.",
                |_| json!({ "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX }),
            ),
            query(
                "limit",
                "Most jobs on the page. Defaults to 50.",
                |_| json!({ "type": "integer", "minimum": 1, "maximum": 200 }),
            ),
        ],
        takes: Body::None,
        answers: &[json(200, "The page.", of::<wire::Jobs>)],
        fails: &[STORE, QUERY],
    },
    Operation {
        method: "post",
        path: "/v1/jobs",
        id: "push",
        summary: "Push a job",
        open: false,
        parameters: &[KEY],
        takes: Body::Json(of::<wire::NewJob>),
        answers: &[
            Answer {
                status: 202,
                says: "The job is taken over, durably.",
                content: Content::Json(of::<wire::Pushed>),
                headers: LOCATION,
            },
            Answer {
                status: 200,
                says: "An older job stands for it.",
                content: Content::Json(of::<wire::Pushed>),
                headers: LOCATION,
            },
        ],
        fails: &[STORE, BODY, PUSH, &[Code::IdempotencyConflict, Code::UnknownJob]],
    },
    Operation {
        method: "post",
        path: "/v1/jobs/batch",
        id: "pushBatch",
        summary: "Push up to 1,000 jobs, all or none",
        open: false,
        parameters: &[],
        takes: Body::Json(of::<wire::Batch>),
        answers: &[json(202, "The jobs are taken over, durably.", of::<wire::BatchAnswer>)],
        fails: &[STORE, BODY, PUSH],
    },
    Operation {
        method: "get",
        path: "/v1/jobs/{id}",
        id: "get",
        summary: "Everything about a job",
        open: false,
        parameters: &[ID, WAIT],
        takes: Body::None,
        answers: &[json(200, "The job.", of::<wire::Job>)],
        fails: &[STORE, UNKNOWN, &[Code::TooManyWaits]],
    },
    Operation {
        method: "delete",
        path: "/v1/jobs/{id}",
        id: "delete",
        summary: "Delete a finished job",
        open: false,
        parameters: &[ID],
        takes: Body::None,
        answers: &[empty(204, "The job is gone.")],
        fails: &[STORE, UNKNOWN, BODY, ACT],
    },
    Operation {
        method: "get",
        path: "/v1/jobs/{id}/events",
        id: "follow",
        summary: "Server-sent events: `status` at once and with each change, until the job is finished",
        open: false,
        parameters: &[ID],
        takes: Body::None,
        answers: &[
            Answer {
                status: 200,
                says: "The stream; the data of each event `status` is an `Event`.",
                content: Content::Text("text/event-stream"),
                headers: &[],
            },
            empty(204, "The job is finished, and the caller has heard so (`Last-Event-ID`)."),
        ],
        fails: &[STORE, UNKNOWN, &[Code::TooManyStreams, Code::TooManyOfYourStreams, Code::Draining]],
    },
    Operation {
        method: "get",
        path: "/v1/jobs/{id}/result",
        id: "result",
        summary: "What the job gave back, byte for byte",
        open: false,
        parameters: &[ID, RANGE, IF_RANGE],
        takes: Body::None,
        answers: &[
            Answer {
                status: 200,
                says: "The bytes, of the type that the handler named.",
                content: Content::Bytes("*/*"),
                headers: &[("ETag", "Names these bytes."), ("Accept-Ranges", "Always `bytes`.")],
            },
            part("*/*"),
            empty(204, "The job succeeded and gave nothing back."),
            empty(304, "The caller has these very bytes (`If-None-Match`)."),
        ],
        fails: &[STORE, UNKNOWN, &[Code::NotReady, Code::JobDead, Code::JobCancelled, Code::ResultGone], SEND],
    },
    Operation {
        method: "get",
        path: "/v1/jobs/{id}/log",
        id: "log",
        summary: "What an attempt had to say, for people",
        open: false,
        parameters: &[
            ID,
            query(
                "claim",
                "The attempt's claim, as a failure names it. Defaults to the newest that has a log.",
                |_| json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX }),
            ),
        ],
        takes: Body::None,
        answers: &[Answer {
            status: 200,
            says: "The end of the log, at most 64 KiB; empty where there is none.",
            content: Content::Text("text/plain"),
            headers: &[],
        }],
        fails: &[STORE, UNKNOWN],
    },
    Operation {
        method: "post",
        path: "/v1/jobs/{id}/cancel",
        id: "cancel",
        summary: "Call a job off: at once if it waits, by asking its handler if it runs",
        open: false,
        parameters: &[ID],
        takes: Body::JsonOrNone(nothing),
        answers: &[json(200, "The job.", of::<wire::Job>)],
        fails: &[STORE, UNKNOWN, BODY, ACT],
    },
    Operation {
        method: "post",
        path: "/v1/jobs/{id}/retry",
        id: "retry",
        summary: "Try a dead or cancelled job again, or a scheduled one now",
        open: false,
        parameters: &[ID],
        takes: Body::JsonOrNone(nothing),
        answers: &[json(200, "The job.", of::<wire::Job>)],
        fails: &[STORE, UNKNOWN, BODY, ACT, &[Code::UniqueConflict]],
    },
    Operation {
        method: "get",
        path: "/v1/queues",
        id: "queues",
        summary: "A page of the queues with their counts and their pauses, by name",
        open: false,
        parameters: &[
            query("after", "Goes on here: the `next` of the page before.", name),
            query(
                "limit",
                "Most queues on the page. Defaults to 50.",
                |_| json!({ "type": "integer", "minimum": 1, "maximum": 200 }),
            ),
        ],
        takes: Body::None,
        answers: &[json(200, "The page.", of::<wire::Queues>)],
        fails: &[STORE, QUERY],
    },
    Operation {
        method: "post",
        path: "/v1/queues/{queue}/pause",
        id: "pause",
        summary: "Stop handing out jobs of a queue; what runs goes on",
        open: false,
        parameters: &[QUEUE],
        takes: Body::JsonOrNone(of::<wire::NewPause>),
        answers: &[json(200, "The queue.", of::<wire::Queue>)],
        fails: &[STORE, BODY, QUERY, &[Code::UnknownRule]],
    },
    Operation {
        method: "post",
        path: "/v1/queues/{queue}/resume",
        id: "resume",
        summary: "Hand out jobs of a queue again",
        open: false,
        parameters: &[QUEUE],
        takes: Body::JsonOrNone(nothing),
        answers: &[json(200, "The queue.", of::<wire::Queue>)],
        fails: &[STORE, BODY, QUERY, &[Code::UnknownRule]],
    },
    Operation {
        method: "get",
        path: "/v1/workers",
        id: "workers",
        summary: "A page of the workers that were seen in the last hour",
        open: false,
        parameters: &[
            query(
                "after",
                "Goes on here: the `next` of the page before.",
                |_| json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" }),
            ),
            query(
                "limit",
                "Most workers on the page. Defaults to 50.",
                |_| json!({ "type": "integer", "minimum": 1, "maximum": 200 }),
            ),
        ],
        takes: Body::None,
        answers: &[json(200, "The page.", of::<wire::Workers>)],
        fails: &[STORE, QUERY],
    },
    Operation {
        method: "get",
        path: "/healthz",
        id: "healthz",
        summary: "Whether the process lives",
        open: true,
        parameters: &[],
        takes: Body::None,
        answers: &[json(200, "It does.", of::<wire::Health>)],
        fails: &[],
    },
    Operation {
        method: "get",
        path: "/readyz",
        id: "readyz",
        summary: "Whether the store answers",
        open: true,
        parameters: &[],
        takes: Body::None,
        answers: &[json(200, "It does.", of::<wire::Health>)],
        fails: &[STORE, &[Code::Draining]],
    },
    Operation {
        method: "get",
        path: "/openapi.json",
        id: "openapi",
        summary: "This document",
        open: false,
        parameters: &[],
        takes: Body::None,
        answers: &[json(200, "An OpenAPI 3.1 document.", |_| json!({ "type": "object" }))],
        fails: &[],
    },
];

/// The demo.
pub(super) const DEMO: &[Operation] = &[
    Operation {
        method: "get",
        path: "/",
        id: "demo",
        summary: "The demo page",
        open: false,
        parameters: &[],
        takes: Body::None,
        answers: &[
            Answer { status: 200, says: "The page.", content: Content::Text("text/html"), headers: &[] },
            empty(304, "The browser has it."),
        ],
        fails: &[],
    },
    Operation {
        method: "get",
        path: "/assets/demo.css",
        id: "demoCss",
        summary: "Its style",
        open: false,
        parameters: &[],
        takes: Body::None,
        answers: &[
            Answer { status: 200, says: "The page.", content: Content::Text("text/css"), headers: &[] },
            empty(304, "The browser has it."),
        ],
        fails: &[],
    },
    Operation {
        method: "get",
        path: "/assets/demo.js",
        id: "demoJs",
        summary: "Its script",
        open: false,
        parameters: &[],
        takes: Body::None,
        answers: &[
            Answer { status: 200, says: "The page.", content: Content::Text("text/javascript"), headers: &[] },
            empty(304, "The browser has it."),
        ],
        fails: &[],
    },
    Operation {
        method: "get",
        path: "/assets/favicon.svg",
        id: "demoIcon",
        summary: "Its icon",
        open: false,
        parameters: &[],
        takes: Body::None,
        answers: &[
            Answer { status: 200, says: "The page.", content: Content::Text("image/svg+xml"), headers: &[] },
            empty(304, "The browser has it."),
        ],
        fails: &[],
    },
    Operation {
        method: "get",
        path: "/favicon.ico",
        id: "noIcon",
        summary: "Nothing, for browsers that ask by habit",
        open: false,
        parameters: &[],
        takes: Body::None,
        answers: &[empty(204, "Nothing.")],
        fails: &[],
    },
    Operation {
        method: "post",
        path: "/image_queue",
        id: "imageQueue",
        summary: "Hand a text over, to be drawn",
        open: false,
        parameters: &[],
        takes: Body::Either(|_| {
            let text = json!({ "type": "string", "minLength": 1, "maxLength": 64 });
            json!({ "type": "object", "properties": { "text": text }, "required": ["text"] })
        }),
        answers: &[
            json(200, "The id of the job.", |_| {
                let text = json!({ "type": "string" });
                let properties = json!({ "job_status": { "enum": ["queued", "done"] }, "id": text, "filename": text });
                json!({ "type": "object", "properties": properties, "required": ["job_status", "filename"] })
            }),
            json(422, "The text cannot be drawn.", sorry),
        ],
        fails: &[STORE, BODY, PUSH],
    },
    Operation {
        method: "get",
        path: "/image_status",
        id: "imageStatus",
        summary: "How far the drawing has come, in words",
        open: false,
        parameters: &[required(
            "job_id",
            "The id that `/image_queue` answered.",
            |_| json!({ "type": "string", "minLength": 1 }),
        )],
        takes: Body::None,
        answers: &[
            json(200, "The words.", |_| {
                let properties = json!({ "job_status": { "type": "string" } });
                json!({ "type": "object", "properties": properties, "required": ["job_status"] })
            }),
            json(400, "The id is missing.", sorry),
        ],
        fails: &[STORE, QUERY],
    },
    Operation {
        method: "get",
        path: "/image/{file}",
        id: "image",
        summary: "The picture",
        open: false,
        parameters: &[
            Parameter {
                name: "file",
                place: Place::Path,
                required: true,
                says: "The id, with `.gif` behind it.",
                schema: |_| json!({ "type": "string", "minLength": 1 }),
                example: "bd8c1ea4e94b6f87a38ba6e3a1c5a4bfa8d0ca8e0f3a7b4bb4ed8bd6a5f0ab77.gif",
            },
            RANGE,
            IF_RANGE,
        ],
        takes: Body::None,
        answers: &[
            Answer {
                status: 200,
                says: "An animated GIF.",
                content: Content::Bytes("image/gif"),
                headers: &[("ETag", "Names these bytes."), ("Accept-Ranges", "Always `bytes`.")],
            },
            part("image/gif"),
            empty(304, "The browser has it."),
            json(404, "There is no such picture, or not yet.", sorry),
        ],
        fails: &[STORE, QUERY, SEND],
    },
];
