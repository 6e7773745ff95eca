import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ctx, systemCtx } from '#kernel/context.ts'
import { connect, sql } from '#kernel/db/index.ts'
import { queryIn, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { checkLedger, listBalances } from '#modules/ledger/index.ts'
import {
  checkPayments,
  closeOrder,
  ensureMerchant,
  findOrderById,
  listDeskOrders,
  placeOrder,
  recordPaid,
  refundOrder,
  returnMismatch,
} from '../index.ts'
import { finishOrder } from '../service/attempts.ts'
import { applyRefundFact } from '../service/refunds.ts'
import * as store from '../store.ts'
import { openOrders, PAID_AT } from './support.ts'

const faults = async ({ kernel, tenantId }: Ctx) =>
  [...(await checkLedger(kernel.db, tenantId)), ...(await checkPayments(kernel.db, tenantId))].filter(check => check.ok === false)

const balances = async (ctx: Ctx): Promise<Record<string, number>> =>
  Object.fromEntries((await ctx.kernel.db.read(ctx.tenantId, tx => listBalances(tx, ctx.tenantId))).map(row => [row.code, row.amount]))

test('money of another amount keeps the bill taken until somebody decides: no giving up, no second order', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    const [order] = await openOrders(ctx, 1)
    const fact = { attemptId: order!.attempts[0]!, txnNo: '4200001', amountFen: order!.amountFen + 1, paidAt: PAID_AT }
    assert.equal(await recordPaid(ctx, fact), 'suspended')
    assert.equal(await closeOrder(ctx, order!.orderId, 'cancelled_by_payer'), 'paid')
    const again = await kernel.db.tx(1, tx =>
      placeOrder(tx, ctx, {
        lines: [{ subjectKind: 'bill', subjectId: order!.subjectId, payeeAccountId: 1, amountFen: order!.amountFen, title: '水费' }],
        title: '水费',
        payer: 'browser:other',
        place: 'phone',
      }),
    )
    assert.equal(!again.ok && again.error.code, 'payments.subject_being_paid')
    // The right amount under the other attempt is a second payment now, not the one the order waits for.
    const right = { ...fact, attemptId: order!.attempts[1]!, txnNo: '4200002', amountFen: order!.amountFen }
    assert.equal(await recordPaid(ctx, right), 'suspended')
    assert.deepEqual(await faults(ctx), [])
    const nobody = await returnMismatch(testCtx(kernel), order!.orderId)
    assert.equal(nobody.ok, false)
    const manager = testCtx(kernel, { permissions: new Set(['payments.refund.request']) })
    const both = await Promise.all([1, 2].map(() => returnMismatch(manager, order!.orderId)))
    assert.deepEqual(both.map(answer => answer.ok).sort(), [false, true])
    const { refunds, state } = (await findOrderById(ctx, order!.orderId))!
    assert.equal(state, 3)
    assert.deepEqual(refunds.map(refund => refund.amountFen).sort(), [order!.amountFen, order!.amountFen + 1])
    assert.deepEqual(await faults(ctx), [])
    for (const { outRefundNo } of refunds)
      await applyRefundFact(ctx, { outTradeNo: '-', outRefundNo, state: 'SUCCESS', refundedAt: PAID_AT })
    assert.deepEqual(await faults(ctx), [])
    assert.ok(Object.values(await balances(ctx)).every(amount => amount === 0))
  }))

test('a wrong and a right amount told for one attempt at the same moment are booked once', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    const orders = await openOrders(ctx, 30)
    await Promise.all(
      orders.flatMap(({ attempts, amountFen }, i) => [
        recordPaid(ctx, { attemptId: attempts[0]!, txnNo: `w${i}`, amountFen: amountFen + 1, paidAt: PAID_AT }),
        recordPaid(ctx, { attemptId: attempts[0]!, txnNo: `r${i}`, amountFen, paidAt: PAID_AT }),
      ]),
    )
    assert.deepEqual(await faults(ctx), [])
  }))

