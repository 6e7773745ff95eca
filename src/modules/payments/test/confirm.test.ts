import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Ctx, systemCtx } from '#kernel/context.ts'
import { connect, sql } from '#kernel/db/index.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { checkLedger } from '#modules/ledger/index.ts'
import { checkPayments, confirmMany, type PaidFact, recordPaid } from '../index.ts'
import { ATTEMPT } from '../model.ts'
import * as store from '../store.ts'
import { type Open, openOrders, PAID_AT } from './support.ts'

/** What a person could see of the orders, without the ids that differ from one run to the next. */
const seen = (ctx: Ctx, opened: readonly Open[]) =>
  ctx.kernel.db.read(ctx.tenantId, async tx => {
    const orders = []
    for (const { orderId, attempts } of opened) {
      const order = (await store.findOrder(tx, ctx.tenantId, orderId))!
      const states = (await store.listAttempts(tx, ctx.tenantId, orderId))
        .sort((a, b) => attempts.indexOf(a.id) - attempts.indexOf(b.id))
        .map(a => [a.state, a.txnNo, a.succeededAt?.toISOString()])
      orders.push([order.state, order.paidFen, order.paidAt?.toISOString(), states])
    }
    return orders
  })

test('one attempt of an order pays it, in a batch as one by one, and numbers of the channel come through unchanged', () =>
  withTestDb(async kernel => {
    let tenantId = 10
    const told = fc.record({
      order: fc.nat(3),
      attempt: fc.nat(1),
      txn: fc.constantFrom('4200001', '4200002', 'a"b\\c', '{1,2}', "o'x\tы", 'null', ' '),
      off: fc.constantFrom(0, 0, 0, 1),
    })
    const property = fc.asyncProperty(fc.array(told, { minLength: 1, maxLength: 12 }), async list => {
      // A number of the channel names one payment: two attempts with the same number are another test's business.
      const facts = list.filter((f, i) => list.findIndex(g => g.txn === f.txn) === i)
      const worlds = []
      for (const at of [tenantId++, tenantId++]) {
        const ctx = systemCtx(kernel, at, 'test')
        const opened = await openOrders(ctx, 4)
        const paid = facts.map(
          (f): PaidFact => ({
            attemptId: opened[f.order]!.attempts[f.attempt]!,
            txnNo: f.txn,
            amountFen: opened[f.order]!.amountFen + f.off,
            paidAt: PAID_AT,
          }),
        )
        worlds.push({ ctx, opened, paid })
      }
      const [batched, single] = worlds as [(typeof worlds)[0], (typeof worlds)[0]]
      const together = await confirmMany(kernel.db, batched.ctx, batched.paid)
      // The batch works through its facts in the order of the attempts' ids, and the first of an order wins.
      const order = [...single.paid.keys()].sort((a, b) => (single.paid[a]!.attemptId < single.paid[b]!.attemptId ? -1 : 1))
      const one: boolean[] = []
      for (const i of order) one[i] = (await confirmMany(kernel.db, single.ctx, [single.paid[i]!]))[0]!
      const won = (answers: readonly boolean[]) => facts.filter((_, i) => answers[i]).map(f => f.order)
      assert.deepEqual(won(together).sort(), won(one).sort())
      assert.equal(new Set(won(together)).size, won(together).length)
      for (const { ctx, opened } of worlds) {
        for (const [state, paidFen, , attempts] of await seen(ctx, opened)) {
          const winners = (attempts as unknown[][]).filter(([s]) => s === ATTEMPT.succeeded)
          assert.equal(winners.length, state === 2 ? 1 : 0)
          if (state === 2) assert.ok(facts.some(f => f.txn === winners[0]![1] && f.off === 0))
          if (state === 2) assert.equal(winners[0]![2], PAID_AT.toISOString())
          assert.equal((paidFen as number) > 0, state === 2)
        }
        const checks = [...(await checkLedger(kernel.db, ctx.tenantId)), ...(await checkPayments(kernel.db, ctx.tenantId))]
        assert.deepEqual(
          checks.filter(check => check.ok === false),
          [],
        )
      }
      const bodies = await kernel.db.read(batched.ctx.tenantId, tx =>
        tx.rows<{ txn: string }>(sql`
          select body ->> 'txn' as txn from trail.pending_event where tenant_id = ${batched.ctx.tenantId} and type = 'payments.order_paid'`),
      )
      const paidTxns = (await seen(batched.ctx, batched.opened)).flatMap(([, , , attempts]) =>
        (attempts as unknown[][]).filter(([s]) => s === ATTEMPT.succeeded).map(([, txn]) => txn),
      )
      assert.deepEqual(bodies.map(b => b.txn).sort(), [...paidTxns].sort())
    })
    await fc.assert(property, { numRuns: 25 })
  }))

test('an attempt that paid its order stays paid whatever is told or done afterwards', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    const [order] = await openOrders(ctx, 1)
    const fact = { attemptId: order!.attempts[0]!, txnNo: '4200001', amountFen: order!.amountFen, paidAt: PAID_AT }
    assert.equal(await recordPaid(ctx, fact), 'applied')
    assert.equal(await recordPaid(ctx, fact), 'duplicate')
    // Another payment under the same order number goes back; a number that is booked is nobody else's.
    assert.equal(await recordPaid(ctx, { ...fact, txnNo: '4200002' }), 'suspended')
    assert.equal(await recordPaid(ctx, { ...fact, txnNo: '4200002' }), 'duplicate')
    assert.equal(await recordPaid(ctx, { ...fact, attemptId: order!.attempts[1]!, txnNo: '4200002' }), 'conflict')
    const everyState = Object.values(ATTEMPT)
    for (const to of everyState) assert.equal(await kernel.db.tx(1, tx => store.moveAttempt(tx, 1, fact.attemptId, everyState, to)), false)
    assert.equal(await recordPaid(ctx, { ...fact, attemptId: order!.attempts[1]!, txnNo: '4200003' }), 'suspended')
    assert.deepEqual(
      (await seen(ctx, [order!]))[0]![3],
      ['4200001', '4200003'].map(txn => [ATTEMPT.succeeded, txn, PAID_AT.toISOString()]),
    )
  }))

test('a payment whose event was taken off the trail is found', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    const [order] = await openOrders(ctx, 1)
    const fact = { attemptId: order!.attempts[0]!, txnNo: '4200001', amountFen: order!.amountFen, paidAt: PAID_AT }
    const silent = async () =>
      [...(await checkLedger(kernel.db, 1)), ...(await checkPayments(kernel.db, 1))]
        .filter(c => /^C[34]$/.test(c.id) && !c.ok)
        .map(c => c.id)
    await recordPaid(ctx, fact)
    await recordPaid(ctx, { ...fact, attemptId: order!.attempts[1]!, txnNo: '4200003' })
    assert.deepEqual(await silent(), [])
    const owner = connect(kernel.owner, { max: 1 })
    await owner.tx(1, tx => tx.run(sql`delete from trail.pending where type in ('payments.order_paid', 'ledger.journal_posted')`))
    await owner.close()
    assert.deepEqual(await silent(), ['C3', 'C4'])
  }))
