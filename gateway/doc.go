/*
Weir is a mail filtering gateway: mail comes in by SMTP, WebAssembly plugins
judge it under an HCL policy, and it is delivered while the client waits, or
queued durably.

# A message's life

	client ──SMTP──▶ smtpd ──▶ flow ──▶ filter (wazero) ──findings──▶ policy
	                            │                                      │
	                            ◀───────────── decision ───────────────┘
	                            │
	       ┌────────────────────┼───────────────────────┐
	   refuse 5xx/451     deliver directly        take over, 250
	   (nothing kept)     (client waits)          (durable first)
	                            │                       │
	                            ▼                       ▼
	                        deliver ◀──── queue ◀──── store (Badger + files)
	                            │            ▲
	                            ▼            │
	                       destination    operators: CLI, API ──▶ actions

# A recipient's states

	accepted ──▶ queued ──▶ delivered | released | auto-released
	   │  ▲        │  ▲
	   │  │        │  └── thaw, retry ── queue-frozen
	   │  └ retry  ├──▶ bounced, delivery-failed        (destination said never)
	   │           ├──▶ queue-bounced, queue-expired    (lifetime over, operator)
	   ▼           └──▶ queue-removed                   (operator)
	stalled, quarantined ── force, release ──▶ queued
	   └──▶ quarantine-removed, quarantine-expired

Refused at once: rejected (5xx) and not-accepted (4xx, or the client left).
Accepted and dropped by policy: blackholed.

The rooms are the packages of gateway/internal; RATIONALE.md says why they
are as they are, and docs/ is for operators and plugin authors.
*/
package main