test('an order number the channel took money for twice keeps the first and gives the second back by its own number', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    const [order, other] = await openOrders(ctx, 2)
    const fact = { attemptId: order!.attempts[0]!, txnNo: '4200001', amountFen: order!.amountFen, paidAt: PAID_AT }
    assert.deepEqual(await Promise.all(['4200001', '4200002'].map(txnNo => recordPaid(ctx, { ...fact, txnNo }))), ['applied', 'suspended'])
    assert.equal(await recordPaid(ctx, { ...fact, txnNo: '4200003', amountFen: 7 }), 'suspended')
    // A number that is booked cannot pay another order.
    assert.equal(
      await recordPaid(ctx, { ...fact, attemptId: other!.attempts[0]!, txnNo: '4200002', amountFen: other!.amountFen }),
      'conflict',
    )
    const { refunds, state, mismatch } = (await findOrderById(ctx, order!.orderId))!
    assert.deepEqual([state, mismatch], [2, false])
    const back = refunds.map(({ txnNo, amountFen, cause }) => [txnNo, amountFen, cause]).sort()
    assert.deepEqual(back, [
      ['4200002', order!.amountFen, 'duplicate_pay'],
      ['4200003', 7, 'duplicate_pay'],
    ])
    assert.deepEqual(await faults(ctx), [])
    assert.ok((await kernel.db.tx(1, tx => refundOrder(tx, ctx, order!.orderId, 'undone_by_payer'))).ok)
    for (const { outRefundNo } of (await findOrderById(ctx, order!.orderId))!.refunds)
      await applyRefundFact(ctx, { outTradeNo: '-', outRefundNo, state: 'SUCCESS', refundedAt: PAID_AT })
    assert.deepEqual(await faults(ctx), [])
    assert.ok(Object.values(await balances(ctx)).every(amount => amount === 0))
    const owner = connect(kernel.owner, { max: 1 })
    await owner.tx(1, tx => tx.run(sql`delete from payments.suspense where txn_no = '4200003'`))
    await owner.close()
    assert.deepEqual((await faults(ctx)).map(({ id }) => id).sort(), ['I4', 'I7', 'I8'])
  }))

test('money that comes after its order was closed goes back by itself, whatever the amount', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    const [order] = await openOrders(ctx, 1)
    await kernel.db.tx(1, tx => finishOrder(tx, ctx, order!.orderId, 'cancelled_by_payer'))
    const fact = { attemptId: order!.attempts[0]!, txnNo: '4200001', amountFen: order!.amountFen + 1, paidAt: PAID_AT }
    assert.equal(await recordPaid(ctx, fact), 'suspended')
    const { refunds, mismatch } = (await findOrderById(ctx, order!.orderId))!
    assert.deepEqual([refunds.map(refund => [refund.amountFen, refund.cause]), mismatch], [[[fact.amountFen, 'late_pay']], false])
    assert.deepEqual(await faults(ctx), [])
  }))

test('one number told with two amounts is booked with the right one, and the other is told apart', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    const [order] = await openOrders(ctx, 1)
    const fact = { attemptId: order!.attempts[0]!, txnNo: '4200001', amountFen: order!.amountFen, paidAt: PAID_AT }
    const wrong = { ...fact, amountFen: fact.amountFen * 10 }
    assert.deepEqual(await Promise.all([fact, wrong].map(told => recordPaid(ctx, told))), ['applied', 'conflict'])
    assert.equal(await recordPaid(ctx, wrong), 'conflict')
    assert.equal(await recordPaid(ctx, fact), 'duplicate')
    assert.deepEqual(await faults(ctx), [])
  }))

