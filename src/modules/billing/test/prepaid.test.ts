import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { unwrap } from '#kernel/result.ts'
import { addMs, manualClock, startOfDay } from '#kernel/time.ts'
import { checkLedger, ensureAccount, listBalances } from '#modules/ledger/index.ts'
import { checkPayments, closeOrder, findOrderById, openDrawer, payOrderInCash, refundOrder, runRefunds } from '#modules/payments/index.ts'
import { findBillById, openTopUp, runPrepaid, undoPayment, viewPrepaid } from '../index.ts'
import * as store from '../store.ts'

interface World {
  readonly ctx: Ctx
  readonly clock: ReturnType<typeof manualClock>
  readonly accountId: string
  bill(amountFen: number, periodTo: string): Promise<string>
  /** Tops up in cash at the window; answers the order. */
  topUp(amountFen: number): Promise<string>
  balance(): Promise<number>
  faults(): Promise<unknown[]>
}

const world = (rule: Record<string, unknown>, work: (w: World) => Promise<void>) =>
  withTestDb(async base => {
    const clock = manualClock(addMs(startOfDay('2026-11-01'), 9 * 3_600_000))
    const kernel = { ...base, clock }
    const ctx = systemCtx(kernel, 1, 'test')
    const clerk = testCtx(kernel, { id: '01900000-0000-7000-8000-000000000001', permissions: new Set(['payments.cash.collect']) })
    const accountId = makeId(ctx)
    await kernel.db.tx(1, async tx => {
      const payableAccountId = await ensureAccount(tx, ctx, '2202:phone')
      const names = { nameZh: '通信', nameEn: 'Telecom', serviceZh: '话费', serviceEn: 'Telephone' }
      const account = { pattern: '^1', check: 'none', length: 10, example: '1' }
      const late_fee = { grace_days: 0, rate_per_day_e6: 0, prepay_max_fen: 30_000, ...rule }
      const config = { account, late_fee, partial_payment: 'oldest_first', posting_window_min: 60, cycle_months: 1, mappings: {} }
      await store.upsertBiller(
        tx,
        1,
        { id: 'phone', ...names, unit: '', payableAccountId, isOnline: true, config: config as never },
        clock.now(),
      )
      await tx.run(sql`
        insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at)
        values (1, ${accountId}, 'phone', '1000000001', '王**', '一村', false, ${clock.now()})`)
    })
    assert.ok((await openDrawer(clerk, { drawer: 'A1', pieces: {} })).ok)
    await work({
      ...{ ctx, clock, accountId },
      async bill(amountFen, periodTo) {
        const id = makeId(ctx)
        await kernel.db.tx(1, tx =>
          tx.run(sql`
            insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, lines, issued_at)
            values (1, ${id}, ${newCode(kernel.random)}, 'phone', ${accountId}, ${`P${id.slice(-10)}`}, ${periodTo}, ${periodTo}, ${amountFen}, '2026-11-25', '[]', ${clock.now()})`),
        )
        return id
      },
      topUp: amountFen =>
        kernel.db.tx(1, async tx => {
          const input = { accountId, amountFen, payer: 'browser:1', place: 'window' as const, idempotencyKey: undefined }
          const { orderId } = await openTopUp(tx, clerk, input)
          await payOrderInCash(tx, clerk, { orderId, tenderedFen: amountFen })
          return orderId
        }),
      balance: async () => unwrap(await viewPrepaid(ctx, accountId)).balanceFen,
      faults: async () =>
        [...(await checkLedger(kernel.db, 1)), ...(await checkPayments(kernel.db, 1))].filter(check => check.ok === false),
    })
  })

test('what is paid in advance pays bills as they come, the oldest first, and stops where it does not reach', () =>
  world({}, async ({ ctx, topUp, bill, balance, faults }) => {
    await topUp(10_000)
    await topUp(5_000)
    assert.equal(await balance(), 15_000)
    const [first, second, third] = [await bill(6_000, '2026-08'), await bill(7_000, '2026-09'), await bill(4_000, '2026-10')]
    assert.equal(await runPrepaid(ctx.kernel, 1), 2)
    const states = await Promise.all([first, second, third].map(id => findBillById(ctx, id)))
    assert.deepEqual(
      states.map(state => state?.claim?.state),
      ['paid', 'paid', undefined],
    )
    assert.equal(await balance(), 2_000)
    assert.equal(await runPrepaid(ctx.kernel, 1), 0)
    const receipts = await ctx.kernel.db.read(1, tx => tx.rows(sql`select receipt_no from billing.receipt`))
    assert.equal(receipts.length, 2)
    const books = await ctx.kernel.db.read(1, tx => listBalances(tx, 1))
    assert.equal(books.find(row => row.code === '2202:phone')?.amount, -13_000)
    assert.deepEqual(await faults(), [])
  }))

