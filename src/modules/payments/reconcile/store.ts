import { type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { sqlMovements } from '#modules/ledger/index.ts'
import { BREAKS_MAX, type BreakClass, type BreakReason, type Difference, type Resolution, type Severity } from './model.ts'
import type { Totals } from './stage.ts'

export interface StatementRow extends Totals {
  readonly id: string
  readonly channel: string
  readonly mchid: string
  readonly day: string
  readonly name: string
  readonly receivedAt: Date
}

export interface BreakRow {
  readonly id: string
  readonly channel: string
  readonly mchid: string
  readonly day: string
  readonly class: BreakClass
  readonly severity: Severity
  readonly ref: string
  readonly ourNo: string
  readonly about: string | null
  readonly line: number | null
  readonly statedFen: number | null
  readonly bookedFen: number | null
  readonly happenedAt: Date
  readonly openedAt: Date
  readonly tries: number
  readonly taskId: string | null
  /** Its money is in suspense: nothing of ours explains it. */
  readonly isSuspended: boolean
  /** Who decided first about a grave break; a second person makes it count. */
  readonly proposedBy: string | null
  readonly resolution: Resolution | null
  readonly reason: BreakReason | null
  readonly note: string | null
  readonly resolvedBy: string | null
  readonly resolvedAt: Date | null
}

const BREAK_COLUMNS = sql`b.id, b.channel, b.mchid, b.day, b.class, b.severity, b.ref, b.our_no as "ourNo", b.about, b.line, b.stated_fen as "statedFen",
  b.booked_fen as "bookedFen", b.happened_at as "happenedAt", b.opened_at as "openedAt", b.tries, b.task_id as "taskId", b.proposed_by as "proposedBy",
  b.resolution, b.reason, b.note, b.resolved_by as "resolvedBy", b.resolved_at as "resolvedAt",
  exists (select from payments.unidentified u where u.tenant_id = b.tenant_id and u.break_id = b.id and u.closed_at is null) as "isSuspended"`
const STATEMENT_COLUMNS = sql`s.id, s.channel, s.mchid, s.day, s.name, s.rows, s.paid_fen as "paidFen", s.refunded_fen as "refundedFen",
  s.fee_e5 as "feeE5", s.discount_fen as "discountFen", s.received_at as "receivedAt"`

/** A day of one merchant account on one channel. */
export interface AccountDay {
  readonly channel: string
  readonly mchid: string
  readonly day: string
}

/** One comparison of a day at a time: two copies of a file arriving together must not both be compared. */
export const lockDay = (tx: Tx, tenantId: number, { channel, mchid, day }: AccountDay) =>
  tx.run(sql`select pg_advisory_xact_lock(hashtextextended(${`payments.reconcile:${tenantId}:${channel}:${mchid}:${day}`}, 0))`)

export const findStatement = (tx: Tx, tenantId: number, d: AccountDay, sha256: Buffer) =>
  tx.maybe<StatementRow>(sql`
    select ${STATEMENT_COLUMNS} from payments.statement s
    where s.tenant_id = ${tenantId} and s.channel = ${d.channel} and s.mchid = ${d.mchid} and s.day = ${d.day} and s.sha256 = ${sha256}
      and s.superseded_at is null`)

export const findStatementById = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<StatementRow>(sql`select ${STATEMENT_COLUMNS} from payments.statement s where s.tenant_id = ${tenantId} and s.id = ${id}`)

export const findPart = (tx: Tx, tenantId: number, statementId: string, part: number) =>
  tx.maybe<{ bytes: Buffer }>(sql`
    select bytes from payments.statement_part where tenant_id = ${tenantId} and statement_id = ${statementId} and part = ${part}`)

/** Statements of a span of days that count, newest day first. */
export const listStatements = (tx: Tx, tenantId: number, from: string, to: string) =>
  tx.rows<StatementRow>(sql`
    select ${STATEMENT_COLUMNS} from payments.statement s
    where s.tenant_id = ${tenantId} and s.day between ${from} and ${to} and s.superseded_at is null order by s.day desc, s.channel, s.mchid`)

/** Days of [from, to] without a statement that counts and whose turn it is, oldest first. */
export const listDueDays = async (
  tx: Tx,
  tenantId: number,
  account: { readonly channel: string; readonly mchid: string },
  span: { readonly from: string; readonly to: string; readonly now: Date; readonly limit: number },
): Promise<string[]> => {
  const rows = await tx.rows<{ day: string }>(sql`
    select d::date as day from generate_series(${span.from}::date, ${span.to}::date, interval '1 day') d
    where not exists (select from payments.statement s
        where s.tenant_id = ${tenantId} and s.channel = ${account.channel} and s.mchid = ${account.mchid} and s.day = d::date and s.superseded_at is null)
      and not exists (select from payments.statement_wait w
        where w.tenant_id = ${tenantId} and w.channel = ${account.channel} and w.day = d::date and w.due_at > ${span.now})
    order by 1 limit ${span.limit}`)
  return rows.map(row => row.day)
}

export interface Wait {
  readonly channel: string
  readonly day: string
  readonly code: string
  readonly why: string
}

/** Puts a day off. True when it failed for another reason than the last time. */
export async function waitForStatement(tx: Tx, tenantId: number, w: Wait, dueAt: (tries: number) => Date): Promise<boolean> {
  const before = await tx.maybe<{ tries: number; code: string }>(sql`
    select tries, code from payments.statement_wait where tenant_id = ${tenantId} and channel = ${w.channel} and day = ${w.day}`)
  const tries = (before?.tries ?? 0) + 1
  await tx.run(sql`
    insert into payments.statement_wait (tenant_id, channel, day, tries, due_at, code, why)
    values (${tenantId}, ${w.channel}, ${w.day}, ${tries}, ${dueAt(tries)}, ${w.code}, ${w.why})
    on conflict (tenant_id, channel, day) do update set tries = excluded.tries, due_at = excluded.due_at, code = excluded.code, why = excluded.why`)
  return before?.code !== w.code
}

export const endWait = (tx: Tx, tenantId: number, { channel, day }: { readonly channel: string; readonly day: string }) =>
  tx.run(sql`delete from payments.statement_wait where tenant_id = ${tenantId} and channel = ${channel} and day = ${day}`)

export const listWaits = (tx: Tx, tenantId: number) =>
  tx.rows<Wait & { tries: number; dueAt: Date }>(sql`
    select channel, day, tries, due_at as "dueAt", code, why from payments.statement_wait where tenant_id = ${tenantId} order by day, channel limit 60`)

/** Lets a statement count in place of those of the same day, of which one may have the very same bytes. */
export async function putStatement(
  tx: Tx,
  tenantId: number,
  s: Omit<StatementRow, 'receivedAt'> & { readonly sha256: Buffer; readonly by: string; readonly at: Date },
): Promise<string> {
  const same = sql`tenant_id = ${tenantId} and channel = ${s.channel} and mchid = ${s.mchid} and day = ${s.day}`
  await tx.run(sql`
    delete from payments.statement_elsewhere where tenant_id = ${tenantId} and statement_id in (select id from payments.statement where ${same})`)
  await tx.run(sql`update payments.statement set superseded_at = ${s.at} where ${same} and superseded_at is null`)
  const { id } = await tx.one<{ id: string }>(sql`
    insert into payments.statement (tenant_id, id, channel, mchid, day, sha256, name, rows, paid_fen, refunded_fen, fee_e5, discount_fen, received_at, received_by)
    values (${tenantId}, ${s.id}, ${s.channel}, ${s.mchid}, ${s.day}, ${s.sha256}, ${s.name}, ${s.rows}, ${s.paidFen}, ${s.refundedFen}, ${s.feeE5}, ${s.discountFen}, ${s.at}, ${s.by})
    on conflict (tenant_id, channel, mchid, day, sha256) do update set superseded_at = null
    returning id`)
  return id
}

export const insertPart = (tx: Tx, tenantId: number, statementId: string, part: number, bytes: Buffer) =>
  tx.run(sql`
    insert into payments.statement_part (tenant_id, statement_id, part, bytes) values (${tenantId}, ${statementId}, ${part}, ${bytes})
    on conflict do nothing`)

export interface Repeat {
  readonly ref: string
  readonly line: number
  readonly amountFen: number
  readonly ourNo: string
  readonly at: Date
  readonly isConflict: boolean
}

/** Rows of the stage and of nobody else: they are rolled back before anything commits. */
export const openStage = (tx: Tx) => tx.run(sql`savepoint statement_stage`)
export const dropStage = (tx: Tx) => tx.run(sql`rollback to savepoint statement_stage`)

/** Documents stated more than once, and whether their rows contradict each other. */
export const listRepeats = (tx: Tx, tenantId: number, limit: number) =>
  tx.rows<Repeat>(sql`
    select ref, max(line) as line, min(amount_fen)::bigint as "amountFen", min(our_no) as "ourNo", min(at) as at,
      count(distinct (is_refund, amount_fen, at, our_no)) > 1 as "isConflict"
    from payments.statement_stage
    where tenant_id = ${tenantId} and ref in (select ref from payments.statement_stage where tenant_id = ${tenantId} group by ref having count(*) > 1)
    group by ref order by 2 limit ${limit}`)

export const dropRepeats = (tx: Tx, tenantId: number, refs: readonly string[]) =>
  tx.run(sql`
    delete from payments.statement_stage s
    using (select ref, min(line) as line from payments.statement_stage where tenant_id = ${tenantId} and ref = any(${[...refs]}) group by ref) k
    where s.tenant_id = ${tenantId} and s.ref = k.ref and s.line > k.line`)

const REFUNDED = ['REFUND_DONE'] as const
const MOVED = ['PAY', 'LATE', ...REFUNDED] as const

/** The stage has no statistics and the index of instants knows blocks, not rows: the planner would expect few and loop over them. */
export async function planForMany(tx: Tx): Promise<void> {
  await tx.run(sql`set local enable_nestloop = off`)
  await tx.run(sql`set local work_mem = '128MB'`)
}

/**
 * The differences between the stage and what the books say of [from, to): one full join, of which only what does not agree
 * leaves the database.
 */
export const listDifferences = (
  tx: Tx,
  tenantId: number,
  span: { readonly clearing: number; readonly from: Date; readonly to: Date },
  limit: number,
): Promise<Difference[]> =>
  tx.rows<Difference>(sql`
    select s.line, s.ref as "statedRef", s.is_refund as "isRefund", s.our_no as "ourNo", s.amount_fen as "statedFen", s.at as "statedAt",
      b.ref as "bookedRef", b.about, b.fen as "bookedFen", b.at as "bookedAt", b.is_refund as "isRefundBooked"
    from (select * from payments.statement_stage where tenant_id = ${tenantId}) s
    full join (select m.ref, m.about, m.fen, m.at, m.code = any(${[...REFUNDED]}) as is_refund
      from (${sqlMovements(tenantId, span.clearing, MOVED, span.from, span.to)}) m) b on b.ref = s.ref
    where s.ref is null or b.ref is null or s.amount_fen <> b.fen or s.is_refund <> b.is_refund
    limit ${limit}`)

/** Whether the books have anything of [from, to) that a statement would state. */
export const hasMovements = async (tx: Tx, tenantId: number, span: { readonly clearing: number; readonly from: Date; readonly to: Date }) =>
  (await tx.maybe(sql`select 1 from (${sqlMovements(tenantId, span.clearing, MOVED, span.from, span.to)}) m limit 1`)) !== undefined

export const insertElsewhere = (tx: Tx, tenantId: number, statementId: string, refs: readonly string[]) =>
  tx.run(sql`
    insert into payments.statement_elsewhere (tenant_id, ref, statement_id) select ${tenantId}, r, ${statementId} from unnest(${[...refs]}::text[]) r
    on conflict do nothing`)

/** Of these documents, those a statement of another day states. */
export async function statedElsewhere(tx: Tx, tenantId: number, refs: readonly string[]): Promise<Set<string>> {
  const rows = await tx.rows<{ ref: string }>(
    sql`select distinct ref from payments.statement_elsewhere where tenant_id = ${tenantId} and ref = any(${[...refs]}::text[])`,
  )
  return new Set(rows.map(row => row.ref))
}

export type NewBreak = Omit<
  BreakRow,
  'tries' | 'taskId' | 'isSuspended' | 'proposedBy' | 'resolution' | 'reason' | 'note' | 'resolvedBy' | 'resolvedAt'
> & {
  readonly statementId: string
  readonly resolution: Resolution | null
}

/**
 * Keeps the breaks of a comparison. One known before stays as it is, decisions included, unless another file had made it
 * vanish. Answers those that are new or open again.
 */
export const upsertBreaks = (tx: Tx, tenantId: number, breaks: readonly NewBreak[]) =>
  tx.rows<Pick<BreakRow, 'id' | 'class' | 'severity' | 'ref' | 'resolution'>>(sql`
    insert into payments.break as b (tenant_id, id, channel, mchid, day, class, severity, ref, our_no, about, line, stated_fen, booked_fen, happened_at,
      statement_id, opened_at, tries, due_at, resolution, resolved_by, resolved_at)
    select ${tenantId}, n.id, n.channel, n.mchid, n.day, n.class, n.severity, n.ref, n.our_no, n.about, n.line, n.stated_fen, n.booked_fen, n.happened_at,
      n.statement_id, n.opened_at, 0, n.opened_at, n.resolution, case when n.resolution is null then null else 'system' end,
      case when n.resolution is null then null else n.opened_at end
    from unnest(${breaks.map(b => b.id)}::uuid[], ${breaks.map(b => b.channel)}::text[], ${breaks.map(b => b.mchid)}::text[], ${breaks.map(b => b.day)}::date[],
      ${breaks.map(b => b.class)}::text[], ${breaks.map(b => b.severity)}::smallint[], ${breaks.map(b => b.ref)}::text[], ${breaks.map(b => b.ourNo)}::text[],
      ${breaks.map(b => b.about)}::uuid[], ${breaks.map(b => b.line)}::integer[], ${breaks.map(b => b.statedFen)}::bigint[],
      ${breaks.map(b => b.bookedFen)}::bigint[], ${breaks.map(b => b.happenedAt)}::timestamptz[], ${breaks.map(b => b.statementId)}::uuid[],
      ${breaks.map(b => b.openedAt)}::timestamptz[], ${breaks.map(b => b.resolution)}::text[])
      as n (id, channel, mchid, day, class, severity, ref, our_no, about, line, stated_fen, booked_fen, happened_at, statement_id, opened_at, resolution)
    on conflict (tenant_id, channel, class, ref) do update set resolution = null, resolved_by = null, resolved_at = null, task_id = null,
      severity = excluded.severity, stated_fen = excluded.stated_fen, booked_fen = excluded.booked_fen, line = excluded.line
    where b.resolution in ('corrected_file', 'in_other_file') and excluded.resolution is null
    returning b.id, b.class, b.severity, b.ref, b.resolution`)

const resolveWhere = (tx: Tx, tenantId: number, where: Sql, how: { resolution: Resolution; at: Date }) =>
  tx.rows<{ id: string; taskId: string | null }>(sql`
    update payments.break set resolution = ${how.resolution}, resolved_by = 'system', resolved_at = ${how.at}
    where tenant_id = ${tenantId} and resolved_at is null and ${where}
    returning id, task_id as "taskId"`)

/** Breaks of a day that its newest file no longer shows. */
export const resolveVanished = (tx: Tx, tenantId: number, d: AccountDay, kept: readonly string[], at: Date) =>
  resolveWhere(
    tx,
    tenantId,
    sql`channel = ${d.channel} and mchid = ${d.mchid} and day = ${d.day} and not (class || ' ' || ref = any(${[...kept]}::text[]))`,
    { resolution: 'corrected_file', at },
  )

/** What the books had and no statement did, until this one. */
export const resolveStated = (tx: Tx, tenantId: number, channel: string, refs: readonly string[], at: Date) =>
  resolveWhere(tx, tenantId, sql`channel = ${channel} and class in ('ledger_only', 'refund_missing') and ref = any(${[...refs]}::text[])`, {
    resolution: 'in_other_file',
    at,
  })

/** What the bank had not answered about a debit, or answered in another amount, until now. */
export const resolveAnswered = (tx: Tx, tenantId: number, channel: string, ref: string, at: Date) =>
  resolveWhere(tx, tenantId, sql`channel = ${channel} and class in ('debit_missing', 'amount') and ref = ${ref}`, {
    resolution: 'booked',
    at,
  })

export const resolveBreak = async (
  tx: Tx,
  tenantId: number,
  id: string,
  how: { readonly resolution: Resolution; readonly by: string; readonly at: Date },
): Promise<boolean> =>
  (await tx.run(sql`
    update payments.break set resolution = ${how.resolution}, resolved_by = ${how.by}, resolved_at = ${how.at}
    where tenant_id = ${tenantId} and id = ${id} and resolved_at is null`)) === 1

/** Notes what a person found out; whether it counts is another matter. */
export const noteDecision = (
  tx: Tx,
  tenantId: number,
  id: string,
  d: { readonly by: string; readonly reason: BreakReason; readonly note: string | null },
) =>
  tx.run(sql`
    update payments.break set proposed_by = coalesce(proposed_by, ${d.by}), reason = ${d.reason}, note = ${d.note}
    where tenant_id = ${tenantId} and id = ${id} and resolved_at is null`)

export const setBreakTask = (tx: Tx, tenantId: number, id: string, taskId: string) =>
  tx.run(sql`update payments.break set task_id = ${taskId} where tenant_id = ${tenantId} and id = ${id}`)

export const lockBreak = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<BreakRow>(sql`select ${BREAK_COLUMNS} from payments.break b where b.tenant_id = ${tenantId} and b.id = ${id} for update`)

/** At most as many as one comparison may find. */
export const lockOpenOf = (tx: Tx, tenantId: number, channel: string) =>
  tx.rows<BreakRow>(sql`
    select ${BREAK_COLUMNS} from payments.break b where b.tenant_id = ${tenantId} and b.channel = ${channel} and b.resolved_at is null
    order by b.id limit ${BREAKS_MAX} for update`)

export const findBreak = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<BreakRow>(sql`select ${BREAK_COLUMNS} from payments.break b where b.tenant_id = ${tenantId} and b.id = ${id}`)

export const listOpenBreaks = (tx: Tx, tenantId: number, limit: number) =>
  tx.rows<BreakRow>(sql`
    select ${BREAK_COLUMNS} from payments.break b where b.tenant_id = ${tenantId} and b.resolved_at is null
    order by b.severity, b.opened_at, b.id limit ${limit}`)

export const countOpen = (tx: Tx, tenantId: number) =>
  tx.one<{ count: number }>(sql`select count(*) as count from payments.break where tenant_id = ${tenantId} and resolved_at is null`)

/** Breaks of some days by class: how many, how many open, and the money of the open ones. */
export const countBreaks = (tx: Tx, tenantId: number, from: string, to: string) =>
  tx.rows<{
    channel: string
    mchid: string
    day: string
    class: BreakClass
    count: number
    open: number
    grave: number
    openFen: number
  }>(sql`
    select channel, mchid, day, class, count(*) as count, count(*) filter (where resolved_at is null) as open,
      count(*) filter (where resolved_at is null and severity = 1) as grave,
      coalesce(sum(greatest(coalesce(stated_fen, 0), coalesce(booked_fen, 0))) filter (where resolved_at is null), 0)::bigint as "openFen"
    from payments.break where tenant_id = ${tenantId} and day between ${from} and ${to} group by 1, 2, 3, 4`)

/** Open breaks whose turn it is to be looked after by the system; put off, so that two workers never take the same. */
export const takeDueBreaks = (tx: Tx, tenantId: number, now: Date, until: Date, limit: number) =>
  tx.rows<BreakRow>(sql`
    update payments.break b set tries = b.tries + 1, due_at = ${until}
    from (
      select id from payments.break
      where tenant_id = ${tenantId} and resolved_at is null and due_at <= ${now} and class <> 'amount' order by due_at limit ${limit} for update skip locked) d
    where b.tenant_id = ${tenantId} and b.id = d.id
    returning ${BREAK_COLUMNS}`)

export const raiseSeverity = async (tx: Tx, tenantId: number, id: string, severity: Severity) =>
  (await tx.run(sql`
    update payments.break set severity = ${severity} where tenant_id = ${tenantId} and id = ${id} and resolved_at is null and severity > ${severity}`)) ===
  1

export const putOffBreak = (tx: Tx, tenantId: number, id: string, dueAt: Date) =>
  tx.run(sql`update payments.break set due_at = ${dueAt} where tenant_id = ${tenantId} and id = ${id}`)
