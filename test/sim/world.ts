import assert from 'node:assert/strict'
import { systemCtx } from '#kernel/context.ts'
import { queryIn, type TestKernel } from '#kernel/db/testing.ts'
import { newCode, newId } from '#kernel/id.ts'
import { seededRandom } from '#kernel/random.ts'
import { manualClock } from '#kernel/time.ts'
import {
  type BillerConfig,
  type BillerPort,
  getBill,
  listReceipts,
  partRange,
  payBills,
  quotePart,
  runPostings,
  undoPayment,
  usePort,
} from '#modules/billing/index.ts'
import { checkLedger, ensureAccount, listBalances } from '#modules/ledger/index.ts'
import {
  checkPayments,
  closeOrder,
  ensureMerchant,
  findOrderByCode,
  orderStateOf,
  outTradeNoOf,
  receiveNotification,
  runJanitor,
  runRefunds,
  startAttempt,
  useChannel,
} from '#modules/payments/index.ts'
import * as billing from '../../src/modules/billing/store.ts'
import { type Faults, type SimChannel, simChannel } from './channel.ts'

const BILLS = 8
const STEPS = 60
const M = 60_000

const CONFIG: BillerConfig = {
  account: { pattern: '^[0-9]{10}$', check: 'luhn', length: 10, example: '1045333141' },
  late_fee: { grace_days: 15, rate_per_day_e6: 500, part_min_fen: 100 },
  partial_payment: 'free',
  posting_window_min: 60,
  cycle_months: 2,
  mappings: {},
}

/** A town of one biller and a few payers, replayed from a seed. Throws AssertionError when the auditor finds a difference. */
export async function simulate(shared: TestKernel, seed: number): Promise<void> {
  const clock = manualClock('2026-11-01T01:00:00Z')
  const random = seededRandom(seed)
  const kernel: TestKernel = { ...shared, clock, random }
  const tenantId = seed
  const ctx = systemCtx(kernel, tenantId, 'sim')
  const faults: Faults = { lostBefore: 0.15, lostAfter: 0.15, refused: 0.05, lie: 0.2 }
  const channel = simChannel(random, clock, faults)
  useChannel(tenantId, channel)
  const biller = simBiller(random, faults)
  usePort(tenantId, 'water', biller)
  await ensureMerchant(ctx, 'wechat', 'sim')
  const codes = await issueBills(kernel, tenantId)
  const orders = new Map<string, string>()
  const mail: { dueAt: number; raw: Buffer }[] = []

  const pick = <T>(list: readonly T[]): T => list[random.int(list.length)]!
  const payer = () => `browser:p${random.int(3)}`

  async function scan(): Promise<void> {
    const who = payer()
    const bill = await getBill(ctx, pick(codes), [who])
    assert.ok(bill.ok)
    // Two in five pay what they have.
    const range = random.float() < 0.4 ? partRange(bill.value, bill.value.rule) : undefined
    const part = range && (await quotePart(ctx, bill.value, range.minFen + random.int(range.maxFen - range.minFen + 1)))
    const quote = part?.ok ? part.value.quote : bill.value.quote
    const placed = await payBills(ctx, { quote, idempotencyKey: newCode(random), payer: who, place: 'phone' })
    if (!placed.ok) return
    orders.set(placed.value.code, who)
    await startAttempt(ctx, {
      orderId: placed.value.orderId,
      channel: 'wechat',
      product: 'h5',
      notifyUrl: '',
      returnUrl: '',
      clientIp: '10.0.0.1',
    })
  }

  async function payInWallet(): Promise<void> {
    const trade = pick([...channel.trades.keys()])
    const wasClosed = trade !== undefined && channel.trades.get(trade)?.state === 'CLOSED'
    if (!trade || !channel.pay(trade, random.float() < 0.15)) return
    // Up to four copies, in any order; none at all now and then, save for a trade we believe closed: nobody asks about
    // that one again, and without a word of it only the channel's statement of the next day could tell.
    for (let copies = Math.max(random.int(5), wasClosed ? 1 : 0); copies > 0; copies--)
      mail.push({ dueAt: clock.now().getTime() + random.int(30) * M, raw: channel.notification(trade) })
  }

  async function deliver(): Promise<void> {
    const now = clock.now().getTime()
    for (let i = mail.length - 1; i >= 0; i--) {
      if (mail[i]!.dueAt > now) continue
      const [letter] = mail.splice(i, 1)
      await receiveNotification(kernel, tenantId, 'wechat', letter!.raw, {})
    }
  }

  const anyOrder = () => (orders.size === 0 ? undefined : pick([...orders]))
  const acts: (() => Promise<unknown>)[] = [
    scan,
    scan,
    payInWallet,
    payInWallet,
    deliver,
    () => runJanitor(kernel, tenantId),
    () => runRefunds(kernel, tenantId),
    () => runPostings(kernel, tenantId),
    async () => channel.settleRefunds(),
    async () => clock.advance(random.int(12) * M),
    async () => {
      const [code] = anyOrder() ?? []
      const order = code && (await findOrderByCode(ctx, code))
      if (order && orderStateOf(order.state) === 'open') await closeOrder(ctx, order.id, 'cancelled_by_payer')
    },
    async () => {
      const [code, who] = anyOrder() ?? []
      if (code && who && random.float() < 0.3) await undoPayment(ctx, { orderCode: code, payers: [who], idempotencyKey: newCode(random) })
    },
    async () => {
      const [code] = anyOrder() ?? []
      const order = code && (await findOrderByCode(ctx, code))
      if (order && orderStateOf(order.state) === 'paid') await listReceipts(ctx, order)
    },
  ]
  for (let step = 0; step < STEPS; step++) {
    await pick(acts)()
    clock.advance(random.int(20_000))
  }

  Object.assign(faults, { lostBefore: 0, lostAfter: 0, refused: 0, lie: 0 })
  for (let round = 0; round < 40; round++) {
    clock.advance(61 * M)
    await deliver()
    channel.settleRefunds()
    await runJanitor(kernel, tenantId)
    await runRefunds(kernel, tenantId)
    await runPostings(kernel, tenantId)
  }
  await audit(kernel, tenantId, channel, biller)
}

