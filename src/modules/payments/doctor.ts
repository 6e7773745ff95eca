import { type Db, firstOf, type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { listBalances, sqlEntriesOf, sqlJournalDebits, sqlSumsOf } from '#modules/ledger/index.ts'
import { type Check, recorded } from '#modules/trail/index.ts'
import { CARD } from './card/model.ts'
import { orderPaid, refundRequested } from './events.ts'
import { ATTEMPT, CASH, ORDER, PREPAID, PREPAY_SUBJECT, REFUND } from './model.ts'
import { sqlUnidentified } from './reconcile/unidentified.ts'

async function empty(tx: Tx, id: string, name: string, query: Sql): Promise<Check> {
  const bad = await tx.rows<Record<string, unknown>>(firstOf(query, 5))
  return { id, name, ok: bad.length === 0, detail: bad.length === 0 ? '' : JSON.stringify(bad) }
}

/** I4 to I12 over one tenant. Each query lists what breaks the rule. */
export async function checkPayments(
  db: Db,
  tenantId: number,
  ledgerSum: (tx: Tx, accountPrefix: string) => Promise<number> = sumOf(tenantId),
): Promise<Check[]> {
  const t = tenantId
  return db.read(t, async tx => {
    const cleared = await tx.one<{ fen: number }>(sql`
      select (coalesce((select sum(paid_fen) from payments."order" where tenant_id = ${t}), 0)
        + coalesce((select sum(amount_fen) from payments.suspense where tenant_id = ${t}), 0)
        - coalesce((select sum(amount_fen) from payments.refund where tenant_id = ${t} and state = ${REFUND.succeeded}), 0)
        - coalesce((select sum(fen) from (${sqlSpent(t)}) s), 0)
        - coalesce((select sum(gross_fen) from payments.settled_day where tenant_id = ${t}), 0)
        - coalesce((select sum(amount_fen) from payments.bank_move where tenant_id = ${t} and kind in ('debit', 'cash') and booked_at is not null), 0))::bigint as fen`)
    // Over and short stands beside the drawer it was found in.
    const clearing =
      (await ledgerSum(tx, '1012')) + (await ledgerSum(tx, '1001')) + (await ledgerSum(tx, '1221')) + (await ledgerSum(tx, '1013'))
    const unknown = await tx.one<{ cleared: number; open: number; orphans: number }>(sqlUnidentified(t))
    const open = await tx.one<{ fen: number }>(
      sql`select coalesce(sum(amount_fen), 0)::bigint as fen from payments.suspense where tenant_id = ${t} and refund_id is null and resolved_at is null`,
    )
    const suspense = -(await ledgerSum(tx, '2249'))
    return [
      await empty(
        tx,
        'I4',
        'an attempt has succeeded exactly if it is booked once, with its amount; every other payment is in suspense',
        sql`
        with booked as (
          select q.ref, q.about, q.debit as fen from (${sqlJournalDebits(t, ['PAY', 'LATE', 'CASH'])}) q)
        select a.id, a.state, b.ref, b.fen, s.amount_fen from (
          select a.*, a.channel || ':' || a.txn_no as ref from payments.attempt_state a where a.tenant_id = ${t}) a
        full join booked b on b.ref = a.ref
        left join (
          select u.attempt_id, u.amount_fen, x.channel || ':' || u.txn_no as ref from payments.suspense u
          join payments.attempt x on x.tenant_id = u.tenant_id and x.id = u.attempt_id where u.tenant_id = ${t}) s on s.ref = b.ref and s.attempt_id = b.about
        where (a.state is null or (a.state = ${ATTEMPT.succeeded}) <> (b.ref is not null) or a.id <> b.about or coalesce(s.amount_fen, a.amount_fen) <> b.fen)
          and not (a.id is null and s.amount_fen is not distinct from b.fen)`,
      ),
      await empty(
        tx,
        'I5',
        'a channel number belongs to one attempt',
        sql`
        select channel, txn_no from payments.attempt_state where tenant_id = ${t} and txn_no is not null group by 1, 2 having count(*) > 1`,
      ),
      await empty(
        tx,
        'I6',
        'an order has been paid what its attempts outside suspense brought',
        sql`
        select o.id, o.state, o.paid_fen, s.fen from payments."order" o
        left join (
          select a.order_id, sum(a.amount_fen) as fen, count(*) as attempts from payments.attempt_state a
          where a.tenant_id = ${t} and a.state = ${ATTEMPT.succeeded}
            and not exists (select 1 from payments.suspense u where u.tenant_id = a.tenant_id and u.attempt_id = a.id and u.txn_no = a.txn_no)
          group by a.order_id) s on s.order_id = o.id
        where o.tenant_id = ${t} and (o.paid_fen <> coalesce(s.fen, 0) or (o.state = ${ORDER.paid}) <> (o.paid_fen > 0) or coalesce(s.attempts, 0) > 1)`,
      ),
      await empty(
        tx,
        'I7',
        'refunds are within what was paid, and at most fifty an order',
        sql`
        select o.id, o.paid_fen, o.refunded_fen, o.reserved_fen from payments."order" o
        left join (
          select r.order_id, count(*) as refunds,
            sum(r.amount_fen) filter (where r.state = ${REFUND.succeeded} and s.attempt_id is null) as refunded,
            sum(r.amount_fen) filter (where r.finished_at is null and s.attempt_id is null and r.state <> ${REFUND.requested}) as reserved
          from payments.refund r left join payments.suspense s on s.tenant_id = r.tenant_id and s.refund_id = r.id
          where r.tenant_id = ${t} group by r.order_id) q on q.order_id = o.id
        where o.tenant_id = ${t} and (o.refunded_fen + o.reserved_fen > o.paid_fen or q.refunds > 50
          or o.refunded_fen <> coalesce(q.refunded, 0) or o.reserved_fen <> coalesce(q.reserved, 0))`,
      ),
      {
        id: 'I8',
        name: 'clearing accounts, drawers and debits in transit hold successes less refunds and what was paid out',
        ok: clearing === cleared.fen + unknown.cleared,
        detail: clearing === cleared.fen + unknown.cleared ? '' : `books ${clearing}, facts ${cleared.fen + unknown.cleared}`,
      },
      await empty(
        tx,
        'I9',
        'what is held in advance is not negative, and is what came in less what was taken',
        sql`
        with booked as (
          select p.id, p.ledger_account_id, -e.amount as held from payments.prepaid p
          join (${sqlSumsOf(t, '2203')}) e on e.account_id = p.ledger_account_id where p.tenant_id = ${t}),
        facts as (
          select l.payee_account_id as account_id, l.amount_fen as fen from payments.order_line l
          join payments."order" o on o.tenant_id = l.tenant_id and o.id = l.order_id and o.state = ${ORDER.paid}
          where l.tenant_id = ${t} and l.subject_kind = ${PREPAY_SUBJECT}
          union all
          select r.from_account_id, -r.amount_fen from payments.refund r where r.tenant_id = ${t} and r.state not in (${REFUND.requested}, ${REFUND.closed})
          union all
          select p.ledger_account_id, -s.fen from (${sqlSpent(t)}) s join payments.prepaid p on p.tenant_id = ${t} and p.id::text = s.mchid)
        select b.id, b.held, coalesce(f.fen, 0) as fen from booked b
        left join (select account_id, sum(fen) as fen from facts group by 1) f on f.account_id = b.ledger_account_id
        where b.held < 0 or b.held <> coalesce(f.fen, 0)`,
      ),
      {
        id: 'I10',
        name: 'each fen in suspense has an open break',
        ok: suspense === open.fen + unknown.open && unknown.orphans === 0,
        detail:
          suspense === open.fen + unknown.open && unknown.orphans === 0
            ? ''
            : `books ${suspense}, breaks ${open.fen + unknown.open}, ${unknown.orphans} without an open break`,
      },
      await empty(
        tx,
        'I12',
        'drawers: opening and entries equal counted and over/short, numbered without gaps',
        sql`
        select s.id, s.drawer, s.expected_fen, s.counted_fen, s.last_seq, m.moved, m.moves, d.diff from payments.drawer_session s
        left join (
          select session_id, sum(amount_fen) as moved, count(*) as moves, max(seq) as last from payments.cash_move where tenant_id = ${t} group by 1) m
          on m.session_id = s.id
        left join (
          select q.about, sum(q.amount) as diff from (${sqlEntriesOf(t, 'CASH_DIFF', '1221')}) q group by 1) d on d.about = s.id
        where s.tenant_id = ${t}
          and (coalesce(m.moves, 0) <> s.last_seq or coalesce(m.last, 0) <> s.last_seq
            or (s.closed_at is not null
              and (s.opening_fen + coalesce(m.moved, 0) <> s.expected_fen or s.expected_fen - s.counted_fen <> coalesce(d.diff, 0))))`,
      ),
      await empty(
        tx,
        'C5',
        'each cash payment and payout is one move of a drawer, of its amount',
        sql`
        (select a.id, a.amount_fen from payments.attempt_state a
          left join payments.suspense u on u.tenant_id = a.tenant_id and u.attempt_id = a.id and u.txn_no = a.txn_no
          where a.tenant_id = ${t} and a.channel = ${CASH} and a.state = ${ATTEMPT.succeeded}
            and not exists (select from payments.cash_move m where m.tenant_id = ${t} and m.refund_id is null
              and m.session_id || '-' || m.seq = a.txn_no and m.order_id = a.order_id and m.amount_fen = coalesce(u.amount_fen, a.amount_fen)))
        union all
        (select r.id, r.amount_fen from payments.refund r join payments.attempt a on a.tenant_id = ${t} and a.id = r.attempt_id
          where r.tenant_id = ${t} and a.channel = ${CASH} and r.state = ${REFUND.succeeded}
            and not exists (select from payments.cash_move m where m.tenant_id = ${t} and m.refund_id = r.id and m.amount_fen = -r.amount_fen))`,
      ),
      await empty(
        tx,
        'C6',
        'cash taken without network is a move of its drawer once, of its amount, and its numbers have no gaps when the turn is over',
        sql`
        (select a.session_id, a.device, a.seq from payments.offline_act a
          where a.tenant_id = ${t} and a.outcome is not null
            and not exists (select from payments.cash_move m where m.tenant_id = ${t} and m.session_id = a.session_id and m.order_id = a.order_id
              and m.refund_id is null and m.amount_fen = a.amount_fen))
        union all
        (select a.session_id, a.device, max(a.seq) from payments.offline_act a where a.tenant_id = ${t} group by 1, 2 having max(a.seq) <> count(*))
        union all
        (select a.session_id, a.order_id, count(*)::integer from payments.offline_act a where a.tenant_id = ${t} and a.outcome is not null group by 1, 2
          having count(*) > (select count(*) from payments.cash_move m
            where m.tenant_id = ${t} and m.session_id = a.session_id and m.order_id = a.order_id and m.refund_id is null))`,
      ),
      await empty(
        tx,
        'C7',
        'each card payment and refund at a terminal is one reference of it, of its amount',
        sql`
        (select a.id, a.amount_fen from payments.attempt_state a
          where a.tenant_id = ${t} and a.channel = ${CARD} and a.state = ${ATTEMPT.succeeded}
            and not exists (select from payments.card_move m where m.tenant_id = ${t} and m.refund_id is null and m.terminal = a.mchid
              and m.terminal || '-' || to_char(m.day, 'YYYYMMDD') || '-' || m.reference = a.txn_no and m.order_id = a.order_id and m.amount_fen = a.amount_fen))
        union all
        (select r.id, r.amount_fen from payments.refund r join payments.attempt a on a.tenant_id = ${t} and a.id = r.attempt_id
          where r.tenant_id = ${t} and a.channel = ${CARD} and r.state = ${REFUND.succeeded}
            and not exists (select from payments.card_move m where m.tenant_id = ${t} and m.refund_id = r.id and m.amount_fen = -r.amount_fen))`,
      ),
      await empty(
        tx,
        'C1',
        'a subject has at most one live order, and every live order holds its subjects',
        sql`
        select o.id, l.subject_id from payments."order" o
        join payments.order_line l on l.tenant_id = o.tenant_id and l.order_id = o.id
        left join payments.claim c on c.tenant_id = l.tenant_id and c.subject_kind = l.subject_kind and c.subject_id = l.subject_id
        where o.tenant_id = ${t}
          and ((o.state = ${ORDER.open} or (o.state = ${ORDER.paid} and o.refunded_fen + o.reserved_fen < o.paid_fen)) <> coalesce(c.order_id = o.id, false))
          -- A paid part may have passed its claim on.
          and not (l.is_part and o.state = ${ORDER.paid} and c.order_id is distinct from o.id)`,
      ),
      await empty(
        tx,
        'C4',
        'no payment and no refund without its event on the trail',
        sql`
        (select 'attempt' as what, o.paid_attempt_id as id from payments."order" o where o.tenant_id = ${t} and o.paid_attempt_id is not null
          except select 'attempt', e.id from (${recorded(t, [orderPaid.type])}) e)
        union all
        (select 'refund', r.id from payments.refund r where r.tenant_id = ${t}
          except select 'refund', (e.body ->> 'refund')::uuid from (${recorded(t, [refundRequested.type])}) e)`,
      ),
      await empty(
        tx,
        'C2',
        'states and amounts are in their range',
        sql`
        select id, state, amount_fen from payments."order" where tenant_id = ${t} and (state not between 1 and 3 or amount_fen <= 0 or paid_fen < 0)
        union all select id, state, amount_fen from payments.attempt where tenant_id = ${t} and (state not between 1 and 8 or amount_fen <= 0)`,
      ),
    ]
  })
}

/** What orders took from balances, and what of it went back. */
const sqlSpent = (t: number): Sql => sql`
  select a.mchid, a.amount_fen as fen from payments.attempt_state a where a.tenant_id = ${t} and a.channel = ${PREPAID} and a.state = ${ATTEMPT.succeeded}
  union all
  select a.mchid, -r.amount_fen from payments.refund r join payments.attempt a on a.tenant_id = r.tenant_id and a.id = r.attempt_id
  where r.tenant_id = ${t} and a.channel = ${PREPAID} and r.state = ${REFUND.succeeded}`

/** Sums by class of account, from one look at the balances: with a long tail of the trail each look is dear. */
function sumOf(tenantId: number): (tx: Tx, prefix: string) => Promise<number> {
  let seen: ReturnType<typeof listBalances> | undefined
  return async (tx, prefix) => {
    seen ??= listBalances(tx, tenantId)
    return (await seen).filter(row => row.code.startsWith(`${prefix}:`)).reduce((sum, row) => sum + row.amount, 0)
  }
}
