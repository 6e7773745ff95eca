import { type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { CASH, ORDER, REFUND } from '../model.ts'
import type { Count } from './model.ts'

export interface SessionRow {
  readonly id: string
  readonly drawer: string
  readonly cashierId: string
  readonly openedAt: Date
  readonly openingFen: number
  readonly lastSeq: number
  readonly closedAt: Date | null
  readonly expectedFen: number | null
  readonly countedFen: number | null
}

const SESSION_COLUMNS = sql`s.id, s.drawer, s.cashier_id as "cashierId", s.opened_at as "openedAt", s.opening_fen as "openingFen", s.last_seq as "lastSeq",
  s.closed_at as "closedAt", s.expected_fen as "expectedFen", s.counted_fen as "countedFen"`

export const insertSession = (
  tx: Tx,
  tenantId: number,
  s: Pick<SessionRow, 'id' | 'drawer' | 'cashierId' | 'openedAt' | 'openingFen'> & { readonly count: Count },
) =>
  tx.run(sql`
    insert into payments.drawer_session (tenant_id, id, drawer, cashier_id, opened_at, opening_fen, opening_count, last_seq)
    values (${tenantId}, ${s.id}, ${s.drawer}, ${s.cashierId}, ${s.openedAt}, ${s.openingFen}, ${JSON.stringify(s.count)}, 0)
    on conflict do nothing`)

export const findOpenSession = (tx: Tx, tenantId: number, cashierId: string) =>
  tx.maybe<SessionRow>(sql`
    select ${SESSION_COLUMNS} from payments.drawer_session s where s.tenant_id = ${tenantId} and s.cashier_id = ${cashierId} and s.closed_at is null`)

/** Whoever moves money of a drawer holds its session, so that its numbers have no gaps. */
export const lockOpenSession = (tx: Tx, tenantId: number, cashierId: string) =>
  tx.maybe<SessionRow>(sql`
    select ${SESSION_COLUMNS} from payments.drawer_session s
    where s.tenant_id = ${tenantId} and s.cashier_id = ${cashierId} and s.closed_at is null for update`)

export const findSession = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<SessionRow>(sql`select ${SESSION_COLUMNS} from payments.drawer_session s where s.tenant_id = ${tenantId} and s.id = ${id}`)

export const listSessions = (tx: Tx, tenantId: number, limit: number) =>
  tx.rows<SessionRow>(sql`
    select ${SESSION_COLUMNS} from payments.drawer_session s where s.tenant_id = ${tenantId} order by s.opened_at desc limit ${limit}`)

/** What was counted at the end of the turn before at each session's drawer, by session. */
export async function mapHandedOver(tx: Tx, tenantId: number, sessionIds: readonly string[]): Promise<Map<string, number>> {
  const rows = await tx.rows<{ id: string; fen: number }>(sql`
    select s.id, p.counted_fen as fen from payments.drawer_session s cross join lateral (
      select b.counted_fen from payments.drawer_session b
      where b.tenant_id = ${tenantId} and b.drawer = s.drawer and b.opened_at < s.opened_at and b.counted_fen is not null order by b.opened_at desc limit 1) p
    where s.tenant_id = ${tenantId} and s.id = any(${[...sessionIds]}::uuid[])`)
  return new Map(rows.map(row => [row.id, row.fen]))
}

/** A session whether or not it is over, held against every other move. */
export const lockSession = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<SessionRow>(
    sql`select ${SESSION_COLUMNS} from payments.drawer_session s where s.tenant_id = ${tenantId} and s.id = ${id} for update`,
  )

/** Money of a session that became known after its last count. */
export const raiseExpected = (tx: Tx, tenantId: number, id: string, amountFen: number) =>
  tx.run(sql`
    update payments.drawer_session set expected_fen = expected_fen + ${amountFen}
    where tenant_id = ${tenantId} and id = ${id} and closed_at is not null`)

/** The drawer this cashier used last: the likeliest one today. */
export const findLastDrawer = (tx: Tx, tenantId: number, cashierId: string) =>
  tx.maybe<{ drawer: string }>(sql`
    select drawer from payments.drawer_session where tenant_id = ${tenantId} and cashier_id = ${cashierId} order by opened_at desc limit 1`)

export interface MoveRow {
  readonly seq: number
  readonly orderId: string
  readonly refundId: string | null
  readonly amountFen: number
  readonly tenderedFen: number | null
  readonly movedAt: Date
}

export const insertMove = async (tx: Tx, tenantId: number, sessionId: string, m: MoveRow): Promise<void> => {
  await tx.run(sql`
    insert into payments.cash_move (tenant_id, session_id, seq, order_id, refund_id, amount_fen, tendered_fen, moved_at)
    values (${tenantId}, ${sessionId}, ${m.seq}, ${m.orderId}, ${m.refundId}, ${m.amountFen}, ${m.tenderedFen}, ${m.movedAt})`)
  await tx.run(sql`update payments.drawer_session set last_seq = ${m.seq} where tenant_id = ${tenantId} and id = ${sessionId}`)
}

const MOVE_COLUMNS = sql`seq, order_id as "orderId", refund_id as "refundId", amount_fen as "amountFen", tendered_fen as "tenderedFen", moved_at as "movedAt"`

/** A move, and where the last request to void it stands. */
export interface ShownMove extends MoveRow {
  readonly voided: 'asked' | 'agreed' | 'declined' | null
  /** Another amount than was due, taken without network: nobody has decided about it. */
  readonly isOdd: boolean
}

/** The newest moves of a session. */
export const listMoves = (tx: Tx, tenantId: number, sessionId: string, limit: number) =>
  tx.rows<ShownMove>(sql`
    select m.*, case when v.order_id is null then null when v.decided_at is null then 'asked' when v.is_agreed then 'agreed' else 'declined' end as voided,
      o.mismatch and o.state = ${ORDER.open} as "isOdd"
    from (
      select ${MOVE_COLUMNS} from payments.cash_move where tenant_id = ${tenantId} and session_id = ${sessionId} order by seq desc limit ${limit}) m
    left join payments.cash_void v on v.tenant_id = ${tenantId} and v.order_id = m."orderId"
    join payments."order" o on o.tenant_id = ${tenantId} and o.id = m."orderId" order by m.seq desc`)

/** The move that took an order's money, with its session. */
export const findTaking = (tx: Tx, tenantId: number, orderId: string) =>
  tx.maybe<MoveRow & { sessionId: string }>(sql`
    select ${MOVE_COLUMNS}, session_id as "sessionId" from payments.cash_move
    where tenant_id = ${tenantId} and order_id = ${orderId} and refund_id is null`)

export const sumMoves = (tx: Tx, tenantId: number, sessionId: string) =>
  tx.one<{ fen: number; taken: number; paidOut: number }>(sql`
    select coalesce(sum(amount_fen), 0)::bigint as fen, count(*) filter (where amount_fen > 0) as taken, count(*) filter (where amount_fen < 0) as "paidOut"
    from payments.cash_move where tenant_id = ${tenantId} and session_id = ${sessionId}`)

export const closeSession = (
  tx: Tx,
  tenantId: number,
  id: string,
  c: { readonly at: Date; readonly count: Count; readonly expectedFen: number; readonly countedFen: number },
) =>
  tx.run(sql`
    update payments.drawer_session set closed_at = ${c.at}, closing_count = ${JSON.stringify(c.count)}, expected_fen = ${c.expectedFen}, counted_fen = ${c.countedFen}
    where tenant_id = ${tenantId} and id = ${id} and closed_at is null`)

export interface PayoutRow {
  readonly refundId: string
  readonly orderId: string
  readonly amountFen: number
  readonly cause: string
  readonly createdAt: Date
}

/** Cash that is agreed to go back and is not paid out yet, the oldest first. */
export const listPayouts = (tx: Tx, tenantId: number, limit: number) =>
  tx.rows<PayoutRow>(sql`
    select r.id as "refundId", r.order_id as "orderId", r.amount_fen as "amountFen", r.cause, r.created_at as "createdAt"
    from payments.refund r join payments.attempt a on a.tenant_id = r.tenant_id and a.id = r.attempt_id
    where r.tenant_id = ${tenantId} and r.finished_at is null and r.state = ${REFUND.approved} and a.channel = ${CASH}
    order by r.created_at limit ${limit}`)

export interface VoidRow {
  readonly orderId: string
  readonly askedBy: string
  readonly reason: string
  readonly askedAt: Date
  readonly decidedAt: Date | null
}

const VOID_COLUMNS = sql`order_id as "orderId", asked_by as "askedBy", reason, asked_at as "askedAt", decided_at as "decidedAt"`

/** A request declined may be made again; one that is open or agreed stays. */
export const insertVoid = (tx: Tx, tenantId: number, v: Omit<VoidRow, 'decidedAt'>) =>
  tx.run(sql`
    insert into payments.cash_void as v (tenant_id, order_id, asked_by, reason, asked_at) values (${tenantId}, ${v.orderId}, ${v.askedBy}, ${v.reason}, ${v.askedAt})
    on conflict (tenant_id, order_id) do update set asked_by = excluded.asked_by, reason = excluded.reason, asked_at = excluded.asked_at, decided_by = null,
      decided_at = null, is_agreed = null
    where v.is_agreed = false`)

export const lockVoid = (tx: Tx, tenantId: number, orderId: string) =>
  tx.maybe<VoidRow>(sql`select ${VOID_COLUMNS} from payments.cash_void where tenant_id = ${tenantId} and order_id = ${orderId} for update`)

export const decideVoid = (
  tx: Tx,
  tenantId: number,
  orderId: string,
  d: { readonly by: string; readonly isAgreed: boolean; readonly at: Date },
) =>
  tx.run(sql`
    update payments.cash_void set decided_by = ${d.by}, is_agreed = ${d.isAgreed}, decided_at = ${d.at} where tenant_id = ${tenantId} and order_id = ${orderId}`)

export const listVoids = (tx: Tx, tenantId: number, limit: number) =>
  tx.rows<VoidRow>(
    sql`select ${VOID_COLUMNS} from payments.cash_void where tenant_id = ${tenantId} and decided_at is null order by asked_at limit ${limit}`,
  )

export interface ActRow {
  readonly sessionId: string
  /** Made by the device that took the money; it numbers from 1. */
  readonly device: string
  readonly seq: number
  readonly subject: string
  readonly amountFen: number
  readonly tenderedFen: number
  readonly takenAt: Date
  readonly outcome: 'booked' | 'returning' | 'asking' | null
  readonly orderId: string | null
}

const ACT_COLUMNS = sql`session_id as "sessionId", device, seq, subject, amount_fen as "amountFen", tendered_fen as "tenderedFen", taken_at as "takenAt", outcome,
  order_id as "orderId"`

/** False when the device's number was kept before. */
export const insertAct = async (tx: Tx, tenantId: number, a: Omit<ActRow, 'outcome' | 'orderId'>, at: Date): Promise<boolean> =>
  (await tx.run(sql`
    insert into payments.offline_act (tenant_id, session_id, device, seq, subject, amount_fen, tendered_fen, taken_at, received_at)
    values (${tenantId}, ${a.sessionId}, ${a.device}, ${a.seq}, ${a.subject}, ${a.amountFen}, ${a.tenderedFen}, ${a.takenAt}, ${at}) on conflict do nothing`)) ===
  1

export type ActKey = Pick<ActRow, 'sessionId' | 'device' | 'seq'>

const isAct = (tenantId: number, key: ActKey): Sql =>
  sql`tenant_id = ${tenantId} and session_id = ${key.sessionId} and device = ${key.device} and seq = ${key.seq}`

export const findAct = (tx: Tx, tenantId: number, key: ActKey) =>
  tx.maybe<ActRow>(sql`select ${ACT_COLUMNS} from payments.offline_act where ${isAct(tenantId, key)}`)

export const lockAct = (tx: Tx, tenantId: number, key: ActKey) =>
  tx.maybe<ActRow>(sql`select ${ACT_COLUMNS} from payments.offline_act where ${isAct(tenantId, key)} for update`)

export const finishAct = (tx: Tx, tenantId: number, key: ActKey, end: Pick<ActRow, 'outcome' | 'orderId'>) =>
  tx.run(sql`
    update payments.offline_act set outcome = ${end.outcome}, order_id = ${end.orderId} where ${isAct(tenantId, key)} and outcome is null`)

export const listOpenActs = (tx: Tx, tenantId: number, limit: number) =>
  tx.rows<ActRow>(sql`
    select ${ACT_COLUMNS} from payments.offline_act where tenant_id = ${tenantId} and outcome is null order by received_at, session_id, device, seq limit ${limit}`)

/** Acts of one session as they stand, the newest first. */
export const listActs = (tx: Tx, tenantId: number, sessionId: string, limit: number) =>
  tx.rows<ActRow>(sql`
    select ${ACT_COLUMNS} from payments.offline_act where tenant_id = ${tenantId} and session_id = ${sessionId} order by taken_at desc, device, seq desc limit ${limit}`)

/** What each cashier took, voided and counted on each day of a span. */
export const listCashierDays = (tx: Tx, tenantId: number, { from, to }: { readonly from: Date; readonly to: Date }) =>
  tx.rows<{ clerkId: string; day: string; takings: number; voids: number; turns: number; overFen: number }>(sql`
    select clerk_id as "clerkId", to_char(at at time zone 'Asia/Shanghai', 'YYYY-MM-DD') as day, count(*) filter (where what = 'taking') as takings,
      count(*) filter (where what = 'void') as voids, count(*) filter (where what = 'turn') as turns, coalesce(sum(over_fen), 0)::bigint as "overFen"
    from (
      select s.cashier_id as clerk_id, m.moved_at as at, 'taking' as what, 0 as over_fen from payments.cash_move m
        join payments.drawer_session s on s.tenant_id = m.tenant_id and s.id = m.session_id
        where m.tenant_id = ${tenantId} and m.amount_fen > 0 and m.moved_at >= ${from} and m.moved_at < ${to}
      union all
      select split_part(asked_by, ':', 2)::uuid, asked_at, 'void', 0 from payments.cash_void
        where tenant_id = ${tenantId} and is_agreed and asked_by like 'staff:%' and asked_at >= ${from} and asked_at < ${to}
      union all
      select cashier_id, closed_at, 'turn', counted_fen - expected_fen from payments.drawer_session
        where tenant_id = ${tenantId} and closed_at >= ${from} and closed_at < ${to}) q
    group by 1, 2`)
