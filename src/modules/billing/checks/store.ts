import { join, type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { POSTING } from '../model.ts'
import type { StatedPosting } from './layout.ts'
import type { CheckClass, CheckReason, CheckResolution } from './model.ts'

export interface CheckFileRow {
  readonly id: string
  readonly billerId: string
  readonly day: string
  readonly name: string
  readonly rows: number
  readonly totalFen: number
  readonly receivedAt: Date
}

const FILE_COLUMNS = sql`id, biller_id as "billerId", day, name, rows, total_fen as "totalFen", received_at as "receivedAt"`

export const lockChecks = (tx: Tx, tenantId: number, billerId: string) =>
  tx.run(sql`select pg_advisory_xact_lock(hashtextextended(${`billing.check:${tenantId}:${billerId}`}, 0))`)

export const findFile = (tx: Tx, tenantId: number, billerId: string, day: string) =>
  tx.maybe<CheckFileRow & { sha256: Buffer }>(
    sql`select ${FILE_COLUMNS}, sha256 from billing.check_file where tenant_id = ${tenantId} and biller_id = ${billerId} and day = ${day}`,
  )

export const findSealedFile = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<CheckFileRow & { fileSealed: Buffer }>(
    sql`select ${FILE_COLUMNS}, file_sealed as "fileSealed" from billing.check_file where tenant_id = ${tenantId} and id = ${id}`,
  )

export const listFiles = (tx: Tx, tenantId: number, span: { from: string; to: string; billerId: string | null }) =>
  tx.rows<CheckFileRow>(sql`
    select ${FILE_COLUMNS} from billing.check_file where tenant_id = ${tenantId} and day between ${span.from} and ${span.to}
      and (${span.billerId}::text is null or biller_id = ${span.billerId}) order by day desc, biller_id limit 2000`)

type NewFile = CheckFileRow & { readonly sha256: Buffer; readonly fileSealed: Buffer; readonly receivedBy: string }

/** A file takes the place of an earlier one of its day, rows and all. */
export async function replaceFile(tx: Tx, tenantId: number, f: NewFile, rows: readonly StatedPosting[]): Promise<void> {
  await tx.run(sql`delete from billing.check_row where tenant_id = ${tenantId} and biller_id = ${f.billerId} and day = ${f.day}`)
  await tx.run(sql`
    insert into billing.check_file (tenant_id, biller_id, day, id, sha256, name, rows, total_fen, received_at, received_by, file_sealed)
    values (${tenantId}, ${f.billerId}, ${f.day}, ${f.id}, ${f.sha256}, ${f.name}, ${f.rows}, ${f.totalFen}, ${f.receivedAt}, ${f.receivedBy}, ${f.fileSealed})
    on conflict (tenant_id, biller_id, day) do update set id = excluded.id, sha256 = excluded.sha256, name = excluded.name, rows = excluded.rows,
      total_fen = excluded.total_fen, received_at = excluded.received_at, received_by = excluded.received_by, file_sealed = excluded.file_sealed`)
  await tx.run(sql`
    insert into billing.check_row (tenant_id, biller_id, day, posting_no, bill_no, account_no, amount_fen, is_reversed)
    select ${tenantId}, ${f.billerId}, ${f.day}, r.* from unnest(${rows.map(r => r.postingNo)}::text[], ${rows.map(r => r.billNo)}::text[],
      ${rows.map(r => r.accountNo)}::text[], ${rows.map(r => r.amountFen)}::bigint[], ${rows.map(r => r.isReversed)}::boolean[]) r`)
  await tx.run(sql`delete from billing.check_wait where tenant_id = ${tenantId} and biller_id = ${f.billerId} and day = ${f.day}`)
}

export interface Found {
  readonly class: CheckClass
  readonly postingNo: string
  readonly postingId: string | null
  readonly orderId: string | null
  readonly day: string
  readonly toldFen: number | null
  readonly statedFen: number | null
  /** Of ours: whether the money is with its payer already. */
  readonly isGivenBack: boolean
}

const STANDING = sql`(${join([POSTING.posted, POSTING.sent, POSTING.unknown, POSTING.reversing].map(state => sql`${state}`))})`

/** Check files state what was paid of bills; what was ordered is asked about one by one. */
const sqlOfBill = sql`exists (select from billing.bill b where b.tenant_id = p.tenant_id and b.id = p.bill_id)`

/** Rows of a day that differ from what was told. A row of a message under way waits for its answer. */
const sqlStatedOdd = (tenantId: number, billerId: string, day: string, until: Date): Sql => sql`
  select case when p.id is null or p.state not in ${STANDING} then 'biller_only' else 'amount' end as class, r.posting_no as "postingNo",
    p.id as "postingId", p.order_id as "orderId", r.day, p.amount_fen as "toldFen", r.amount_fen as "statedFen",
    coalesce(p.state not in ${STANDING}, false) as "isGivenBack"
  from billing.check_row r
  left join billing.posting p on p.tenant_id = r.tenant_id and p.id::text = r.posting_no and p.biller_id = r.biller_id
  where r.tenant_id = ${tenantId} and r.biller_id = ${billerId} and r.day = ${day} and not r.is_reversed
    and (p.id is null or (p.state not in ${STANDING} and p.finished_at < ${until}) or (p.state = ${POSTING.posted} and p.amount_fen <> r.amount_fen))`

/** What was answered "booked" before an instant, since the first file came, and no file states as standing. */
const sqlUnstated = (tenantId: number, billerId: string, since: Date, before: Date): Sql => sql`
  select 'biller_missing' as class, p.id::text as "postingNo", p.id as "postingId", p.order_id as "orderId",
    (p.finished_at at time zone 'Asia/Shanghai')::date as day, p.amount_fen as "toldFen", null::bigint as "statedFen", false as "isGivenBack"
  from billing.posting p
  where p.tenant_id = ${tenantId} and p.biller_id = ${billerId} and p.state = ${POSTING.posted} and p.finished_at >= ${since} and p.finished_at < ${before}
    and ${sqlOfBill}
    and not exists (select from billing.check_row r where r.tenant_id = p.tenant_id and r.posting_no = p.id::text and r.biller_id = p.biller_id
      and not r.is_reversed)`

const FOUND_MAX = 10_000

export const listDifferences = (
  tx: Tx,
  tenantId: number,
  q: { readonly billerId: string; readonly day: string; readonly until: Date; readonly since: Date; readonly before: Date },
) =>
  tx.rows<Found>(sql`
    select * from (${sqlStatedOdd(tenantId, q.billerId, q.day, q.until)} union all ${sqlUnstated(tenantId, q.billerId, q.since, q.before)}) d
    order by day, "postingNo" limit ${FOUND_MAX}`)

/** Breaks that are over by what is known now, and how. */
export const listEnded = (tx: Tx, tenantId: number, billerId: string) =>
  tx.rows<{ id: string; taskId: string | null; resolution: CheckResolution }>(sql`
    select * from (
      select b.id, b.task_id as "taskId", case
        when b.class = 'biller_missing' and p.state in (${POSTING.rejected}, ${POSTING.reversed}) then 'given_back'
        when b.class = 'biller_missing' and exists (select from billing.check_row r where r.tenant_id = b.tenant_id and r.biller_id = b.biller_id
          and r.posting_no = b.posting_no and not r.is_reversed) then 'stated'
        when b.class = 'biller_only' and exists (select from billing.check_row r where r.tenant_id = b.tenant_id and r.biller_id = b.biller_id
          and r.posting_no = b.posting_no and r.is_reversed) then 'taken_back'
        when b.class <> 'biller_missing' and not exists (select from billing.check_row r where r.tenant_id = b.tenant_id and r.biller_id = b.biller_id
          and r.posting_no = b.posting_no and not r.is_reversed and r.amount_fen is distinct from case when b.class = 'amount' then p.amount_fen end)
          then 'corrected_file' end as resolution
      from billing.check_break b
      left join billing.posting p on p.tenant_id = b.tenant_id and p.id::text = b.posting_no
      where b.tenant_id = ${tenantId} and b.biller_id = ${billerId} and b.resolved_at is null) e
    where resolution is not null`)

export interface CheckBreak {
  readonly id: string
  readonly billerId: string
  readonly day: string
  readonly class: CheckClass
  readonly severity: number
  readonly postingNo: string
  readonly orderId: string | null
  readonly toldFen: number | null
  readonly statedFen: number | null
  readonly openedAt: Date
  readonly taskId: string | null
  readonly proposedBy: string | null
  readonly reason: CheckReason | null
  readonly note: string | null
  readonly resolution: CheckResolution | null
  readonly resolvedAt: Date | null
}

const BREAK_COLUMNS = sql`id, biller_id as "billerId", day, class, severity, posting_no as "postingNo", order_id as "orderId", told_fen as "toldFen",
  stated_fen as "statedFen", opened_at as "openedAt", task_id as "taskId", proposed_by as "proposedBy", reason, note, resolution, resolved_at as "resolvedAt"`

/** True when it is new; one that was open before, or is over, stays as it is. */
export const insertBreak = async (
  tx: Tx,
  tenantId: number,
  b: Found & { readonly id: string; readonly billerId: string; readonly severity: number; readonly at: Date; readonly dueAt: Date },
): Promise<boolean> =>
  (await tx.run(sql`
    insert into billing.check_break (tenant_id, id, biller_id, day, class, severity, posting_no, order_id, told_fen, stated_fen, opened_at, tries, due_at)
    values (${tenantId}, ${b.id}, ${b.billerId}, ${b.day}, ${b.class}, ${b.severity}, ${b.postingNo}, ${b.orderId}, ${b.toldFen}, ${b.statedFen}, ${b.at}, 0, ${b.dueAt})
    on conflict do nothing`)) === 1

export const lockBreak = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<CheckBreak>(sql`select ${BREAK_COLUMNS} from billing.check_break where tenant_id = ${tenantId} and id = ${id} for update`)

export const findBreak = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<CheckBreak>(sql`select ${BREAK_COLUMNS} from billing.check_break where tenant_id = ${tenantId} and id = ${id}`)

/** The gravest and oldest first. */
export const listOpenBreaks = (tx: Tx, tenantId: number, billerId: string | null, limit: number) =>
  tx.rows<CheckBreak>(sql`
    select ${BREAK_COLUMNS} from billing.check_break where tenant_id = ${tenantId} and resolved_at is null
      and (${billerId}::text is null or biller_id = ${billerId}) order by severity, opened_at, id limit ${limit}`)

export const countBreaks = (tx: Tx, tenantId: number, span: { from: string; to: string }) =>
  tx.rows<{ billerId: string; day: string; open: number; all: number }>(sql`
    select biller_id as "billerId", day, (count(*) filter (where resolved_at is null))::integer as open, count(*)::integer as all
    from billing.check_break where tenant_id = ${tenantId} and day between ${span.from} and ${span.to} group by 1, 2`)

/** Whether something grave of a biller, of a day or one before, is undecided. */
export const hasGrave = async (tx: Tx, tenantId: number, billerId: string, day: string): Promise<boolean> =>
  (await tx.maybe(sql`
    select from billing.check_break where tenant_id = ${tenantId} and biller_id = ${billerId} and severity = 1 and day <= ${day} and resolved_at is null limit 1`)) !==
  undefined

export const takeDueBreaks = (tx: Tx, tenantId: number, now: Date, until: Date, limit: number) =>
  tx.rows<CheckBreak>(sql`
    update billing.check_break set tries = tries + 1, due_at = ${until}
    where tenant_id = ${tenantId} and id in (
      select id from billing.check_break where tenant_id = ${tenantId} and resolved_at is null and due_at <= ${now} order by due_at limit ${limit} for update skip locked)
    returning ${BREAK_COLUMNS}`)

export const setTask = (tx: Tx, tenantId: number, id: string, taskId: string) =>
  tx.run(sql`update billing.check_break set task_id = ${taskId} where tenant_id = ${tenantId} and id = ${id}`)

export const raise = async (tx: Tx, tenantId: number, id: string): Promise<boolean> =>
  (await tx.run(sql`update billing.check_break set severity = 1 where tenant_id = ${tenantId} and id = ${id} and severity > 1`)) === 1

export const noteDecision = (tx: Tx, tenantId: number, id: string, d: { by: string; reason: CheckReason; note: string | null }) =>
  tx.run(sql`
    update billing.check_break set proposed_by = coalesce(proposed_by, ${d.by}), reason = ${d.reason}, note = ${d.note}
    where tenant_id = ${tenantId} and id = ${id}`)

export const resolve = (tx: Tx, tenantId: number, id: string, r: { resolution: CheckResolution; by: string; at: Date }) =>
  tx.run(sql`
    update billing.check_break set resolution = ${r.resolution}, resolved_by = ${r.by}, resolved_at = ${r.at}
    where tenant_id = ${tenantId} and id = ${id} and resolved_at is null`)

/** First and last day with a file. */
export const findSpan = (tx: Tx, tenantId: number, billerId: string) =>
  tx.one<{ first: string | null; last: string | null }>(
    sql`select min(day) as first, max(day) as last from billing.check_file where tenant_id = ${tenantId} and biller_id = ${billerId}`,
  )

/** Days, oldest first, on which a biller answered "booked" or that follow one, that have no file and are due to be asked for. */
export const listDueDays = async (
  tx: Tx,
  tenantId: number,
  q: { readonly billerId: string; readonly from: string; readonly to: string; readonly now: Date; readonly limit: number },
): Promise<string[]> =>
  (
    await tx.rows<{ day: string }>(sql`
      select d::date as day from generate_series(greatest(${q.from}::date, (
          select coalesce((min(finished_at) at time zone 'Asia/Shanghai')::date, 'infinity') from billing.posting
          where tenant_id = ${tenantId} and biller_id = ${q.billerId} and finished_at is not null)), ${q.to}::date, interval '1 day') d
      where not exists (select from billing.check_file f where f.tenant_id = ${tenantId} and f.biller_id = ${q.billerId} and f.day = d::date)
        and not exists (select from billing.check_wait w where w.tenant_id = ${tenantId} and w.biller_id = ${q.billerId} and w.day = d::date and w.due_at > ${q.now})
      order by 1 limit ${q.limit}`)
  ).map(row => row.day)

export const insertWait = (tx: Tx, tenantId: number, w: { billerId: string; day: string; dueAt: Date; why: string }) =>
  tx.run(sql`
    insert into billing.check_wait as w (tenant_id, biller_id, day, tries, due_at, why) values (${tenantId}, ${w.billerId}, ${w.day}, 1, ${w.dueAt}, ${w.why})
    on conflict (tenant_id, biller_id, day) do update set tries = w.tries + 1, due_at = excluded.due_at, why = excluded.why`)

export const listWaits = (tx: Tx, tenantId: number, billerId: string | null) =>
  tx.rows<{ billerId: string; day: string; tries: number; why: string }>(sql`
    select biller_id as "billerId", day, tries, why from billing.check_wait
    where tenant_id = ${tenantId} and (${billerId}::text is null or biller_id = ${billerId}) order by day, biller_id limit 200`)

/** I11, first half: what a file states stands with us with its amount, or was looked into. */
export const sqlStatedFaults = (t: number): Sql => sql`
  select r.biller_id, r.day, r.posting_no from billing.check_row r
  left join billing.posting p on p.tenant_id = r.tenant_id and p.id::text = r.posting_no and p.biller_id = r.biller_id
  join billing.check_file f on f.tenant_id = r.tenant_id and f.biller_id = r.biller_id and f.day = r.day
  where r.tenant_id = ${t} and not r.is_reversed
    and (p.id is null or p.amount_fen <> r.amount_fen or (p.state not in ${STANDING} and p.finished_at < (r.day + 1)::timestamp at time zone 'Asia/Shanghai'))
    and not exists (select from billing.check_break b where b.tenant_id = r.tenant_id and b.biller_id = r.biller_id and b.posting_no = r.posting_no)`

/** I11, second half: what we hold as booked before the last file's day is stated, or was looked into. */
export const sqlUnstatedFaults = (t: number): Sql => sql`
  select p.biller_id, p.id::text as posting_no from billing.posting p
  join (select biller_id, min(day) as first, max(day) as last from billing.check_file where tenant_id = ${t} group by 1) s on s.biller_id = p.biller_id
  where p.tenant_id = ${t} and ${sqlOfBill} and p.state = ${POSTING.posted} and p.finished_at >= s.first::timestamp at time zone 'Asia/Shanghai'
    and p.finished_at < s.last::timestamp at time zone 'Asia/Shanghai'
    and not exists (select from billing.check_row r where r.tenant_id = p.tenant_id and r.posting_no = p.id::text and not r.is_reversed)
    and not exists (select from billing.check_break b where b.tenant_id = p.tenant_id and b.biller_id = p.biller_id and b.posting_no = p.id::text)`
