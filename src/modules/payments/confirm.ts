import type { Ctx } from '#kernel/context.ts'
import type { Db } from '#kernel/db/index.ts'
import { newId } from '#kernel/id.ts'
import { sqlInsertEntries, sqlInsertJournals } from '#modules/ledger/index.ts'
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

/**
 * The confirmation as one statement over arrays, so that one round trip and one commit serve many payers.
 * Locks the orders in id order and keeps those still open, then at most one attempt per order; everything after is
 * unconditional. An attempt missing from the answer was not applied: late, duplicate, or another amount (slow path).
 * Parameters: tenant, then arrays of attempt, txn number, amount, paid at, journal id, trail id; then now, actor kind,
 * actor id, request id; then arrays of event key (null for none), raw bytes and headers.
 */
const CONFIRM = `
with fact as (
  select f.attempt_id, f.txn_no, f.paid_at as at, f.journal_id, f.trail_id, f.event_key, f.raw, f.headers,
         a.order_id, a.channel, a.amount_fen, a.posting_accounts as accounts, a.posting_amounts as amounts, a.id as ref
  from unnest($2::uuid[], $3::text[], $4::bigint[], $5::timestamptz[], $6::uuid[], $7::uuid[], $12::text[], $13::bytea[], $14::text[])
    as f(attempt_id, txn_no, amount_fen, paid_at, journal_id, trail_id, event_key, raw, headers)
  join payments.attempt a on a.tenant_id = $1 and a.id = f.attempt_id
  where a.amount_fen = f.amount_fen and a.state <> ${ATTEMPT.succeeded}),
open_order as materialized (
  select o.id, o.amount_fen from payments."order" o
  where o.tenant_id = $1 and o.id = any(select order_id from fact) and o.state = ${ORDER.open}
  order by o.id for update),
chosen as materialized (
  select distinct on (f.order_id) f.* from fact f join open_order o on o.id = f.order_id and o.amount_fen = f.amount_fen
  order by f.order_id, f.at, f.attempt_id),
paid_order as (
  update payments."order" o set state = ${ORDER.paid}, paid_fen = c.amount_fen, paid_at = c.at, version = o.version + 1
  from chosen c where o.tenant_id = $1 and o.id = c.order_id),
done as (
  update payments.attempt a set state = ${ATTEMPT.succeeded}, txn_no = c.txn_no, succeeded_at = c.at
  from chosen c where a.tenant_id = $1 and a.id = c.attempt_id),
txn as (
  insert into payments.channel_txn (tenant_id, channel, txn_no, attempt_id, amount_fen)
  select $1, c.channel, c.txn_no, c.attempt_id, c.amount_fen from chosen c),
kept as (
  insert into payments.channel_event (tenant_id, channel, event_key, attempt_id, received_at, raw, headers)
  select $1, c.channel, c.event_key, c.attempt_id, $8, c.raw, c.headers::jsonb from chosen c where c.event_key is not null
  on conflict do nothing),
journal as (${sqlInsertJournals('chosen', 'PAY', 'fen')}),
entry as (${sqlInsertEntries('chosen')}),
pending as (${sqlInsertPending({
  source: 'chosen',
  id: 's.trail_id',
  at: '$8',
  type: 'payments.order_paid',
  version: 1,
  actorKind: '$9',
  actorId: '$10',
  subjectKind: 'order',
  subjectId: 's.order_id::text',
  requestId: '$11',
  body: `jsonb_build_object('attempt', s.attempt_id, 'channel', s.channel, 'txn', s.txn_no, 'amount_fen', s.amount_fen,
    'accounts', to_jsonb(s.accounts), 'amounts', to_jsonb(s.amounts))`,
})})
select attempt_id as "attemptId", order_id as "orderId" from chosen`

/** Runs the statement for many facts at once. Answers the attempts it applied, with their orders. */
export async function confirmMany(db: Db, ctx: Ctx, facts: readonly PaidFact[]): Promise<Map<string, string>> {
  const { clock, random } = ctx.kernel
  const rows = await db.statement<{ attemptId: string; orderId: string }>('payments_confirm', CONFIRM, [
    ctx.tenantId,
    facts.map(f => f.attemptId),
    facts.map(f => f.txnNo),
    facts.map(f => f.amountFen),
    facts.map(f => f.paidAt),
    facts.map(() => newId(clock, random)),
    facts.map(() => newId(clock, random)),
    clock.now(),
    ctx.actor.kind,
    ctx.actor.id,
    ctx.requestId,
    facts.map(f => f.event?.key ?? null),
    facts.map(f => f.event?.raw ?? null),
    facts.map(f => f.event?.headers ?? null),
  ])
  return new Map(rows.map(row => [row.attemptId, row.orderId]))
}
