import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { type Sql, sql } from '#kernel/db/index.ts'
import { type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { addMs, manualClock } from '#kernel/time.ts'
import { checkLedger, listBalances } from '#modules/ledger/index.ts'
import {
  checkPayments,
  decideRefund,
  findOrderById,
  findRefundOffer,
  listRefundsWaiting,
  recordPaid,
  refundOrder,
  requestRefund,
} from '../index.ts'
import { applyRefundFact } from '../service/refunds.ts'
import { openOrders, PAID_AT } from './support.ts'

const faults = async ({ kernel }: Ctx) =>
  [...(await checkLedger(kernel.db, 1)), ...(await checkPayments(kernel.db, 1))].filter(check => check.ok === false)
const rowsOf = <T>(ctx: Ctx, query: Sql) => ctx.kernel.db.read(1, tx => tx.rows<T>(query))

const person = (kernel: TestKernel, n: number, ...permissions: string[]): Ctx =>
  testCtx(kernel, { id: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`, permissions: new Set(permissions) })
const asker = (kernel: TestKernel, n = 1) => person(kernel, n, 'payments.refund.request')
const approver = (kernel: TestKernel, n = 2) => person(kernel, n, 'payments.refund.approve', 'payments.refund.request')

async function paidOrders(ctx: Ctx, count: number) {
  const orders = await openOrders(ctx, count)
  for (const [i, { attempts, amountFen }] of orders.entries())
    await recordPaid(ctx, { attemptId: attempts[0]!, txnNo: `42${i}`, amountFen, paidAt: PAID_AT })
  return orders
}

const ask = async (ctx: Ctx, orderId: string, amountFen: number, more: Partial<Parameters<typeof requestRefund>[1]> = {}) => {
  const given = {
    orderId,
    line: 1,
    amountFen,
    cause: 'overcharged',
    note: '',
    givenFen: 0,
    idempotencyKey: newCode(ctx.kernel.random),
    ...more,
  }
  const done = await requestRefund(ctx, given)
  return done.ok ? done.value.refundId : done.error.code
}
const decide = async (ctx: Ctx, refundId: string, isAgreed: boolean, givenFen = 0) => {
  const done = await decideRefund(ctx, { refundId, isAgreed, givenFen })
  return done.ok ? 'ok' : done.error.code
}

test('a part goes back when a second person agrees; whoever asked cannot, and nothing is set aside before', () =>
  withTestDb(async base => {
    const kernel = { ...base, clock: manualClock(addMs(PAID_AT, 3_600_000)) }
    const ctx = systemCtx(kernel, 1, 'test')
    const [order] = await paidOrders(ctx, 1)
    const { orderId } = order!
    assert.equal(await ask(testCtx(kernel), orderId, 100), 'access.denied')
    for (const [amountFen, more, code] of [
      [0, {}, 'amount_not_positive'],
      [1.5, {}, 'amount_not_positive'],
      [1_001, {}, 'refund_too_large'],
      [1_000, {}, 'refund_whole'],
      [100, { cause: 'because' }, 'reason_missing'],
      [100, { cause: 'other', note: ' ' }, 'note_missing'],
      [100, { line: 2 }, 'refund_not_allowed'],
      [100, { givenFen: 5 }, 'refund_stale'],
      [100, { orderId: makeId(ctx) }, 'order_not_found'],
    ] as const)
      assert.equal(await ask(asker(kernel), more && 'orderId' in more ? more.orderId : orderId, amountFen, more), `payments.${code}`)
    const key = newCode(kernel.random)
    const id = await ask(asker(kernel), orderId, 300, { idempotencyKey: key })
    assert.equal(await ask(asker(kernel), orderId, 300, { idempotencyKey: key }), id, 'a repeated form asks once')
    const balances = async () => Object.fromEntries((await kernel.db.read(1, tx => listBalances(tx, 1))).map(row => [row.code, row.amount]))
    assert.equal((await balances())['2241:wechat'], 0)
    assert.deepEqual(await faults(ctx), [])
    const waiting = await listRefundsWaiting(approver(kernel))
    assert.ok(waiting.ok)
    assert.deepEqual(
      waiting.value.map(r => [r.id, r.amountFen, r.isOwn]),
      [[id, 300, false]],
    )
    assert.equal(await decide(asker(kernel), id, true), 'access.denied')
    assert.equal(await decide(approver(kernel, 1), id, true), 'payments.refund_own')
    assert.equal(await decide(approver(kernel), id, true, 9), 'payments.refund_stale')
    assert.equal(await decide(approver(kernel), makeId(ctx), true), 'payments.refund_not_found')
    assert.equal(await decide(approver(kernel), id, true), 'ok')
    assert.equal(await decide(approver(kernel), id, true), 'payments.refund_decided')
    assert.equal((await balances())['2241:wechat'], -300)
    const [refund] = await rowsOf<{ no: string }>(ctx, sql`select out_refund_no as no from payments.refund`)
    const fact = { outTradeNo: '-', outRefundNo: refund!.no, state: 'SUCCESS' as const, refundedAt: PAID_AT }
    await Promise.all(Array.from({ length: 20 }, () => applyRefundFact(ctx, fact)))
    const after = await findOrderById(ctx, orderId)
    assert.deepEqual([after?.paidFen, after?.refundedFen, after?.reservedFen], [1_000, 300, 0])
    assert.deepEqual(await faults(ctx), [])
    // The bill stays paid, and what is left goes back whole when its biller asks for it.
    assert.equal((await rowsOf(ctx, sql`select from payments.claim`)).length, 1)
    const rest = await kernel.db.tx(1, tx => refundOrder(tx, ctx, orderId, 'biller_reversed'))
    assert.ok(rest.ok)
    assert.deepEqual(await rowsOf(ctx, sql`select amount_fen as fen from payments.refund order by amount_fen`), [
      { fen: 300 },
      { fen: 700 },
    ])
    assert.equal((await rowsOf(ctx, sql`select from payments.claim`)).length, 0)
    assert.deepEqual(await faults(ctx), [])
    const offer = await findRefundOffer(asker(kernel), orderId)
    assert.ok(offer.ok && offer.value === undefined)
  }))

test('a request can be declined or taken back, and lapses when a year has passed', () =>
  withTestDb(async base => {
    const clock = manualClock(addMs(PAID_AT, 3_600_000))
    const kernel = { ...base, clock }
    const ctx = systemCtx(kernel, 1, 'test')
    const [order] = await paidOrders(ctx, 1)
    const { orderId } = order!
    const declined = await ask(asker(kernel), orderId, 10)
    assert.equal(await decide(approver(kernel), declined, false), 'ok')
    assert.equal(await decide(approver(kernel), declined, true), 'payments.refund_decided')
    const own = await ask(asker(kernel), orderId, 10)
    assert.equal(await decide(asker(kernel, 7), own, false), 'access.denied', "another's request")
    assert.equal(await decide(asker(kernel), own, false), 'ok')
    const late = await ask(asker(kernel), orderId, 10)
    clock.advance(366 * 86_400_000)
    assert.equal(await decide(approver(kernel), late, true), 'payments.refund_too_old')
    assert.equal(await ask(asker(kernel), orderId, 10), 'payments.refund_too_old')
    assert.deepEqual(await faults(ctx), [])
  }))

test('whatever is asked and agreed in whatever order, no more goes back than was paid, line by line', () =>
  withTestDb(async base => {
    const kernel = { ...base, clock: manualClock(addMs(PAID_AT, 3_600_000)) }
    const ctx = systemCtx(kernel, 1, 'test')
    const orders = await paidOrders(ctx, 40)
    let next = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 1_100 }), fc.boolean()), { minLength: 1, maxLength: 8 }),
        async steps => {
          const { orderId, amountFen: paid } = orders[next++]!
          let given = 0
          for (const [amountFen, isAgreed] of steps) {
            const id = await ask(asker(kernel), orderId, amountFen, { givenFen: given })
            const fits = amountFen + given < paid
            assert.equal(/^payments\./.test(id), !fits)
            if (!fits) continue
            assert.equal(await decide(approver(kernel), id, isAgreed, given), 'ok')
            if (isAgreed) given += amountFen
          }
          const order = await findOrderById(ctx, orderId)
          assert.equal(order?.reservedFen, given)
        },
      ),
      { numRuns: 30 },
    )
    assert.deepEqual(await faults(ctx), [])
  }))

const PAYMENTS = process.env.YIMEN_FULL ? 300 : 60

test(`sixteen people agreeing at once to refunds of ${PAYMENTS} payments never give back more than was paid`, { timeout: 180_000 }, () =>
  withTestDb(async base => {
    const kernel = { ...base, clock: manualClock(addMs(PAID_AT, 3_600_000)) }
    const ctx = systemCtx(kernel, 1, 'test')
    const orders = await paidOrders(ctx, PAYMENTS)
    // Each order has three requests of two fifths: two fit, the third never does.
    const ids: string[] = []
    for (const { orderId, amountFen } of orders)
      for (let i = 0; i < 3; i++) ids.push(await ask(asker(kernel), orderId, Math.floor((amountFen * 2) / 5)))
    const people = Array.from({ length: 16 }, (_, i) => approver(kernel, 100 + i))
    const pools = people.map((_, p) => ids.filter((_id, i) => (i * 7 + p) % 4 !== 0))
    const counts: Record<string, number> = {}
    await Promise.all(
      people.map(async (who, p) => {
        for (const id of pools[p]!.sort((a, b) => (a + p < b + p ? -1 : 1))) {
          const waiting = (
            await rowsOf<{ given: number }>(
              ctx,
              sql`select o.reserved_fen + o.refunded_fen as given from payments.refund r join payments."order" o on o.tenant_id = 1 and o.id = r.order_id where r.tenant_id = 1 and r.id = ${id}`,
            )
          )[0]!
          const answer = await decide(who, id, true, Number(waiting.given))
          counts[answer] = (counts[answer] ?? 0) + 1
        }
      }),
    )
    const rows = await rowsOf<{ over: number; given: number }>(
      ctx,
      sql`select count(*) filter (where reserved_fen > paid_fen) as over, sum(reserved_fen)::bigint as given from payments."order"`,
    )
    assert.equal(rows[0]!.over, 0)
    const most = orders.reduce((sum, { amountFen }) => sum + 2 * Math.floor((amountFen * 2) / 5), 0)
    assert.ok(rows[0]!.given <= most && rows[0]!.given >= most / 2)
    assert.ok(counts.ok! >= PAYMENTS && counts.ok! <= 2 * PAYMENTS)
    assert.deepEqual(await faults(ctx), [])
  }),
)
