import type { Ctx } from '#kernel/context.ts'
import { bigintArray, byteaArray, textArray, timestampArray, uuidArray } from '#kernel/db/binary.ts'
import type { Db, Tx } from '#kernel/db/index.ts'
import { sqlInsertJournals } from '#modules/ledger/index.ts'
import { type InsertPending, sqlInsertPending } from '#modules/trail/index.ts'
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

const EVENT: InsertPending = {
  source: 'chosen',
  // One such event per attempt ever: its id serves, and a second one cannot be written.
  id: 's.about',
  at: '$6',
  type: 'payments.order_paid',
  version: 1,
  actorKind: '$7',
  actorId: '$8',
  subjectKind: 'order',
  subjectId: 's.order_id',
  requestId: '$9',
  body: `s.paid_event || to_json(s.txn_no) || '}'`,
}

const EVENT_KEPT = `
kept as (
  insert into payments.channel_event (tenant_id, channel, event_key, attempt_id, received_at, raw, headers)
  select $1, s.channel, s.event_key, s.about, $6, s.raw, s.headers from chosen s where s.event_key is not null
  on conflict do nothing),`

const FACT = 'attempt_id, txn_no, amount_fen, paid_at'
const ARRAYS = '$2::uuid[], $3::text[], $4::bigint[], $5::timestamptz[]'
const ONE = `(select $2::uuid, $3::text, $4::bigint, $5::timestamptz, 1) as f(${FACT}, place)`
const MANY = `unnest(${ARRAYS}) with ordinality as f(${FACT}, place)`
const MANY_WITH_EVENTS = `unnest(${ARRAYS}, $11::text[], $12::bytea[], $13::text[]) with ordinality as f(${FACT}, event_key, raw, headers, place)`

/**
 * The confirmation as one statement over arrays, so that one round trip and one commit serve many payers.
 * The update of the order is the guard: it waits for its row, looks again whether the order is open, and takes one attempt
 * of it; everything after happens for what it returned and is unconditional. The journal's key is the channel's number, so
 * that one number is booked once, whatever it is told for. An attempt missing from the answer was not
 * applied: late, duplicate, or another amount (slow path). Facts come sorted, so that two statements lock in one order.
 * Parameters: tenant; attempt, txn number, amount, paid at (arrays unless it is one); now, actor kind, actor id,
 * request id; unless it is one, number of facts; and with events the arrays of event key (null for none), raw bytes and headers.
 * The answer is null when every fact was applied, the usual case, else the places, from 1, of those that were.
 */
const confirmText = (facts: string, withEvents = false): string => `
with chosen as (
  update payments."order" o set state = ${ORDER.paid}, paid_fen = a.amount_fen, paid_at = f.paid_at, paid_attempt_id = a.id,
    paid_txn_no = f.txn_no, version = o.version + 1
  from ${facts}
  join payments.attempt a on a.tenant_id = $1 and a.id = f.attempt_id
  where o.tenant_id = $1 and o.id = a.order_id and o.state = ${ORDER.open} and not o.mismatch and o.amount_fen = a.amount_fen
    and a.amount_fen = f.amount_fen and a.state <> ${ATTEMPT.succeeded}
  returning f.place, a.id as about, a.channel || ':' || f.txn_no as ref, o.id as order_id, f.txn_no, f.paid_at as at, a.posting_accounts as accounts,
    a.posting_amounts as amounts, a.paid_event${withEvents ? ', a.channel, f.event_key, f.raw, f.headers' : ''}),
${withEvents ? EVENT_KEPT : ''}
journal as (${sqlInsertJournals('chosen', 'PAY', 'fen')})${
  facts === ONE
    ? sqlInsertPending(EVENT, 'one')
    : `,
pending as (${sqlInsertPending(EVENT)})
select case when count(*) < $10::integer then array(select place::integer from chosen) end as applied from chosen`
}`

const CONFIRM_ONE = confirmText(ONE)
const CONFIRM_MANY = confirmText(MANY)
const CONFIRM_WITH_EVENTS = confirmText(MANY_WITH_EVENTS, true)

/** Runs the statement for many facts at once. Answers for each, in the order given, whether it was applied. */
export async function confirmMany(db: Db, ctx: Ctx, facts: readonly PaidFact[]): Promise<boolean[]> {
  const [first] = facts
  if (facts.length === 1 && !first!.event) return [await confirmOne(db, ctx, first!)]
  // Where each stands in the call: the statement names those applied by their place among the sorted.
  const places = facts.map((_, i) => i).sort((a, b) => (facts[a]!.attemptId < facts[b]!.attemptId ? -1 : 1))
  const sorted = places.map(i => facts[i]!)
  const values: unknown[] = [
    ctx.tenantId,
    uuidArray(sorted.map(f => f.attemptId)),
    textArray(sorted.map(f => f.txnNo)),
    bigintArray(sorted.map(f => f.amountFen)),
    timestampArray(sorted.map(f => f.paidAt)),
    ...whoAndWhen(ctx),
    facts.length,
  ]
  const withEvents = sorted.some(f => f.event)
  if (withEvents)
    values.push(
      textArray(sorted.map(({ event }) => event?.key ?? null)),
      byteaArray(sorted.map(({ event }) => event?.raw ?? null)),
      textArray(sorted.map(({ event }) => event?.headers ?? null)),
    )
  const [name, text] = withEvents ? ['payments_confirm_events', CONFIRM_WITH_EVENTS] : ['payments_confirm_many', CONFIRM_MANY]
  const { rows } = await db.statement<{ applied: number[] | null }>(name!, text!, values)
  const { applied } = rows[0]!
  if (!applied) return facts.map(() => true)
  const answers = facts.map(() => false)
  for (const place of applied) answers[places[place - 1]!] = true
  return answers
}

/** For one fact the statement ends with the insert of its event: one row if it was applied, none if not. */
async function confirmOne(db: Db, ctx: Ctx, { attemptId, txnNo, amountFen, paidAt }: PaidFact): Promise<boolean> {
  const values = [ctx.tenantId, attemptId, txnNo, amountFen, paidAt.toISOString(), ...whoAndWhen(ctx)]
  return (await db.statement('payments_confirm_one', CONFIRM_ONE, values)).count === 1
}

/** The same within the caller's transaction, for money that is taken and booked in one act. */
export async function confirmIn(tx: Tx, ctx: Ctx, { attemptId, txnNo, amountFen, paidAt }: PaidFact): Promise<boolean> {
  const values = [ctx.tenantId, attemptId, txnNo, amountFen, paidAt.toISOString(), ...whoAndWhen(ctx)]
  return (await tx.client.query({ name: 'payments_confirm_one', text: CONFIRM_ONE, values })).rowCount === 1
}

const whoAndWhen = ({ kernel, actor, requestId }: Ctx): string[] => [kernel.clock.now().toISOString(), actor.kind, actor.id, requestId]