interface Told {
  readonly amountFen: number
  readonly principalFen: number
  readonly billNo: string
  state: 'posted' | 'rejected' | 'reversed'
}

interface SimBiller extends BillerPort {
  readonly posted: ReadonlyMap<string, Told>
}

function simBiller(random: ReturnType<typeof seededRandom>, faults: Faults): SimBiller {
  const posted = new Map<string, Told>()
  const lost = { kind: 'unknown' as const, why: 'no answer' }
  const over = async <T>(act: () => T) => {
    if (random.float() < faults.lostBefore) return lost
    const answer = act()
    return random.float() < faults.lostAfter ? lost : answer
  }
  const say = (no: string) => {
    const state = posted.get(no)?.state
    return state === undefined
      ? { kind: 'missing' as const }
      : state === 'rejected'
        ? { kind: 'rejected' as const, reason: 'by seed' }
        : { kind: state }
  }
  return {
    posted,
    post: r =>
      over(() => {
        if (!posted.has(r.postingNo))
          posted.set(r.postingNo, {
            amountFen: r.amountFen,
            principalFen: r.amountFen - r.lateFeeFen,
            billNo: r.billNo,
            state: random.float() < faults.refused * 2 ? 'rejected' : 'posted',
          })
        return say(r.postingNo)
      }),
    query: no => over(() => say(no)),
    reverse: no =>
      over(() => {
        const posting = posted.get(no)
        if (posting?.state === 'posted') posting.state = 'reversed'
        return say(no)
      }),
  }
}

async function issueBills(kernel: TestKernel, tenantId: number): Promise<string[]> {
  const { db, clock, random } = kernel
  const ctx = systemCtx(kernel, tenantId, 'sim')
  const codes = Array.from({ length: BILLS }, () => newCode(random))
  await db.tx(tenantId, async tx => {
    const payableAccountId = await ensureAccount(tx, ctx, '2202:water')
    await billing.upsertBiller(
      tx,
      tenantId,
      {
        id: 'water',
        nameZh: '水',
        nameEn: 'Water',
        serviceZh: '水费',
        serviceEn: 'Water',
        unit: 'm3',
        payableAccountId,
        isOnline: true,
        config: CONFIG,
      },
      clock.now(),
    )
    for (const [i, code] of codes.entries()) {
      const accountId = newId(clock, random)
      await tx.client.query(
        `insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at) values ($1, $2, 'water', $3, '王**', '***', false, $4)`,
        [tenantId, accountId, `104000000${i}`, clock.now()],
      )
      await tx.client.query(
        `insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, lines, issued_at)
         values ($1, $2, $3, 'water', $4, $5, '2026-09', '2026-10', $6, '2026-10-01', '[]', $7)`,
        [tenantId, newId(clock, random), code, accountId, `W${i}`, 1_000 + random.int(50_000), clock.now()],
      )
    }
  })
  return codes
}

