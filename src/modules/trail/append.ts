import { hash } from 'node:crypto'
import type { z } from 'zod'
import { canonicalJson } from '#engines/hashtree/index.ts'
import type { Ctx, Kernel } from '#kernel/context.ts'
import type { Db, Tx } from '#kernel/db/index.ts'
import { newId } from '#kernel/id.ts'
import { type BodyInput, type EventDef, type PersonalInput, requestRefused } from './events.ts'

/** Largest body in bytes of canonical JSON; an event names facts, it does not carry files. */
const BODY_BYTES_MAX = 8_192
const SALT_BYTES = 32
const ID_CHARS_MAX = 200

/** One event on its way to trail.pending. */
interface PendingRow {
  readonly tenant_id: number
  readonly id: string
  readonly at: Date
  readonly type: string
  readonly version: number
  readonly actor_kind: string
  readonly actor_id: string
  readonly subject_kind: string
  readonly subject_id: string
  readonly request_id: string
  /** Canonical JSON text. */
  readonly body: string
}

export interface AppendInput<B extends z.ZodObject, P extends string> {
  readonly subjectId: string
  readonly body: BodyInput<B, P>
  readonly personal?: PersonalInput<B, P>
}

interface PrivateRow {
  readonly field: string
  readonly salt: Buffer
  readonly value: Buffer
}

const COLUMNS = 'tenant_id, id, at, type, version, actor_kind, actor_id, subject_kind, request_id, ids, subject_ids, bodies'

const SQL_APPEND = `
  insert into trail.pending (${COLUMNS})
  values ($1, $2, $3, $4, $5, $6, $7, $8, $10, array[$2::uuid], array[$9::text], array[$11::text])`

/** base64(SHA-256(salt || canonical value)): what stands in the tree for a personal value. */
export const commitment = (salt: Uint8Array, value: unknown): string =>
  hash('sha256', Buffer.concat([salt, Buffer.from(canonicalJson(value), 'utf8')]), 'base64')

const SEQUENCE_MAX = 2 ** 26 - 1
const sequences = new WeakMap<Kernel, { at: number; next: number }>()

/**
 * UUID version 7 whose first 26 random bits count within the millisecond (RFC 9562, 6.2), so that what one process
 * records in one transaction keeps its order in the trail.
 */
export function eventId(kernel: Kernel, at: Date): string {
  const last = sequences.get(kernel)
  const number = last?.at === at.getTime() ? Math.min(last.next, SEQUENCE_MAX) : 0
  sequences.set(kernel, { at: at.getTime(), next: number + 1 })
  const id = newId({ now: () => at }, kernel.random)
  const high = Math.floor(number / 0x4000)
    .toString(16)
    .padStart(3, '0')
  const low = (0x8000 + (number % 0x4000)).toString(16)
  return `${id.slice(0, 15)}${high}-${low}${id.slice(23)}`
}

export const privateCell = (entryId: string, field: string): string => `trail|private|${entryId}|${field}`

function prepare<B extends z.ZodObject, P extends string>(
  ctx: Ctx,
  def: EventDef<B, P>,
  input: AppendInput<B, P>,
): { row: PendingRow; secrets: PrivateRow[] } {
  const parsed: Record<string, unknown> = def.body.parse({ ...input.body, ...input.personal })
  const at = ctx.kernel.clock.now()
  const id = eventId(ctx.kernel, at)
  const secrets: PrivateRow[] = []
  const body = { ...parsed }
  for (const field of def.personal) {
    const value = parsed[field]
    if (value === undefined || value === null) continue
    const salt = ctx.kernel.random.bytes(SALT_BYTES)
    body[field] = commitment(salt, value)
    secrets.push({ field, salt, value: ctx.kernel.vault.seal(ctx.tenantId, privateCell(id, field), canonicalJson(value)) })
  }
  const text = canonicalJson(body)
  if (Buffer.byteLength(text) > BODY_BYTES_MAX)
    throw new RangeError(`${def.type}: body of ${Buffer.byteLength(text)} bytes, at most ${BODY_BYTES_MAX}`)
  if (input.subjectId.length === 0 || input.subjectId.length > ID_CHARS_MAX)
    throw new RangeError(`${def.type}: subject id of ${input.subjectId.length} characters`)
  const row: PendingRow = {
    tenant_id: ctx.tenantId,
    id,
    at,
    type: def.type,
    version: def.version,
    actor_kind: ctx.actor.kind,
    actor_id: ctx.actor.id,
    subject_kind: def.subject,
    subject_id: input.subjectId,
    request_id: ctx.requestId,
    body: text,
  }
  return { row, secrets }
}

