"""What each route answers, as JSON Schema: the one half of the OpenAPI document that no function needs at run time. Tests hold real answers against it."""

from __future__ import annotations

from typing import Any

from antiphon.webhooks.model import EVENT_TYPES, TEST_EVENT

Schema = dict[str, Any]


def closed(required: Schema, **optional: Schema) -> Schema:
    """An object with just these fields."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def an_id(prefix: str) -> Schema:
    return {"type": "string", "pattern": f"^{prefix}_[0-9A-HJKMNP-TV-Z]{{26}}$"}


def one_of(*texts: str) -> Schema:
    return {"type": "string", "enum": list(texts)}


def many(schema: Schema, description: str = "") -> Schema:
    return {"type": "array", "items": schema} | ({"description": description} if description else {})


def page(of: Schema) -> Schema:
    return closed(
        {
            "data": many(of),
            "next_cursor": maybe({"type": "string", "description": "For the next page; null at the end."}),
        }
    )


TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TIME: Schema = {"type": "string", "format": "date-time"}
SECONDS: Schema = {"type": "number", "minimum": 0, "description": "Seconds."}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {"type": "object", "additionalProperties": True}

_WORD = closed(
    {
        "word": TEXT,
        "start": maybe(SECONDS),
        "end": maybe(SECONDS),
        "score": maybe({"type": "number"}),
        "speaker": maybe(TEXT),
        "interpolated": {**FLAG, "description": "The engine found no times for it; these lie between its neighbours'."},
    }
)
_SEGMENT = closed(
    {
        "index": COUNT,
        "start": SECONDS,
        "end": SECONDS,
        "text": TEXT,
        "machine_text": maybe(
            {"type": "string", "description": "What the engine heard, where the text is a correction."}
        ),
        "speaker": maybe(TEXT),
        "speaker_label": maybe(
            {"type": "string", "description": "The engine's own, where the speaker was given a name."}
        ),
        "confidence": maybe({"type": "number", "minimum": 0, "maximum": 1}),
        "words": many(ref("Word")),
    },
    chars=many(
        closed(
            {"char": TEXT, "start": maybe(SECONDS), "end": maybe(SECONDS), "score": maybe({"type": "number"})},
        ),
        "Where return_char_alignments asked for them.",
    ),
)
_JOB = {
    "id": an_id("job"),
    "status": one_of("awaiting_upload", "queued", "running", "succeeded", "failed", "canceled", "expired"),
    "progress": {"type": "integer", "minimum": 0, "maximum": 100, "description": "Percent."},
    "stage": maybe(TEXT),
    "attempts": COUNT,
    "engine": maybe(TEXT),
    "title": maybe(TEXT),
    "language": maybe(TEXT),
    "duration": maybe(SECONDS),
    "created_at": TIME,
    "started_at": maybe(TIME),
    "finished_at": maybe(TIME),
    "timings": {"type": "object", "additionalProperties": COUNT, "description": "Milliseconds by step."},
    "warnings": many(TEXT),
    "error": maybe(ref("JobError")),
    "metadata": ANYTHING,
}
_SPOKEN = {
    "deduplicated": {
        "type": "boolean",
        "description": "Whether another request or job of yours did the work: this one joined it, or is a copy of it.",
    },
    "queue_position": maybe({"type": "integer", "minimum": 1, "description": "While it is queued; null in lists."}),
    "eta": maybe(ref("Eta")),
    "cost": maybe(ref("Cost")),
}
_STEP = {
    **{name: maybe(an_id("job")) for name in ("transcription_id", "alignment_id", "diarization_id")},
    "speakers": maybe(many(TEXT)),
    "links": {"type": "object", "additionalProperties": TEXT},
    "upload": maybe(ref("Upload")),
}
_USER = {
    "id": an_id("usr"),
    "email": TEXT,
    "display_name": maybe(TEXT),
    "tier": one_of("free", "premium", "enterprise"),
    "role": one_of("user", "admin"),
    "created_at": TIME,
}
_KEY = {
    "id": an_id("key"),
    "name": TEXT,
    "prefix": {"type": "string", "description": "The first characters of the key, to tell keys apart."},
    "scopes": many(TEXT),
    "created_at": TIME,
    "expires_at": maybe(TIME),
    "last_used_at": maybe({**TIME, "description": "True to five minutes."}),
    "monthly_budget_usd": maybe(
        {"type": "number", "description": "What the jobs of this key may cost in a calendar month (UTC)."}
    ),
    "spent_usd": maybe(
        {"type": "number", "description": "What they cost this month, or are expected to; null without a budget."}
    ),
}
_WEBHOOK = {
    "id": an_id("whk"),
    "url": TEXT,
    "events": many(TEXT),
    "description": TEXT,
    "active": FLAG,
    "disabled_reason": maybe(TEXT),
    "created_at": TIME,
}
_OPENAI_ENDPOINT = {
    "id": an_id("whk"),
    "object": {"const": "webhook_endpoint"},
    "name": TEXT,
    "url": TEXT,
    "event_types": many(TEXT),
    "signing_secret_hint": {"type": "string", "description": "Enough to tell secrets apart."},
    "created_at": COUNT,
    "updated_at": COUNT,
}
_CAPABILITY = {
    "action": TEXT,
    "description": TEXT,
    "parameters": {**ANYTHING, "description": "JSON Schema of the arguments, references written out."},
    "sensitive": FLAG,
}
_DEVICE = {
    "id": an_id("dev"),
    "name": TEXT,
    "platform": TEXT,
    "capabilities": many(closed(_CAPABILITY)),
    "created_at": TIME,
    "updated_at": TIME,
    "last_seen_at": maybe({**TIME, "description": "True to a minute."}),
}
_COMMAND = {
    "id": an_id("cmd"),
    "device_id": an_id("dev"),
    "action": TEXT,
    "arguments": ANYTHING,
    "status": one_of(
        "awaiting_confirmation", "pending", "delivered", "acknowledged", "succeeded", "failed", "expired", "canceled"
    ),
    "origin": one_of("user", "run"),
    "run_id": maybe(TEXT),
    "deliveries": {**COUNT, "description": "How often it was handed out."},
    "error": maybe(closed({"code": TEXT, "detail": TEXT})),
    "created_at": TIME,
    "expires_at": TIME,
    "delivered_at": maybe(TIME),
    "confirmed_at": maybe(TIME),
    "acknowledged_at": maybe(TIME),
    "finished_at": maybe(TIME),
}
_UPLOAD = {
    "method": {"const": "POST"},
    "url": TEXT,
    "fields": {"type": "object", "additionalProperties": TEXT, "description": "Form fields to send before the file."},
    "expires_at": TIME,
}
_PARTS = {
    "method": {"const": "MULTIPART"},
    "upload_id": TEXT,
    "part_size": {**COUNT, "description": "Bytes of each part but the last."},
    "parts": many(closed({"number": {"type": "integer", "minimum": 1}, "url": TEXT}), "PUT each part to its address."),
    "received": many({"type": "integer", "minimum": 1}, "Numbers of the parts that are there."),
    "complete_url": {"type": "string", "description": "POST, once all parts are there."},
    "expires_at": TIME,
}
_MEDIA = {
    "id": an_id("med"),
    "purpose": TEXT,
    "status": one_of("awaiting_upload", "inspecting", "ready", "rejected"),
    "filename": TEXT,
    "content_type": TEXT,
    "size": COUNT,
    "parent_id": maybe({**an_id("med"), "description": "The item that it was made of."}),
    "created_at": TIME,
    "error": maybe(ref("JobError")),
    "facts": maybe(ref("MediaFacts")),
}
_MANAGED_JOB: Schema = {
    "id": TEXT,
    "kind": one_of("transcription", "speech", "document", "edit", "alignment", "diarization", "assignment"),
    "user_id": an_id("usr"),
    "tier": TEXT,
    "lane": TEXT,
    "status": _JOB["status"],
    "stage": maybe(TEXT),
    "progress": {"type": "integer", "minimum": 0, "maximum": 100},
    "attempts": COUNT,
    "failures": COUNT,
    "rounds": COUNT,
    "engine": maybe(TEXT),
    "duration": maybe(SECONDS),
    "characters": maybe(COUNT),
    "source_bytes": maybe(COUNT),
    "busy_seconds": SECONDS,
    "timings": {"type": "object", "additionalProperties": COUNT},
    "error": maybe(ref("JobError")),
    "lease": maybe(closed({"owner": TEXT, "expires_at": maybe(TIME)})),
    "request_id": maybe(TEXT),
    "created_at": TIME,
    "queued_at": maybe(TIME),
    "started_at": maybe(TIME),
    "finished_at": maybe(TIME),
}
_LIMITS = ("audio_seconds", "characters", "tokens", "storage_bytes", "open_jobs", "upload_bytes", "requests_per_minute")

SCHEMAS: dict[str, Schema] = {
    "Problem": {
        **closed(
            {
                "type": TEXT,
                "title": TEXT,
                "status": {"type": "integer"},
                "detail": TEXT,
                "code": TEXT,
                "request_id": TEXT,
            },
            errors=many(ref("FieldError")),
            error=ref("OpenAiProblem"),
        ),
        "description": "RFC 9457. `code` is stable; see /v1/docs/errors. `error` is what clients of OpenAI's routes read, of requests that reached no route.",
    },
    "FieldError": closed({"field": TEXT, "detail": TEXT}),
    "User": closed(_USER),
    "SignedIn": closed(
        {
            "user": ref("User"),
            "access_token": TEXT,
            "refresh_token": maybe(
                {"type": "string", "description": "null where a cookie holds it (Antiphon-Session: cookie)."}
            ),
            "token_type": {"const": "bearer"},
            "expires_in": COUNT,
        }
    ),
    "Profile": closed(
        {
            **_USER,
            "has_password": {**FLAG, "description": "false: another service signs this person in."},
            "preferences": ANYTHING,
            "inbox": closed({"bucket": TEXT, "prefix": TEXT, "region": TEXT}),
        }
    ),
    "Usage": closed(
        {
            "month": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
            "resets_at": TIME,
            "tier": TEXT,
            "audio_seconds": {"type": "number", "minimum": 0},
            "characters": COUNT,
            "tokens": COUNT,
            "storage_bytes": COUNT,
            "open_jobs": COUNT,
            "limits": closed(dict.fromkeys(_LIMITS, COUNT)),
        }
    ),
    "Session": closed(
        {
            "id": an_id("ses"),
            "device": maybe(TEXT),
            "address": maybe(TEXT),
            "current": FLAG,
            "created_at": TIME,
            "last_used_at": TIME,
            "expires_at": TIME,
        }
    ),
    "AuditEntry": closed(
        {
            "id": TEXT,
            "at": TIME,
            "actor": TEXT,
            "action": TEXT,
            "target": TEXT,
            "outcome": TEXT,
            "address": maybe(TEXT),
            "duration_ms": maybe(COUNT),
            "request_id": maybe(TEXT),
        }
    ),
    "ApiKey": closed(_KEY),
    "NewApiKey": closed({**_KEY, "key": {"type": "string", "description": "Shown here and never again."}}),
    "ErasureReceipt": closed(
        {"status": one_of("erased", "erasing"), "rows": COUNT, "objects": COUNT, "versions": COUNT, "at": TIME}
    ),
    "JsonWebKeys": closed({"keys": many({"type": "object", "additionalProperties": TEXT})}),
    "Providers": closed(
        {"firebase": maybe(closed({"project": TEXT, "api_key": TEXT, "url": TEXT, "providers": many(TEXT)}))}
    ),
    "Accepted": closed({"status": {"const": "accepted"}}),
    "PartedUpload": {**closed(_PARTS), "description": "Of files above 100 MiB."},
    "Upload": {"anyOf": [closed(_UPLOAD), ref("PartedUpload")]},
    "MediaUpload": {
        "anyOf": [
            closed({"id": an_id("med"), "media_id": an_id("med"), "purpose": TEXT, **way}) for way in (_UPLOAD, _PARTS)
        ]
    },
    "JobError": closed({"code": TEXT, "detail": TEXT}),
    "Cost": closed({"gpu_seconds": SECONDS, "usd": {"type": "number", "minimum": 0}}),
    "Eta": closed({"at": TIME, "error": {**SECONDS, "description": "Seconds by which it was off as of late."}}),
    "Estimate": closed(
        {
            "dry_run": {"const": True},
            "kind": one_of("transcription", "speech"),
            "audio_seconds": maybe(SECONDS),
            "characters": maybe(COUNT),
            "cost": maybe(ref("Cost")),
            "queue_position": maybe({"type": "integer", "minimum": 1}),
            "eta": maybe(ref("Eta")),
            "joins": maybe({**an_id("job"), "description": "The job that the request would join."}),
        }
    ),
    "Transcription": closed(
        {
            **_JOB,
            **_SPOKEN,
            "kind": {"const": "transcription"},
            "speakers": {
                "type": "object",
                "additionalProperties": maybe(TEXT),
                "description": "By the engine's labels, the names that were given to them.",
            },
            "upload": maybe(ref("Upload")),
            "audio_url": maybe({"type": "string", "description": "Of the recording, for 15 minutes."}),
        }
    ),
    "Alignment": closed({**_JOB, **_STEP, "kind": {"const": "alignment"}}),
    "Diarization": closed({**_JOB, **_STEP, "kind": {"const": "diarization"}}),
    "SpeakerAssignment": closed({**_JOB, **_STEP, "kind": {"const": "assignment"}}),
    "Turn": closed({"index": COUNT, "start": SECONDS, "end": SECONDS, "speaker": TEXT}),
    "Speech": closed(
        {
            **_JOB,
            **_SPOKEN,
            "kind": {"const": "speech"},
            "voice": maybe(TEXT),
            "format": maybe(TEXT),
            "speed": maybe({"type": "number"}),
            "characters": maybe(COUNT),
            "audio_url": maybe({"type": "string", "description": "For 15 minutes."}),
            "marks_url": TEXT,
            "parts": closed({"done": COUNT, "total": maybe(COUNT)}),
        }
    ),
    "Document": closed(
        {
            **{name: schema for name, schema in _JOB.items() if name not in ("language", "duration")},
            "id": an_id("doc"),
            "kind": {"const": "document"},
            "filename": maybe(TEXT),
            "format": maybe(one_of("pdf", "docx", "pptx", "xlsx", "txt", "md", "html", "csv")),
            "size": maybe({**COUNT, "description": "Bytes."}),
            "pages": maybe(COUNT),
            "words": maybe(COUNT),
            "upload": maybe(ref("Upload")),
        }
    ),
    "DocumentPage": closed({"page": {"type": "integer", "minimum": 1}, "text": TEXT}),
    "DocumentAnswer": closed(
        {
            "passages": many(
                closed(
                    {
                        "document_id": an_id("doc"),
                        "page": {"type": "integer", "minimum": 1},
                        "text": TEXT,
                        "score": {"type": "number", "minimum": 0, "description": "Only its order means something."},
                    }
                ),
                "The best first.",
            ),
            "answer": maybe(
                closed(
                    {
                        "content": TEXT,
                        "citations": many(ref("Citation")),
                        "model": TEXT,
                        "finish_reason": TEXT,
                        "tokens": closed({"input": COUNT, "output": COUNT}),
                    }
                )
            ),
        }
    ),
    "Loudness": {
        **closed(
            {
                "lufs": maybe({"type": "number", "description": "Integrated, after EBU R 128."}),
                "true_peak": maybe({"type": "number", "description": "dBTP."}),
                "range": maybe({"type": "number", "description": "LU."}),
            }
        ),
        "description": "null for silence.",
    },
    "MediaFacts": closed(
        {
            "container": TEXT,
            "codec": TEXT,
            "duration": SECONDS,
            "sample_rate": COUNT,
            "channels": COUNT,
            "bit_rate": maybe(COUNT),
            "loudness": ref("Loudness"),
            "tags": {"type": "object", "additionalProperties": TEXT},
        }
    ),
    "Media": closed(_MEDIA),
    "WholeMedia": closed(
        {
            **_MEDIA,
            "url": maybe({"type": "string", "description": "Of the file, for 15 minutes."}),
            "waveform": maybe(
                many(
                    {"type": "array", "items": {"type": "number", "minimum": -1, "maximum": 1}, "minItems": 2},
                    "Lowest and highest value of equal parts, at most 800.",
                )
            ),
        }
    ),
    "Edit": closed(
        {
            **_JOB,
            "kind": {"const": "edit"},
            "media_id": an_id("med"),
            "operations": many(ANYTHING),
            "result_media_id": maybe({**an_id("med"), "description": "The new media item, once the edit succeeded."}),
            "links": closed({"self": TEXT, "media": maybe(TEXT)}),
        }
    ),
    "Understood": closed(
        {
            "operations": many(ANYTHING, "As POST /v1/media/{id}/edits takes them."),
            "understood": many(TEXT, "Each operation as a sentence."),
            "duration": {**SECONDS, "description": "Seconds of the result."},
            "job": maybe(ref("Edit")),
        }
    ),
    "Word": _WORD,
    "Segment": _SEGMENT,
    "Transcript": closed(
        {
            "id": an_id("job"),
            "text": TEXT,
            "language": maybe(TEXT),
            "duration": maybe(SECONDS),
            "engine": maybe(TEXT),
            "segments": many(ref("Segment")),
        }
    ),
    "Mark": closed(
        {
            "index": COUNT,
            "text": TEXT,
            "start": SECONDS,
            "end": SECONDS,
            "words": many(ref("Word")),
            "audio_url": maybe(
                {
                    "type": "string",
                    "description": "This sentence alone, as WAV, for 15 minutes; null when it is no longer kept.",
                }
            ),
        }
    ),
    "Deleted": closed({"id": TEXT, "deleted": {"const": True}, "rows": COUNT, "objects": COUNT, "versions": COUNT}),
    "Voice": closed(
        {
            "id": TEXT,
            "name": TEXT,
            "language": TEXT,
            "gender": maybe(TEXT),
            "engine": TEXT,
            "quality": maybe(TEXT),
            "sample_url": maybe({"type": "string", "description": "Its sample; null while it is not made yet."}),
        }
    ),
    "VoiceSample": closed(
        {
            "voice": TEXT,
            "language": TEXT,
            "engine": TEXT,
            "text": {"type": "string", "description": "What it says."},
            "audio_url": {"type": "string", "description": "An MP3, for 15 minutes."},
        }
    ),
    "KeptSettings": closed(
        {},
        temperature={"type": "number"},
        top_p={"type": "number"},
        max_output_tokens=COUNT,
        system_prompt=TEXT,
    ),
    "Conversation": closed(
        {
            "id": an_id("conv"),
            "title": TEXT,
            "model": maybe({"type": "string", "description": "null: the first of the list of models."}),
            "archived": FLAG,
            "settings": ref("KeptSettings"),
            "metadata": ANYTHING,
            "message_count": COUNT,
            "created_at": TIME,
            "updated_at": TIME,
        }
    ),
    "Run": closed(
        {
            "id": an_id("run"),
            "kind": {"const": "run"},
            "conversation_id": TEXT,
            "message_id": TEXT,
            "reply_id": maybe(TEXT),
            "status": one_of("queued", "running", "waiting", "succeeded", "failed", "canceled"),
            "progress": {"type": "integer", "minimum": 0, "maximum": 100, "description": "Percent."},
            "model": maybe(TEXT),
            "tools": many(TEXT),
            "steps": many(closed({"text": TEXT, "calls": many(ref("RunCall"))})),
            "answer": maybe(TEXT),
            "tokens": maybe(closed({"input": COUNT, "output": COUNT})),
            "error": maybe(ref("JobError")),
            "metadata": ANYTHING,
            "created_at": TIME,
            "started_at": maybe(TIME),
            "finished_at": maybe(TIME),
        }
    ),
    "RunCall": closed(
        {
            "tool": TEXT,
            "arguments": ANYTHING,
            "status": one_of("pending", "waiting", "succeeded", "failed"),
            "waits_for": maybe(
                {"type": "string", "description": "The job or command that was started, until it ends."}
            ),
            "result": {"type": "string", "description": "What the model reads of it."},
            "output": ANYTHING,
        }
    ),
    "Hit": closed(
        {
            "kind": one_of("message", "transcript", "document"),
            "id": TEXT,
            "snippet": TEXT,
            "fragments": many(
                closed({"text": TEXT, "match": FLAG}), "The snippet in pieces; `match`: a word that was looked for."
            ),
            "score": {"type": "number"},
            "start": maybe(SECONDS),
            "speaker": maybe(TEXT),
            "page": maybe(COUNT),
        },
        conversation_id=TEXT,
        job_id=TEXT,
        document_id=TEXT,
    ),
    "Export": closed({"conversation": ref("Conversation"), "messages": many(ref("Message"))}),
    "Citation": closed(
        {
            "kind": one_of("transcript", "message", "document"),
            "id": TEXT,
            "quote": TEXT,
            "start": maybe(SECONDS),
            "speaker": maybe(TEXT),
            "page": maybe(COUNT),
        }
    ),
    "Message": closed(
        {
            "id": an_id("msg"),
            "conversation_id": an_id("conv"),
            "role": one_of("user", "assistant"),
            "type": one_of("text", "audio", "image", "file"),
            "content": TEXT,
            "parts": many(ANYTHING),
            "status": one_of("complete", "streaming", "incomplete"),
            "finish_reason": maybe(TEXT),
            "model": maybe(TEXT),
            "tokens": maybe(closed({"input": maybe(COUNT), "output": maybe(COUNT)})),
            "latency_ms": maybe(COUNT),
            "citations": many(ref("Citation")),
            "created_at": TIME,
        }
    ),
    "Exchange": closed({"message": ref("Message"), "reply": ref("Message")}),
    "Model": closed(
        {
            "id": TEXT,
            "object": {"const": "model"},
            "created": COUNT,
            "owned_by": TEXT,
            "provider": {
                "type": "string",
                "description": "google, openai, offline, or the speech engine that answers to this name.",
            },
            "capabilities": many(TEXT),
            "context_tokens": {**maybe(COUNT), "description": "Null of models that do not chat."},
            "configured": FLAG,
        }
    ),
    "Completion": closed(
        {
            "id": TEXT,
            "object": {"const": "chat.completion"},
            "created": COUNT,
            "model": TEXT,
            "choices": many(ANYTHING),
            "usage": closed({"prompt_tokens": COUNT, "completion_tokens": COUNT, "total_tokens": COUNT}),
        }
    ),
    "OpenAiProblem": closed({"message": TEXT, "type": TEXT, "param": maybe(TEXT), "code": maybe(TEXT)}),
    "OpenAiError": closed({"error": ref("OpenAiProblem")}),
    "AudioUsage": closed(
        {"type": {"const": "duration"}, "seconds": {**COUNT, "description": "Begun seconds of sound."}}
    ),
    "AudioText": closed({"text": TEXT}, usage=ref("AudioUsage"), languages=many(closed({"code": TEXT}))),
    "AudioVerbose": closed(
        {
            "task": one_of("transcribe", "translate"),
            "language": {"type": "string", "description": "Its English name."},
            "duration": SECONDS,
            "text": TEXT,
            "segments": maybe(
                many(
                    closed(
                        {
                            "id": COUNT,
                            "seek": COUNT,
                            "start": SECONDS,
                            "end": SECONDS,
                            "text": TEXT,
                            "tokens": many(COUNT),
                            "temperature": {"type": "number"},
                            "avg_logprob": {"type": "number"},
                            "compression_ratio": {"type": "number"},
                            "no_speech_prob": {"type": "number"},
                        }
                    )
                )
            ),
        },
        words=many(closed({"word": TEXT, "start": SECONDS, "end": SECONDS})),
        usage=ref("AudioUsage"),
    ),
    "AudioDiarized": closed(
        {
            "task": {"const": "transcribe"},
            "duration": SECONDS,
            "text": TEXT,
            "segments": many(
                closed(
                    {
                        "type": {"const": "transcript.text.segment"},
                        "id": TEXT,
                        "start": SECONDS,
                        "end": SECONDS,
                        "text": TEXT,
                        "speaker": {"type": "string", "description": "A, B, …, or the name that somebody gave."},
                    }
                )
            ),
            "usage": ref("AudioUsage"),
        }
    ),
    "AudioVoices": closed(
        {
            "object": {"const": "list"},
            "data": many(
                closed(
                    {
                        "id": TEXT,
                        "object": {"const": "audio.voice"},
                        "name": TEXT,
                        "voice_id": {"type": "string", "description": "The voice of ours that speaks."},
                        "language": TEXT,
                        "gender": maybe(TEXT),
                        "engine": TEXT,
                        "quality": maybe(TEXT),
                    }
                )
            ),
            "voices": many(closed({"id": TEXT, "name": TEXT})),
        }
    ),
    "Models": closed({"object": {"const": "list"}, "data": many(ref("Model"))}),
    "Preset": closed(
        {"id": an_id("pre"), "name": TEXT, "model": maybe(TEXT), "settings": ref("KeptSettings"), "created_at": TIME}
    ),
    "ManagedUser": closed(
        {
            "id": an_id("usr"),
            "email": TEXT,
            "display_name": maybe(TEXT),
            "tier": one_of("free", "premium", "enterprise"),
            "role": one_of("user", "admin"),
            "status": one_of("active", "suspended", "erasing"),
            "has_password": FLAG,
            "created_at": TIME,
        }
    ),
    "Tier": closed(
        {
            "name": TEXT,
            "lane": TEXT,
            **dict.fromkeys(
                (
                    "requests_per_minute",
                    "creations_per_minute",
                    "key_requests_per_minute",
                    "concurrent_jobs",
                    "running_jobs",
                    "upload_bytes",
                    "storage_bytes",
                    "audio_minutes",
                    "characters",
                    "tokens",
                    "speech_characters",
                ),
                COUNT,
            ),
        }
    ),
    "ManagedJob": closed(_MANAGED_JOB),
    "Queue": closed(
        {
            "name": TEXT,
            "waiting": COUNT,
            "delayed": COUNT,
            "in_flight": COUNT,
            "dead_letters": COUNT,
            "oldest_seconds": maybe(
                {
                    "type": "integer",
                    "minimum": 0,
                    "description": "Since when the job is queued that waits the longest; null where none waits, and for queues of other things than jobs.",
                }
            ),
        }
    ),
    "Metrics": closed({"per": one_of("hour", "day"), "since": TIME, "until": TIME, "data": many(ref("Span"))}),
    "Span": closed(
        {
            "at": TIME,
            "jobs": {
                "type": "object",
                "additionalProperties": ref("JobCounts"),
                "description": "By kind; kinds of which nothing happened are left out.",
            },
            "deliveries": {**COUNT, "description": "Of webhooks, begun."},
            "tokens": {**COUNT, "description": "Of the replies in conversations."},
        }
    ),
    "JobCounts": {
        **closed(
            {
                **dict.fromkeys(
                    ("accepted", "retried", "started", "succeeded", "failed", "rejected", "canceled", "expired"), COUNT
                ),
                **dict.fromkeys(("queued_seconds", "busy_seconds", "audio_seconds"), SECONDS),
                "characters": COUNT,
                "real_time_factor": maybe({"type": "number", "minimum": 0, "description": "busy ÷ audio."}),
            }
        ),
        "description": "What was accepted or retried has succeeded, failed or was canceled, or is open. Seconds and characters are of what has succeeded.",
    },
    "Device": closed(_DEVICE),
    "NewDeviceKey": closed({**_DEVICE, "key": {"type": "string", "description": "Shown here and never again."}}),
    "CommandEntry": closed(_COMMAND),
    "Command": closed({**_COMMAND, "result": maybe(ANYTHING)}),
    "Webhook": closed(_WEBHOOK),
    "NewWebhookSecret": closed(
        {**_WEBHOOK, "secret": {"type": "string", "description": "Shown here and never again."}}
    ),
    "AccountWebhookSecret": closed(
        {
            "secret": {"type": "string", "description": "Signs what goes to the callback_url of jobs."},
            "created_at": TIME,
            "previous_until": maybe({**TIME, "description": "Until then the secret before it signs too."}),
        }
    ),
    "WebhookEndpoint": closed(_OPENAI_ENDPOINT),
    "WebhookEndpointWithSecret": closed(
        {**_OPENAI_ENDPOINT, "signing_secret": {"type": "string", "description": "Shown here and never again."}}
    ),
    "Attempt": closed(
        {
            "number": COUNT,
            "trigger": TEXT,
            "at": TIME,
            "status_code": maybe(COUNT),
            "error": maybe(TEXT),
            "duration_ms": maybe(COUNT),
            "answer": maybe(TEXT),
            "next_attempt_at": maybe(TIME),
        }
    ),
    "Delivery": closed(
        {
            "id": an_id("dlv"),
            "webhook_id": maybe(TEXT),
            "event_id": TEXT,
            "type": TEXT,
            "url": TEXT,
            "status": TEXT,
            "created_at": TIME,
            "next_attempt_at": maybe(TIME),
            "attempts": many(ref("Attempt")),
        }
    ),
    "Health": closed({"status": {"const": "ok"}}),
    "Live": closed({"status": {"const": "ok"}, "time": TIME}),
    "Ready": closed(
        {
            "status": one_of("ok", "unavailable"),
            "components": {"type": "object", "additionalProperties": one_of("ok", "down")},
        }
    ),
}

_TEXTS = ("text/plain", "application/x-subrip", "text/vtt", "text/tab-separated-values", "text/markdown")
_QUOTED = ("Transcription", "Speech")
_JOBS: dict[str, dict[int, Any]] = {}
for _route, _name, _status in (
    ("transcriptions", "Transcription", 201),
    ("speech", "Speech", 202),
    ("alignments", "Alignment", 201),
    ("diarizations", "Diarization", 201),
    ("speaker-assignments", "SpeakerAssignment", 201),
):
    _JOBS |= {
        f"GET /v1/{_route}": {200: page(ref(_name))},
        f"POST /v1/{_route}": {_status: ref(_name)} | ({200: ref("Estimate")} if _name in _QUOTED else {}),
        f"GET /v1/{_route}/{{id}}": {200: ref(_name)},
        f"DELETE /v1/{_route}/{{id}}": {200: ref("Deleted")},
        f"POST /v1/{_route}/{{id}}/cancel": {200: ref(_name)},
        f"POST /v1/{_route}/{{id}}/retry": {200: ref(_name)},
    }

_EVENTS: Schema = {
    "type": "object",
    "description": "One server-sent event. message {message, reply}, delta {text}, then done {reply} or error (a problem, and reply as far as it came).",
    "properties": {"event": one_of("message", "delta", "done", "error"), "data": TEXT, "id": TEXT},
    "required": ["event", "data", "id"],
}
_JOB_EVENTS: Schema = {
    "type": "object",
    "description": "One server-sent event: status, progress (the job), segment or sentence, then done or failed (the job).",
    "properties": {
        "event": one_of("status", "progress", "segment", "sentence", "done", "failed"),
        "data": TEXT,
        "id": {"type": "string", "pattern": r"^\d+\.\d+(\.end)?$", "description": "For Last-Event-ID."},
    },
    "required": ["event", "data", "id"],
}
_CHUNKS: Schema = {
    "type": "object",
    "description": "One server-sent event: a chunk of OpenAI's, at the end [DONE]; or its error object.",
    "properties": {"data": TEXT},
    "required": ["data"],
}

_EXPORTS = {"application/json": ref("Export")} | dict.fromkeys(
    ("text/markdown", "text/plain", "text/csv", "text/html"), TEXT
)
_OPEN_AI_EVENTS: Schema = {
    "type": "object",
    "description": "One server-sent event of OpenAI's, named by the `type` in its data; or its error object.",
    "properties": {"data": TEXT},
    "required": ["data"],
}
_HEARD: dict[str, Schema] = {
    "application/json": {"anyOf": [ref("AudioText"), ref("AudioVerbose"), ref("AudioDiarized")]},
    "text/plain": TEXT,
    "text/vtt": TEXT,
}
_SPOKEN = ("audio/mpeg", "audio/ogg", "audio/aac", "audio/flac", "audio/wav", "audio/pcm")

ANSWERS: dict[str, dict[int, Any]] = {
    "POST /v1/auth/register": {201: ref("SignedIn")},
    "POST /v1/auth/login": {200: ref("SignedIn")},
    "POST /v1/auth/firebase": {200: ref("SignedIn")},
    "POST /v1/auth/refresh": {200: ref("SignedIn")},
    "POST /v1/auth/logout": {204: None},
    "POST /v1/auth/forgot-password": {202: ref("Accepted")},
    "POST /v1/auth/reset-password": {204: None},
    "GET /v1/auth/jwks.json": {200: ref("JsonWebKeys")},
    "GET /v1/auth/providers": {200: ref("Providers")},
    "GET /v1/auth/sessions": {200: page(ref("Session"))},
    "DELETE /v1/auth/sessions": {204: None},
    "DELETE /v1/auth/sessions/{id}": {204: None},
    "GET /v1/me": {200: ref("Profile")},
    "PATCH /v1/me": {200: ref("Profile")},
    "DELETE /v1/me": {200: ref("ErasureReceipt"), 202: ref("ErasureReceipt")},
    "GET /v1/me/usage": {200: ref("Usage")},
    "GET /v1/me/audit": {200: page(ref("AuditEntry"))},
    "POST /v1/me/password": {204: None},
    "GET /v1/api-keys": {200: page(ref("ApiKey"))},
    "POST /v1/api-keys": {201: ref("NewApiKey")},
    "DELETE /v1/api-keys/{id}": {204: None},
    "POST /v1/uploads": {201: ref("MediaUpload")},
    "GET /v1/uploads/{id}": {200: ref("PartedUpload")},
    "POST /v1/uploads/{id}/complete": {200: closed({"id": TEXT, "status": {"const": "complete"}})},
    **_JOBS,
    "GET /v1/media": {200: page(ref("Media"))},
    "GET /v1/media/{id}": {200: ref("WholeMedia")},
    "DELETE /v1/media/{id}": {200: ref("Deleted")},
    "GET /v1/media/{id}/edits": {200: page(ref("Media"))},
    "POST /v1/media/{id}/edits": {202: ref("Edit")},
    "POST /v1/media/{id}/commands": {200: ref("Understood"), 202: ref("Understood")},
    "GET /v1/edits": {200: page(ref("Edit"))},
    "GET /v1/edits/{id}": {200: ref("Edit")},
    "DELETE /v1/edits/{id}": {200: ref("Deleted")},
    "POST /v1/edits/{id}/cancel": {200: ref("Edit")},
    "POST /v1/edits/{id}/retry": {200: ref("Edit")},
    "PATCH /v1/transcriptions/{id}": {200: ref("Transcription")},
    "GET /v1/transcriptions/{id}/segments": {200: page(ref("Segment"))},
    "GET /v1/transcriptions/{id}/transcript": {
        200: {"application/json": ref("Transcript"), **dict.fromkeys(_TEXTS, TEXT)}
    },
    "GET /v1/alignments/{id}/segments": {200: page(ref("Segment"))},
    "GET /v1/diarizations/{id}/turns": {200: page(ref("Turn"))},
    "GET /v1/speaker-assignments/{id}/segments": {200: page(ref("Segment"))},
    "GET /v1/speech/{id}/marks": {
        200: closed({"id": an_id("job"), "status": _JOB["status"], "data": many(ref("Mark"))})
    },
    "GET /v1/transcriptions/{id}/events": {200: {"text/event-stream": _JOB_EVENTS}, 204: None},
    "GET /v1/speech/{id}/events": {200: {"text/event-stream": _JOB_EVENTS}, 204: None},
    "GET /v1/voices": {200: page(ref("Voice"))},
    "GET /v1/voices/{id}/sample": {200: ref("VoiceSample")},
    "POST /v1/audio/transcriptions": {
        200: {**_HEARD, "text/event-stream": _OPEN_AI_EVENTS},
        202: ref("Transcription"),
    },
    "POST /v1/audio/translations": {200: _HEARD, 202: ref("Transcription")},
    "POST /v1/audio/speech": {
        200: {
            **{kind: {"type": "string", "format": "binary"} for kind in _SPOKEN},
            "text/event-stream": _OPEN_AI_EVENTS,
        },
        202: ref("Speech"),
    },
    "GET /v1/audio/voices": {200: ref("AudioVoices")},
    "GET /v1/documents": {200: page(ref("Document"))},
    "POST /v1/documents": {201: ref("Document")},
    "GET /v1/documents/{id}": {200: ref("Document")},
    "PATCH /v1/documents/{id}": {200: ref("Document")},
    "DELETE /v1/documents/{id}": {200: ref("Deleted")},
    "GET /v1/documents/{id}/text": {200: {"application/json": page(ref("DocumentPage")), "text/plain": TEXT}},
    "POST /v1/documents/query": {200: ref("DocumentAnswer")},
    "GET /v1/models": {200: ref("Models")},
    "GET /v1/conversations": {200: page(ref("Conversation"))},
    "POST /v1/conversations": {201: ref("Conversation")},
    "GET /v1/conversations/{id}": {200: ref("Conversation")},
    "PATCH /v1/conversations/{id}": {200: ref("Conversation")},
    "DELETE /v1/conversations/{id}": {200: ref("Deleted")},
    "GET /v1/conversations/{id}/messages": {200: page(ref("Message"))},
    "POST /v1/conversations/{id}/messages": {
        200: {"text/event-stream": _EVENTS},
        201: {"application/json": ref("Exchange")},
    },
    "POST /v1/conversations/{id}/messages/stream": {200: {"text/event-stream": _EVENTS}},
    "GET /v1/conversations/{id}/export": {200: _EXPORTS},
    "POST /v1/conversations/{id}/export": {200: _EXPORTS},
    "POST /v1/conversations/{id}/runs": {202: ref("Run")},
    "GET /v1/runs": {200: page(ref("Run"))},
    "GET /v1/runs/{id}": {200: ref("Run")},
    "POST /v1/runs/{id}/cancel": {200: ref("Run")},
    "POST /v1/chat/completions": {200: {"application/json": ref("Completion"), "text/event-stream": _CHUNKS}},
    "GET /v1/search": {200: page(ref("Hit"))},
    "GET /v1/presets": {200: page(ref("Preset"))},
    "POST /v1/presets": {201: ref("Preset")},
    "DELETE /v1/presets/{id}": {204: None},
    "GET /v1/admin/users": {200: page(ref("ManagedUser"))},
    "GET /v1/admin/users/{id}": {200: ref("ManagedUser")},
    "PATCH /v1/admin/users/{id}": {200: ref("ManagedUser")},
    "DELETE /v1/admin/users/{id}/sessions": {204: None},
    "GET /v1/admin/audit": {200: page(ref("AuditEntry"))},
    "GET /v1/admin/tiers": {200: page(ref("Tier"))},
    "GET /v1/admin/jobs": {200: page(ref("ManagedJob"))},
    "GET /v1/admin/jobs/{id}": {200: ref("ManagedJob")},
    "GET /v1/admin/queues": {200: page(ref("Queue"))},
    "POST /v1/admin/queues/{id}/redrive": {200: closed({"name": TEXT, "moved": COUNT})},
    "GET /v1/admin/metrics": {200: ref("Metrics")},
    "GET /v1/devices": {200: page(ref("Device"))},
    "POST /v1/devices": {201: ref("NewDeviceKey")},
    "GET /v1/devices/{id}": {200: ref("Device")},
    "PATCH /v1/devices/{id}": {200: ref("Device")},
    "DELETE /v1/devices/{id}": {200: ref("Deleted")},
    "GET /v1/devices/{id}/commands": {200: page(ref("CommandEntry"))},
    "POST /v1/devices/{id}/commands": {201: ref("Command")},
    "GET /v1/devices/{id}/commands/{command_id}": {200: ref("Command")},
    **{
        f"POST /v1/devices/{{id}}/commands/{{command_id}}/{_step}": {200: ref("Command")}
        for _step in ("confirm", "cancel", "acknowledge", "result")
    },
    "GET /v1/webhooks": {200: page(ref("Webhook"))},
    "POST /v1/webhooks": {201: ref("NewWebhookSecret")},
    "GET /v1/webhooks/{id}": {200: ref("Webhook")},
    "PATCH /v1/webhooks/{id}": {200: ref("Webhook")},
    "DELETE /v1/webhooks/{id}": {204: None},
    "POST /v1/webhooks/{id}/test": {202: ref("Delivery")},
    "POST /v1/webhooks/{id}/rotate-secret": {200: ref("NewWebhookSecret")},
    "GET /v1/me/webhook-secret": {200: ref("AccountWebhookSecret")},
    "POST /v1/me/webhook-secret/rotate": {200: ref("AccountWebhookSecret")},
    "GET /v1/webhook_endpoints": {
        200: closed(
            {
                "object": {"const": "list"},
                "data": many(ref("WebhookEndpoint")),
                "first_id": maybe(TEXT),
                "last_id": maybe(TEXT),
                "has_more": FLAG,
            }
        )
    },
    "POST /v1/webhook_endpoints": {200: ref("WebhookEndpointWithSecret")},
    "GET /v1/webhook_endpoints/{id}": {200: ref("WebhookEndpoint")},
    "POST /v1/webhook_endpoints/{id}": {200: ref("WebhookEndpoint")},
    "DELETE /v1/webhook_endpoints/{id}": {
        200: closed({"id": TEXT, "object": {"const": "webhook_endpoint.deleted"}, "deleted": {"const": True}})
    },
    "POST /v1/webhook_endpoints/{id}/rotate_secret": {200: ref("WebhookEndpointWithSecret")},
    "POST /v1/webhook_endpoints/{id}/test": {
        200: closed(
            {
                "object": {"const": "webhook_endpoint.test"},
                "webhook_endpoint_id": TEXT,
                "event_type": TEXT,
                "status_code": COUNT,
                "success": {"const": True},
            }
        )
    },
    "GET /v1/webhook_event_types": {200: closed({"object": {"const": "list"}, "data": many(TEXT)})},
    "GET /v1/webhooks/{id}/deliveries": {200: page(ref("Delivery"))},
    "POST /v1/webhooks/{id}/replay": {202: closed({"queued": COUNT, "next_since": maybe(TIME)})},
    "POST /v1/deliveries/{id}/redeliver": {202: ref("Delivery")},
    "GET /v1/health": {200: ref("Health")},
    "GET /v1/health/live": {200: ref("Live")},
    "GET /v1/health/ready": {200: ref("Ready"), 503: ref("Ready")},
    "GET /v1/openapi.json": {200: ANYTHING},
    "GET /v1/docs": {200: {"text/html": TEXT}},
    "GET /v1/docs/errors": {200: {"text/html": TEXT}},
}
"""By route and status: the schema of a JSON answer, schemas by content type, or None for no body."""


def _event_data(event_type: str) -> Schema:
    """``data`` of an event. Fields may be added to it, none goes away."""
    kind, _, step = event_type.rpartition(".")
    fields: Schema = {}
    optional: Schema = {}
    if kind == "media" and step != "edited":
        fields: Schema = {"id": an_id("med"), "status": TEXT, "error": _EVENT_ERROR, "links": _links("self")}
    elif kind == "message":
        fields = {
            **_sequenced("msg", "message"),
            "role": TEXT,
            "conversation_id": an_id("conv"),
            "links": _links("self"),
        }
    elif kind == "device.command":
        fields = {
            **_sequenced("cmd", "device_command"),
            "device_id": an_id("dev"),
            "origin": TEXT,
            "run_id": maybe(an_id("run")),
            "links": _links("self"),
        }
    elif event_type == "webhook.test":
        fields = {"id": an_id("whk"), "kind": {"const": "webhook"}, "links": _links("self")}
    elif kind == "webhook":
        reason = one_of("gone", "failing")
        fields = {**_sequenced("whk", "webhook"), "reason": reason, "links": _links("self", "deliveries")}
    elif kind == "user":
        if step == "quota_reached":
            fields = {"counter": TEXT, "month": TEXT, "tier": TEXT}
            optional = {"key_id": {**an_id("key"), "description": "Of the API key whose budget it is."}}
    else:
        kind = "edit" if event_type == "media.edited" else kind
        prefix = {"run": "run", "document": "doc"}.get(kind, "job")
        fields = {
            **_sequenced(prefix, kind),
            "progress": {"type": "number", "minimum": 0, "maximum": 100},
            "error": _EVENT_ERROR,
            "metadata": ANYTHING,
            "links": _links("self", "messages") if kind == "run" else _links("self"),
            **({"conversation_id": an_id("conv")} if kind == "run" else {"attempts": COUNT}),
        }
    return {"type": "object", "properties": {**fields, **optional}, "required": list(fields)}


def _sequenced(prefix: str, kind: str) -> Schema:
    grows = {**COUNT, "description": "Grows with every change of this thing: the higher one is the newer one."}
    return {"id": an_id(prefix), "kind": {"const": kind}, "status": TEXT, "sequence": grows}


def _links(*names: str) -> Schema:
    path = {"type": "string", "pattern": "^/v1/"}
    return {
        "type": "object",
        "properties": dict.fromkeys(names, path),
        "required": list(names),
        "additionalProperties": path,
    }


_EVENT_ERROR = maybe(closed({"code": TEXT, "detail": TEXT}))
PAYLOADS = {
    name: closed({"type": {"const": name}, "timestamp": TIME, "data": _event_data(name)})
    for name in (*EVENT_TYPES, TEST_EVENT)
}
"""By event: the body of a webhook request."""