/** The auditor: what the channel and the biller hold must be what our books say, and nothing may be left open. */
async function audit(kernel: TestKernel, tenantId: number, channel: SimChannel, biller: SimBiller): Promise<void> {
  const { pool } = kernel.db
  const open = await pool.query(`select id, state from payments.attempt_state where tenant_id = $1 and state not in (5, 6, 8)`, [tenantId])
  assert.deepEqual(open.rows, [], 'an attempt is still open or unknown at rest')
  const openOrders = await pool.query(`select id from payments."order" where tenant_id = $1 and state = 1`, [tenantId])
  assert.deepEqual(openOrders.rows, [], 'an order is still open at rest')
  const openRefunds = await pool.query(`select id, state, failure from payments.refund where tenant_id = $1 and state <> 5`, [tenantId])
  assert.deepEqual(openRefunds.rows, [], 'a refund is unfinished at rest')
  const broken = [...(await checkLedger(kernel.db, tenantId)), ...(await checkPayments(kernel.db, tenantId))].filter(
    check => check.ok === false,
  )
  assert.deepEqual(broken, [], 'an invariant of the books is broken')

  const balances = new Map((await kernel.db.read(tenantId, tx => listBalances(tx, tenantId))).map(row => [row.code, row.amount]))
  const paid = [...channel.trades.values()].filter(t => t.state === 'SUCCESS').reduce((sum, t) => sum + t.amountFen, 0)
  const given = [...channel.refunds.values()].reduce((sum, r) => sum + r.amountFen, 0)
  assert.equal(balances.get('1012:wechat:sim') ?? 0, paid - given, 'clearing account against the channel')
  const held = await queryIn(
    kernel,
    `select coalesce(sum(amount_fen), 0)::bigint as fen from billing.posting where tenant_id = $1 and state = 3`,
    [tenantId],
    tenantId,
  )
  const posted = [...biller.posted.values()].filter(p => p.state === 'posted').reduce((sum, p) => sum + p.amountFen, 0)
  assert.equal(Number(held.rows[0].fen), posted, 'postings against the biller')
  const attempts = await pool.query(`select id from payments.attempt_state where tenant_id = $1 and state = 5`, [tenantId])
  const ours = new Set(attempts.rows.map(row => outTradeNoOf(tenantId, row.id)))
  for (const trade of channel.trades.values())
    assert.equal(ours.has(trade.outTradeNo), trade.state === 'SUCCESS', `${trade.outTradeNo} is ${trade.state} at the channel`)
  const twice = await pool.query(
    `select l.subject_id from payments.order_line l join payments."order" o on o.tenant_id = l.tenant_id and o.id = l.order_id
     join billing.bill b on b.tenant_id = l.tenant_id and b.id = l.subject_id
     where l.tenant_id = $1 and l.subject_kind = 'bill' and o.paid_fen > o.refunded_fen group by 1, b.amount_fen having sum(l.amount_fen) > b.amount_fen`,
    [tenantId],
  )
  assert.deepEqual(twice.rows, [], 'more was paid of a bill than it asks for')
  const perBill = new Map<string, number>()
  for (const posting of biller.posted.values())
    if (posting.state === 'posted') perBill.set(posting.billNo, (perBill.get(posting.billNo) ?? 0) + posting.principalFen)
  const asked = await queryIn(kernel, 'select bill_no, amount_fen from billing.bill where tenant_id = $1', [tenantId], tenantId)
  for (const row of asked.rows)
    assert.ok((perBill.get(row.bill_no) ?? 0) <= Number(row.amount_fen), `a biller was told more of ${row.bill_no} than it asks for`)
}
