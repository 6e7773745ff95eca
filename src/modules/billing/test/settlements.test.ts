import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { addDays, addMs, manualClock, startOfDay } from '#kernel/time.ts'
import { checkLedger, ensureAccount, listBalances } from '#modules/ledger/index.ts'
import {
  checkPayments,
  closeDrawer,
  openDrawer,
  payOrderInCash,
  placeOrder,
  reconcileStatement,
  recordPaid,
  refundOrder,
} from '#modules/payments/index.ts'
import { wechatStatement } from '../../../../test/support/statement.ts'
import { openOrders } from '../../payments/test/support.ts'
import { checkSettlements, readCorrected, readSettlement, runSettlements, viewSettlements } from '../index.ts'
import * as store from '../store.ts'

const DAY = '2026-11-20'
const NOON = addMs(startOfDay(DAY), 12 * 3_600_000)

const config = {
  account: { pattern: '^1', check: 'none', length: 10, example: '1' },
  late_fee: { grace_days: 15, rate_per_day_e6: 0 },
  partial_payment: 'none',
  posting_window_min: 60,
  cycle_months: 2,
  mappings: {},
}

async function addBiller(ctx: Ctx, id: string): Promise<number> {
  return ctx.kernel.db.tx(1, async tx => {
    const payableAccountId = await ensureAccount(tx, ctx, `2202:${id}`)
    const names = { nameZh: id, nameEn: id, serviceZh: '水费', serviceEn: 'Water' }
    await store.upsertBiller(tx, 1, { id, ...names, unit: 'm3', payableAccountId, isOnline: true, config: config as never }, NOON)
    return payableAccountId
  })
}

/** Orders of the day paid on WeChat, and the statement that agrees with them. */
async function payDay(ctx: Ctx, count: number, at: Date, prefix: string) {
  const orders = await openOrders(ctx, count)
  const stated = []
  for (const [i, { attempts, amountFen }] of orders.entries()) {
    const txnNo = `${prefix}${i}`
    await recordPaid(ctx, { attemptId: attempts[0]!, txnNo, amountFen, paidAt: at })
    stated.push({ txnNo, outTradeNo: 'x', amountFen })
  }
  return { orders, stated }
}

const compare = async (ctx: Ctx, day: string, stated: Parameters<typeof wechatStatement>[1]) => {
  const raw = wechatStatement(day, stated)
  const done = await reconcileStatement(ctx, { channel: 'wechat', day, file: { name: 'd.csv', pieces: () => [raw] } })
  assert.ok(done.ok)
}

const faults = async ({ kernel }: Ctx) =>
  [...(await checkLedger(kernel.db, 1)), ...(await checkPayments(kernel.db, 1)), ...(await checkSettlements(kernel.db, 1))].filter(
    c => c.ok === false,
  )

const made = (ctx: Ctx) =>
  ctx.kernel.db.read(1, tx =>
    tx.rows<{ biller: string; day: string; rows: number; net: number }>(
      sql`select biller_id as biller, day, rows, collected_fen - returned_fen as net from billing.settlement order by day, biller_id`,
    ),
  )

const all = (kernel: TestKernel, biller?: { id: string; accountId: number }): Ctx =>
  testCtx(kernel, { permissions: new Set(['billing.reconcile.read']), ...(biller && { biller }) })

const world = (work: (kernel: TestKernel, ctx: Ctx, clock: ReturnType<typeof manualClock>) => Promise<void>) =>
  withTestDb(async base => {
    const clock = manualClock(addMs(startOfDay(DAY), 9 * 3_600_000))
    const kernel = { ...base, clock }
    const ctx = systemCtx(kernel, 1, 'test')
    await addBiller(ctx, 'water')
    await work(kernel, ctx, clock)
  })

