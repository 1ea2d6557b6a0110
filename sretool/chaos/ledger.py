"""A client that remembers every write it was promised: `python -m sretool.chaos.ledger FOLDER`.

It writes through a service at a steady rate, each write with an id of its own, and puts on the disk (fsync)
what it sends before it sends it and what it was answered, with monotonic time. It looks at every database
server ten times a second: who accepts writes, who follows, who is away. Asked to stop, it waits until the
servers agree, reads from each of them which writes are there, and says what became of them. Nothing of it
goes through the load balancer that hides which server answered.

**Input**: the first line of standard input is the configuration (so that no address with a password shows in
the list of processes):

    {"url": "http://127.0.0.1:8080",      where the service answers
     "rate": 20,                          writes per second, whether earlier ones were answered or not
     "timeout_s": 5, "late_s": 1,         no answer by then: unknown; slower than this counts as an outage
     "settle_s": 60,                      how long the servers may take to agree in the end
     "writers": 40, "first_user": 9e8,    writers take turns; `{user}` is first_user + the writer's number
     "begin": REQUEST, "end": REQUEST,    once per writer, or null
     "write": REQUEST + {"id": "{user}/1/{micros}", "server": "stored_by"},
     "instance": "x-served-by",           header of the answer: which instance of the service gave it
     "servers": [{"name": "pg-1", "url": "postgresql://…", "known_as": ["127.0.0.1:5432"]}],
     "read": "select id from …"}          ids there, `%(first)s` and `%(last)s` are the users; null: not read

where REQUEST is `{"method", "path", "headers", "body", "take": {"name": "key of the JSON answer"}}`, and texts
may hold `{writer}`, `{user}`, `{n}` (number of the write), `{time}` (RFC 3339), `{micros}` (the same instant,
microseconds, never given twice) and what `begin` took. `server` is the key of the JSON answer to a write that
names the database server which stored it.

Later lines: `{"mark": UNIX_TIME}` (a fault was made) and `{"stop": true}`. When standard input ends without
`stop`, it ends at once.

**Output**: a line `{"event": "writing"}` after the first acknowledged write, and at the end one line
`{"event": "writes", "result": RESULT}`; FOLDER gets `journal.jsonl` and `result.json` (RESULT). Times `…_at`
are unix seconds made from the monotonic clock, so that they never run backwards; null: not known.

    {"format": 1,
     "began_at", "ended_at", "fault_at",
     "sent", "acked",
     "refused",          answered 4xx: the service says it is not stored
     "unknown",          no answer or 5xx: it may be there or not
     "lost",             acked and not there; null where no primary could be read
     "duplicated",       there more often than once; null as above
     "resurrected",      refused, and there all the same; null as above
     "kept_unknown",     unknown, and there; null as above
     "examples": {"lost": [ids…], "duplicated": […], "resurrected": […]},      at most 20 of each
     "rpo_s",            0 where nothing is lost; else from the ack of the first lost write to the fault (or to
                         the ack of the last lost one, where that is later); null where `lost` is null
     "rto_s",            of the service: from the fault to the ack after the last write that failed or was
                         late; 0 where none was; null without a fault or where the outage is not over
     "rto_database_s",   from the fault until some server accepted writes for good, looked at directly, with a
                         resolution of 0.1 s; 0 where one always did; null as above or without servers
     "first_failed_at", "last_failed_at",       of writes sent after the fault (all, without one)
     "outages": [{"from_at", "until_at", "writes"}],   failed or late writes less than 5 s apart are one
     "servers": [{"name", "acked", "acked_before", "acked_after", "last_ack_before_at", "first_ack_after_at",
                  "state",          at the end: writable | standby | away
                  "writable_at",    when it was first seen to accept writes after the fault
                  "there", "missing"}],         writes found there, acked ones that are not; null: not read
     "instances": [{"name", "acked_before", "acked_after", "last_ack_before_at", "first_ack_after_at"}],
     "promoted",         server that accepts writes now and did not before; null: none
     "split_brain",      two servers accepted writes at one time; null where one could not be looked at in the
                         end, or there is only one
     "redundant"}        every other server streams from the primary and has all its writes; null where there
                         is only one server or no primary

`before` and `after` are before and after the fault; without one everything is before it.
"""