const valuesOf = (row: PendingRow): unknown[] => [
  row.tenant_id,
  row.id,
  row.at,
  row.type,
  row.version,
  row.actor_kind,
  row.actor_id,
  row.subject_kind,
  row.subject_id,
  row.request_id,
  row.body,
]

/**
 * Puts one event on the trail within the caller's transaction; it gets its index when the sequencer comes by.
 * Returns the id by which `proveEntry` finds it. Throws ZodError or CanonicalError for a body that does not fit: a bug.
 */
export async function append<B extends z.ZodObject, P extends string>(
  tx: Tx,
  ctx: Ctx,
  def: EventDef<B, P>,
  input: AppendInput<B, P>,
): Promise<string> {
  const { row, secrets } = prepare(ctx, def, input)
  await tx.prepared('trail_append', SQL_APPEND, valuesOf(row))
  for (const { field, salt, value } of secrets) {
    await tx.prepared(
      'trail_append_private',
      'insert into trail.private (tenant_id, entry_id, field, salt, value) values ($1, $2, $3, $4, $5)',
      [ctx.tenantId, row.id, field, salt, value],
    )
  }
  return row.id
}

/** Where the events of a statement come from. Expressions of `at`, actor and request see the caller's parameters only; the rest also `s`, a row of `source`. */
export interface InsertPending {
  /** CTE or table with one row per event. */
  readonly source: string
  readonly id: string
  readonly at: string
  /** Plain name, not an expression. */
  readonly type: string
  readonly version: number
  readonly actorKind: string
  readonly actorId: string
  /** Plain name, not an expression. */
  readonly subjectKind: string
  readonly subjectId: string
  readonly requestId: string
  /** Text of a JSON object. */
  readonly body: string
}

/**
 * Text of an insert of one event per row of a CTE of the caller's, for statements whose events are known only inside
 * them: all of them in one pending row, which is what makes a batch cheap; `most: 'one'` spares a source of at most one
 * row the gathering. $1 is the tenant. The body is not validated here: its shape is the caller's to test, and one without
 * canonical form is quarantined when sealed. Throws Error for a type or subject kind that is not a plain name.
 */
export function sqlInsertPending(from: InsertPending, most: 'one' | 'many' = 'many'): string {
  if (!/^[a-z_]+\.[a-z_]+$/.test(from.type) || !/^[a-z_]+$/.test(from.subjectKind))
    throw new Error(`not plain names: ${from.type}, ${from.subjectKind}`)
  const id = `(${from.id})::uuid`
  const subject = `(${from.subjectId})::text`
  const body = `(${from.body})::text`
  const gathered = `(select array_agg(${id}) as ids, array_agg(${subject}) as subject_ids, array_agg(${body}) as bodies from ${from.source} s) q
  where q.ids is not null`
  const [first, ids, rows] =
    most === 'one'
      ? [id, `array[${id}], array[${subject}], array[${body}]`, `${from.source} s`]
      : ['q.ids[1]', 'q.ids, q.subject_ids, q.bodies', gathered]
  return `insert into trail.pending (${COLUMNS})
  select $1::integer, ${first}, (${from.at})::timestamptz, '${from.type}', ${Number(from.version)}::smallint, (${from.actorKind})::text,
         (${from.actorId})::text, '${from.subjectKind}', (${from.requestId})::text, ${ids}
  from ${rows}`
}

export interface Refusal {
  /** Error code given to the caller. */
  readonly code: string
  /** Route or use case that refused. */
  readonly place: string
  /** What it was about, where known; otherwise the request itself. */
  readonly subject?: string
}

/** Untrusted text cut to size and made storable. */
const tame = (text: string): string => text.toWellFormed().replaceAll('\0', '').slice(0, ID_CHARS_MAX).toWellFormed()

/** Records that a call was refused, in a small transaction of its own; callers limit the rate. Returns the entry's id. */
export function refuse(db: Db, ctx: Ctx, { code, place, subject }: Refusal): Promise<string> {
  const subjectId = tame(subject ?? '') || ctx.requestId
  return db.tx(ctx.tenantId, tx => append(tx, ctx, requestRefused, { subjectId, body: { code: tame(code), place: tame(place) } }))
}