test('a day is settled once it agrees with the channels: before that the page says what is in the way', () =>
  world(async (kernel, ctx, clock) => {
    const { orders, stated } = await payDay(ctx, 3, NOON, '42')
    clock.set(addMs(startOfDay(addDays(DAY, 1)), 11 * 3_600_000))
    const why = async () => {
      await runSettlements(kernel, 1)
      const view = await viewSettlements(all(kernel))
      assert.ok(view.ok)
      return view.value.waiting.map(w => `${w.day} ${w.why} ${w.what}`)
    }
    assert.deepEqual(await why(), [`${DAY} statement wechat`])
    await compare(ctx, DAY, stated.slice(1))
    assert.deepEqual(await why(), [`${DAY} grave_break wechat`])
    await compare(ctx, DAY, stated)
    assert.deepEqual(await why(), [])
    const total = orders.reduce((sum, o) => sum + o.amountFen, 0)
    assert.deepEqual(await made(ctx), [{ biller: 'water', day: DAY, rows: 3, net: total }])
    await runSettlements(kernel, 1)
    assert.equal((await made(ctx)).length, 1, 'made once')
    assert.deepEqual(await faults(ctx), [])
    const view = await viewSettlements(all(kernel))
    assert.ok(view.ok)
    const file = await readSettlement(all(kernel), view.value.made[0]!.id)
    assert.ok(file.ok)
    const lines = file.value.file.toString().trimEnd().split('\r\n')
    assert.equal(lines.length, 5)
    assert.match(lines.at(-1)!, new RegExp(`^合计,3,缴费,${(total / 100).toFixed(2)},退回,0\\.00,净额,${(total / 100).toFixed(2)}$`))
  }))

test('what goes back stands in the file of its own day; what is booked late comes with the next; nothing stands twice', () =>
  world(async (kernel, ctx, clock) => {
    const { orders, stated } = await payDay(ctx, 3, NOON, '42')
    const next = addDays(DAY, 1)
    clock.set(addMs(startOfDay(next), 11 * 3_600_000))
    await compare(ctx, DAY, stated)
    await runSettlements(kernel, 1)
    const back = await kernel.db.tx(1, tx => refundOrder(tx, ctx, orders[0]!.orderId, 'biller_refused'))
    assert.ok(back.ok)
    // Told two days late: it belongs to a day that is settled.
    const late = await payDay(ctx, 1, addMs(NOON, 60_000), '43')
    await compare(ctx, DAY, [...stated, ...late.stated])
    clock.set(addMs(startOfDay(addDays(next, 1)), 11 * 3_600_000))
    await runSettlements(kernel, 1)
    const rows = await made(ctx)
    const sums = orders.map(o => o.amountFen)
    assert.deepEqual(rows, [
      { biller: 'water', day: DAY, rows: 3, net: sums[0]! + sums[1]! + sums[2]! },
      { biller: 'water', day: next, rows: 2, net: late.orders[0]!.amountFen - sums[0]! },
    ])
    const balance = (await kernel.db.read(1, tx => listBalances(tx, 1))).find(row => row.code === '2202:water')!.amount
    assert.equal(
      -balance,
      rows.reduce((sum, row) => sum + row.net, 0),
      'all settled days together are the account',
    )
    // Both belong to the first day: its statement is corrected, the file it was settled by stays as it was.
    const view = await viewSettlements(all(kernel))
    assert.ok(view.ok)
    const [second, first] = view.value.made
    assert.deepEqual([first!.corrections, first!.correctedFen], [2, late.orders[0]!.amountFen - sums[0]!])
    assert.deepEqual([second!.corrections, second!.correctedFen], [0, 0])
    const [file, corrected] = [await readSettlement(all(kernel), first!.id), await readCorrected(all(kernel), first!.id)]
    assert.ok(file.ok && corrected.ok)
    const text = corrected.value.file.toString()
    assert.ok(text.startsWith(file.value.file.toString()))
    const added = text.slice(file.value.file.toString().length).trimEnd().split('\r\n')
    const yuan = (fen: number) => (fen / 100).toFixed(2)
    assert.equal(added.filter(line => line.endsWith(`更正，见${next}的文件`)).length, 2)
    const net = sums[0]! + sums[1]! + sums[2]!
    const change = late.orders[0]!.amountFen - sums[0]!
    assert.equal(added.at(-1), `更正,2,原净额,${yuan(net)},更正,${yuan(change)},更正后净额,${yuan(net + change)}`)
    // Given back days later, the payment told late still belongs to the first day.
    assert.ok((await kernel.db.tx(1, tx => refundOrder(tx, ctx, late.orders[0]!.orderId, 'biller_refused'))).ok)
    clock.set(addMs(startOfDay(addDays(next, 2)), 11 * 3_600_000))
    await runSettlements(kernel, 1)
    const again = await viewSettlements(all(kernel))
    assert.ok(again.ok)
    assert.deepEqual(
      again.value.made.map(s => [s.day, s.corrections, s.correctedFen]),
      [
        [addDays(next, 1), 0, 0],
        [next, 0, 0],
        [DAY, 3, -sums[0]!],
      ],
    )
    assert.deepEqual(await faults(ctx), [])
  }))