test('where parts are taken, what is held pays as much of a bill as there is', () =>
  world({ part_min_fen: 1_000 }, async ({ ctx, topUp, bill, balance, faults }) => {
    await topUp(5_000)
    const id = await bill(8_000, '2026-10')
    await runPrepaid(ctx.kernel, 1)
    assert.deepEqual([await balance(), (await findBillById(ctx, id))?.restFen], [0, 3_000])
    await topUp(2_000)
    await runPrepaid(ctx.kernel, 1)
    await topUp(1_500)
    await runPrepaid(ctx.kernel, 1)
    assert.deepEqual([await balance(), (await findBillById(ctx, id))?.claim?.state], [500, 'paid'])
    assert.deepEqual(await faults(), [])
  }))

test('a bill given back goes back to what is held, and is not taken again', () =>
  world({}, async ({ ctx, topUp, bill, balance, faults }) => {
    await topUp(10_000)
    const id = await bill(6_000, '2026-10')
    await runPrepaid(ctx.kernel, 1)
    const { claim } = (await findBillById(ctx, id))!
    const undone = await undoPayment(ctx, { orderCode: claim!.orderCode, payers: ['browser:1'], idempotencyKey: 'a'.repeat(26) })
    assert.ok(undone.ok, JSON.stringify(undone))
    await runRefunds(ctx.kernel, 1)
    assert.equal(await balance(), 10_000)
    assert.equal(await runPrepaid(ctx.kernel, 1), 0)
    assert.equal((await findBillById(ctx, id))?.claim, undefined)
    assert.deepEqual(await faults(), [])
  }))

test('a top-up is given back while it is there; what was spent of it is not, and nothing is half done', () =>
  world({}, async ({ ctx, topUp, bill, balance, faults }) => {
    const first = await topUp(10_000)
    const second = await topUp(4_000)
    const back = (orderId: string) => ctx.kernel.db.tx(1, async tx => unwrap(await refundOrder(tx, ctx, orderId, 'undone_by_payer')))
    await back(second)
    assert.equal(await balance(), 10_000)
    await bill(6_000, '2026-10')
    await runPrepaid(ctx.kernel, 1)
    await assert.rejects(back(first), /prepaid_too_little/)
    assert.equal((await findOrderById(ctx, first))?.reservedFen, 0)
    assert.equal(await balance(), 4_000)
    assert.deepEqual(await faults(), [])
  }))

test('bills that come at once and top-ups given back at once never take more than is held', () =>
  world({}, async ({ ctx, topUp, bill, balance, faults }) => {
    const orders = [await topUp(6_000), await topUp(6_000), await topUp(6_000)]
    for (let n = 1; n <= 4; n++) await bill(5_000, `2026-0${n}`)
    const back = (orderId: string) =>
      ctx.kernel.db.tx(1, async tx => unwrap(await refundOrder(tx, ctx, orderId, 'undone_by_payer'))).catch(() => undefined)
    await Promise.all([runPrepaid(ctx.kernel, 1), ...orders.map(back), runPrepaid(ctx.kernel, 1), runPrepaid(ctx.kernel, 1)])
    assert.ok((await balance()) >= 0)
    assert.deepEqual(await faults(), [])
  }))

test('no more is held than the biller allows, and nothing where it takes nothing in advance', async () => {
  await world({}, async ({ topUp, balance }) => {
    await topUp(25_000)
    await assert.rejects(topUp(5_001), /prepay_out_of_range/)
    await assert.rejects(topUp(999), /prepay_out_of_range/)
    await topUp(5_000)
    await assert.rejects(topUp(1_000), /prepay_not_taken/)
    assert.equal(await balance(), 30_000)
  })
  // What is on its way counts, one after the other or at once; given up, it makes room again.
  await world({}, async ({ ctx, accountId }) => {
    const top = { accountId, amountFen: 15_000, payer: 'browser:1', place: 'phone', idempotencyKey: undefined } as const
    const open = () => ctx.kernel.db.tx(1, tx => openTopUp(tx, ctx, top)).catch(() => undefined)
    const placed = (await Promise.all([open(), open(), open(), open()])).filter(order => order !== undefined)
    assert.equal(placed.length, 2)
    assert.equal(await open(), undefined)
    assert.equal(await closeOrder(ctx, placed[0]!.orderId, 'cancelled_by_payer'), 'closed')
    assert.ok(await open())
  })
  await world({ prepay_max_fen: undefined }, async ({ topUp }) => assert.rejects(topUp(5_000), /prepay_not_taken/))
})