test('what a channel says of a refund against all sense is booked by nobody and waits for a person', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    const [order] = await openOrders(ctx, 1)
    await recordPaid(ctx, { attemptId: order!.attempts[0]!, txnNo: '4200001', amountFen: order!.amountFen, paidAt: PAID_AT })
    assert.ok((await kernel.db.tx(1, tx => refundOrder(tx, ctx, order!.orderId, 'undone_by_payer'))).ok)
    const [first] = (await findOrderById(ctx, order!.orderId))!.refunds
    const say = (outRefundNo: string, state: 'SUCCESS' | 'CLOSED', amountFen?: number) =>
      applyRefundFact(ctx, { outTradeNo: '-', outRefundNo, state, refundedAt: PAID_AT, ...(amountFen && { amountFen }) })
    const stuck = async () => (await listDeskOrders(ctx, 5)).stuck.map(({ id }) => id)
    await say(first!.outRefundNo, 'SUCCESS', order!.amountFen + 1)
    assert.deepEqual(await stuck(), [order!.orderId])
    assert.deepEqual(
      (await findOrderById(ctx, order!.orderId))!.refunds.map(({ state, failure }) => [state, failure]),
      [[6, 'refund_other_amount']],
    )
    await say(first!.outRefundNo, 'CLOSED')
    assert.deepEqual(await stuck(), [])
    for (let i = 0; i < 2; i++) await say(first!.outRefundNo, 'SUCCESS')
    assert.deepEqual(await stuck(), [order!.orderId])
    const { rows } = await queryIn(
      kernel,
      `select body ->> 'why' as why from trail.pending_event where type = 'payments.refund_abnormal' order by id`,
    )
    assert.deepEqual(
      rows.map(({ why }) => why),
      ['refund_other_amount', 'refund_after_closed'],
    )
    assert.deepEqual(await faults(ctx), [])
  }))

test('a refund the channel closes is asked for again, three times, then waits for a person', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    const [order] = await openOrders(ctx, 1)
    const [attemptId, late] = order!.attempts
    await recordPaid(ctx, { attemptId: attemptId!, txnNo: '4200001', amountFen: order!.amountFen, paidAt: PAID_AT })
    // A second payment too: its refund comes out of suspense.
    await recordPaid(ctx, { attemptId: late!, txnNo: '4200002', amountFen: order!.amountFen, paidAt: PAID_AT })
    assert.ok((await kernel.db.tx(1, tx => refundOrder(tx, ctx, order!.orderId, 'undone_by_payer'))).ok)
    const current = async () => (await findOrderById(ctx, order!.orderId))!.refunds
    const numbers = new Set<string>()
    for (let i = 0; i < 4; i++) {
      const refunds = await current()
      assert.equal(refunds.length, 2)
      for (const refund of refunds) {
        numbers.add(refund.outRefundNo)
        await applyRefundFact(ctx, { outTradeNo: '-', outRefundNo: refund.outRefundNo, state: 'CLOSED' })
        await applyRefundFact(ctx, { outTradeNo: '-', outRefundNo: refund.outRefundNo, state: 'CLOSED' })
      }
      assert.deepEqual(await faults(ctx), [])
    }
    assert.equal(numbers.size, 8)
    assert.deepEqual(
      (await current()).map(refund => refund.state),
      [6, 6],
    )
    for (const { outRefundNo } of await current())
      await applyRefundFact(ctx, { outTradeNo: '-', outRefundNo, state: 'SUCCESS', refundedAt: PAID_AT })
    assert.deepEqual(await faults(ctx), [])
    assert.ok(Object.values(await balances(ctx)).every(amount => amount === 0))
  }))

test('money goes back out of the merchant account it came in on, whatever was opened since', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    const [order] = await openOrders(ctx, 1)
    await recordPaid(ctx, { attemptId: order!.attempts[0]!, txnNo: '4200001', amountFen: order!.amountFen, paidAt: PAID_AT })
    await ensureMerchant(ctx, 'wechat', '1900000999')
    assert.ok((await kernel.db.tx(1, tx => refundOrder(tx, ctx, order!.orderId, 'undone_by_payer'))).ok)
    const [refund] = await kernel.db.read(1, tx => store.listRefunds(tx, 1, order!.orderId))
    await applyRefundFact(ctx, { outTradeNo: '-', outRefundNo: refund!.outRefundNo, state: 'SUCCESS', refundedAt: PAID_AT })
    const sums = await balances(ctx)
    assert.deepEqual([sums['1012:wechat:1900000109'], sums['1012:wechat:1900000999']], [0, 0])
    assert.deepEqual(await faults(ctx), [])
  }))