test('a drawer that is not counted holds its day back; cash is settled with the rest', () =>
  world(async (kernel, ctx, clock) => {
    clock.set(NOON)
    const cashier = testCtx(kernel, { id: makeId(ctx), permissions: new Set(['payments.cash.collect']) })
    assert.ok((await openDrawer(cashier, { drawer: 'A1', pieces: {} })).ok)
    await kernel.db.tx(1, async tx => {
      const line = {
        subjectKind: 'bill',
        subjectId: makeId(ctx),
        payeeAccountId: await ensureAccount(tx, ctx, '2202:water'),
        amountFen: 900,
        title: '-',
      }
      const placed = await placeOrder(tx, ctx, { lines: [line], title: '-', payer: 'window:x', place: 'window' })
      assert.ok(placed.ok)
      await payOrderInCash(tx, cashier, { orderId: placed.value.orderId, tenderedFen: 1_000 })
    })
    clock.set(addMs(startOfDay(addDays(DAY, 1)), 11 * 3_600_000))
    await runSettlements(kernel, 1)
    const view = await viewSettlements(all(kernel))
    assert.ok(view.ok)
    assert.deepEqual(view.value.waiting, [{ day: DAY, why: 'drawer', what: 'A1' }])
    assert.ok((await closeDrawer(cashier, { pieces: { d100: '9' } })).ok)
    await runSettlements(kernel, 1)
    assert.deepEqual(await made(ctx), [{ biller: 'water', day: DAY, rows: 1, net: 900 }])
    assert.deepEqual(await faults(ctx), [])
  }))

test('staff of a biller see their own settlements; those of another are as unknown', () =>
  world(async (kernel, ctx, clock) => {
    const accountId = await addBiller(ctx, 'gas')
    const { stated } = await payDay(ctx, 2, NOON, '42')
    clock.set(addMs(startOfDay(addDays(DAY, 1)), 11 * 3_600_000))
    await compare(ctx, DAY, stated)
    await Promise.all([1, 2, 3].map(() => runSettlements(kernel, 1)))
    assert.deepEqual(
      (await made(ctx)).map(row => [row.biller, row.rows]),
      [
        ['gas', 0],
        ['water', 2],
      ],
    )
    const everything = await viewSettlements(all(kernel))
    assert.ok(everything.ok)
    const water = everything.value.made.find(s => s.billerId === 'water')!
    const gas = all(kernel, { id: 'gas', accountId })
    const own = await viewSettlements(gas)
    assert.ok(own.ok)
    assert.deepEqual(
      own.value.made.map(s => s.billerId),
      ['gas'],
    )
    for (const foreign of [await readSettlement(gas, water.id), await readCorrected(gas, water.id)])
      assert.equal(!foreign.ok && foreign.error.code, 'billing.settlement_not_found')
    const [none, unread] = [testCtx(kernel), water.id]
    for (const nobody of [await viewSettlements(none), await readSettlement(none, unread), await readCorrected(none, unread)])
      assert.equal(!nobody.ok && nobody.error.code, 'access.denied')
    // A settlement line changed behind the product is told.
    await kernel.db.tx(1, tx => tx.run(sql`insert into billing.settlement_line values (1, 'gas', 'wechat:420', 'PAY', ${DAY}, 5, ${DAY})`))
    assert.deepEqual(
      (await faults(ctx)).map(check => check.id),
      ['S1', 'S3'],
    )
  }))
