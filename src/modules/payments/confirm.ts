import type { Ctx } from '#kernel/context.ts'
import type { Db } from '#kernel/db/index.ts'
import { sqlInsertJournals } from '#modules/ledger/index.ts'
import { sqlInsertPending } from '#modules/trail/index.ts'
import { ATTEMPT, ORDER } from './model.ts'

/** A verified fact of a channel: this attempt was paid, this much, under this number of theirs. */
export interface PaidFact {
  readonly attemptId: string
  readonly txnNo: string
  readonly amountFen: number
  readonly paidAt: Date
  /** The notification it came in, kept with the fact; absent when the fact came from a query. */
  readonly event?: { readonly key: string; readonly raw: Buffer; readonly headers: string }
}

const PENDING = sqlInsertPending({
  source: 'chosen',
  // One such event per attempt ever: its id serves, and a second one cannot be written.
  id: 's.ref',
  at: '$6',
  type: 'payments.order_paid',
  version: 1,
  actorKind: '$7',
  actorId: '$8',
  subjectKind: 'order',
  subjectId: 's.order_id::text',
  requestId: '$9',
  body: `jsonb_build_object('attempt', s.ref, 'channel', s.channel, 'txn', s.txn_no, 'amount_fen', s.amount_fen, 'accounts', s.accounts, 'amounts', s.amounts)`,
})

const EVENT_KEPT = `
kept as (
  insert into payments.channel_event (tenant_id, channel, event_key, attempt_id, received_at, raw, headers)
  select $1, s.channel, s.event_key, s.ref, $6, s.raw, s.headers::jsonb from chosen s where s.event_key is not null
  on conflict do nothing),`

const FACT = 'attempt_id, txn_no, amount_fen, paid_at'
const ONE = `(select $2::uuid, $3::text, $4::bigint, $5::timestamptz) as f(${FACT})`
const MANY = `unnest($2::uuid[], $3::text[], $4::bigint[], $5::timestamptz[]) as f(${FACT})`
const MANY_WITH_EVENTS = `unnest($2::uuid[], $3::text[], $4::bigint[], $5::timestamptz[], $10::text[], $11::bytea[], $12::text[])
    as f(${FACT}, event_key, raw, headers)`

/**
 * The confirmation as one statement over arrays, so that one round trip and one commit serve many payers.
 * The update of the order is the guard: it waits for its row, looks again whether the order is open, and takes one attempt
 * of it; everything after happens for what it returned and is unconditional. An attempt missing from the answer was not
 * applied: late, duplicate, or another amount (slow path). Facts come sorted, so that two statements lock in one order.
 * Parameters: tenant; attempt, txn number, amount, paid at (arrays unless it is one); now, actor kind, actor id, request
 * id; and with events the arrays of event key (null for none), raw bytes and headers.
 */
const confirmText = (facts: string, withEvents = false): string => `
with chosen as (
  update payments."order" o set state = ${ORDER.paid}, paid_fen = a.amount_fen, paid_at = f.paid_at, version = o.version + 1
  from ${facts}
  join payments.attempt a on a.tenant_id = $1 and a.id = f.attempt_id
  where o.tenant_id = $1 and o.id = a.order_id and o.state = ${ORDER.open} and o.amount_fen = a.amount_fen
    and a.amount_fen = f.amount_fen and a.state <> ${ATTEMPT.succeeded}
  returning a.id as ref, o.id as order_id, f.txn_no, f.paid_at as at, a.channel, a.amount_fen, a.posting_accounts as accounts, a.posting_amounts as amounts
    ${withEvents ? ', f.event_key, f.raw, f.headers' : ''}),
done as (
  update payments.attempt a set state = ${ATTEMPT.succeeded}, txn_no = s.txn_no, succeeded_at = s.at
  from chosen s where a.tenant_id = $1 and a.id = s.ref),
txn as (
  insert into payments.channel_txn (tenant_id, channel, txn_no, attempt_id, amount_fen)
  select $1, s.channel, s.txn_no, s.ref, s.amount_fen from chosen s),${withEvents ? EVENT_KEPT : ''}
journal as (${sqlInsertJournals('chosen', 'PAY', 'fen')}),
pending as (${PENDING})
select ref as "attemptId", order_id as "orderId" from chosen`

const CONFIRM_ONE = confirmText(ONE)
const CONFIRM_MANY = confirmText(MANY)
const CONFIRM_WITH_EVENTS = confirmText(MANY_WITH_EVENTS, true)

const byAttempt = (a: PaidFact, b: PaidFact): number => (a.attemptId < b.attemptId ? -1 : 1)

interface Applied {
  readonly attemptId: string
  readonly orderId: string
}

/** Runs the statement for many facts at once. Answers the attempts it applied, with their orders. */
export async function confirmMany(db: Db, ctx: Ctx, unsorted: readonly PaidFact[]): Promise<Map<string, string>> {
  const who = [ctx.kernel.clock.now(), ctx.actor.kind, ctx.actor.id, ctx.requestId]
  const [first] = unsorted
  if (unsorted.length === 1 && !first!.event) {
    const values = [ctx.tenantId, first!.attemptId, first!.txnNo, first!.amountFen, first!.paidAt, ...who]
    return asMap(await db.statement<Applied>('payments_confirm_one', CONFIRM_ONE, values))
  }
  const facts = [...unsorted].sort(byAttempt)
  const values: unknown[] = [
    ctx.tenantId,
    arrayText(facts.map(f => f.attemptId)),
    facts.map(f => f.txnNo),
    arrayText(facts.map(f => f.amountFen)),
    arrayText(facts.map(f => f.paidAt.toISOString())),
    ...who,
  ]
  if (!facts.some(f => f.event)) return asMap(await db.statement<Applied>('payments_confirm_many', CONFIRM_MANY, values))
  values.push(
    facts.map(f => f.event?.key ?? null),
    facts.map(f => f.event?.raw ?? null),
    facts.map(f => f.event?.headers ?? null),
  )
  return asMap(await db.statement<Applied>('payments_confirm_events', CONFIRM_WITH_EVENTS, values))
}

const asMap = (rows: readonly Applied[]): Map<string, string> => new Map(rows.map(row => [row.attemptId, row.orderId]))

/** Array literal of values that need no quoting; the driver's own way looks at each character. */
const arrayText = (values: readonly (string | number)[]): string => `{${values.join(',')}}`
