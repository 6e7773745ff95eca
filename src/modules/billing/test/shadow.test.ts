import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ctx, type Kernel, makeId, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { seededRandom } from '#kernel/random.ts'
import { unwrap } from '#kernel/result.ts'
import { addDays, addMs, manualClock, startOfDay } from '#kernel/time.ts'
import { openDrawer } from '#modules/payments/index.ts'
import { checkPast, getBill, payInCash, shadowDay, viewShadow, viewShadowDay } from '../index.ts'
import { POSTING } from '../model.ts'
import { missingDays, streakOf } from '../past/model.ts'
import { fileOf, type Row, takeDay, withWaterBills } from './past-support.ts'

const DAY = '2026-11-03'
const H = 3_600_000

interface World {
  readonly kernel: Kernel
  readonly ctx: Ctx
  readonly clock: ReturnType<typeof manualClock>
  /** Pays a bill in cash at an hour of a day. */
  pay(billNo: string, day?: string, hour?: number): Promise<{ orderId: string; orderCode: string }>
  /** Answers classes and bills of a day, differences first. */
  seen(day?: string): Promise<string[]>
}

const BILLS = ['W1', 'W2', 'W3'].map((no, i) => ({ no, fen: 7_440 + i }))

const withShadow = (work: (w: World) => Promise<void>, bills = BILLS): Promise<void> => {
  const clock = manualClock(addMs(startOfDay(DAY), 9 * H))
  return withTestDb(
    async base => {
      const kernel = { ...base, clock }
      await withWaterBills(kernel, bills)
      await kernel.db.tx(1, tx =>
        tx.run(sql`update billing.biller set config = config || '{"query_after_min": 1000000000}'::jsonb where tenant_id = 1`),
      )
      const clerk = testCtx(kernel, { id: '01900000-0000-7000-8000-000000000001', permissions: new Set(['payments.cash.collect']) })
      assert.ok((await openDrawer(clerk, { drawer: 'A1', pieces: {} })).ok)
      const ctx = systemCtx(kernel, 1, 'test')
      await work({
        ...{ kernel, ctx, clock },
        async pay(billNo, day = DAY, hour = 9) {
          clock.set(addMs(startOfDay(day), hour * H))
          const { code, fen } = await kernel.db.read(1, tx =>
            tx.one<{ code: string; fen: number }>(
              sql`select code, amount_fen as fen from billing.bill where tenant_id = 1 and bill_no = ${billNo}`,
            ),
          )
          const { quote } = unwrap(await getBill(ctx, code, []))
          const { orderId } = unwrap(await payInCash(clerk, { quote, tenderedFen: fen, idempotencyKey: newCode(kernel.random) }))
          const order = await kernel.db.read(1, tx =>
            tx.one<{ code: string }>(sql`select code from payments."order" where id = ${orderId}`),
          )
          return { orderId, orderCode: order.code }
        },
        async seen(day = DAY) {
          const view = unwrap(await viewShadowDay(ctx, 'water', day, 1))
          return view.differences.map(d => `${d.class} ${d.billNo} ${d.thereFen} ${d.hereFen}`)
        },
      })
    },
    { clock },
  )
}

const morningAfter = (w: World, day = DAY) => w.clock.set(addMs(startOfDay(addDays(day, 1)), 7 * H))

test('a day on which both systems took the same has no difference', () =>
  withShadow(async w => {
    await w.pay('W1')
    await w.pay('W2', DAY, 15)
    morningAfter(w)
    const report = await takeDay(w.kernel, DAY, [
      { no: 'L1', bill: 'W1', fen: 7_440 },
      { no: 'L2', bill: 'W2', fen: 7_441 },
    ])
    assert.deepEqual([report.outcome, report.differences, await w.seen()], ['compared', 0, []])
    const view = unwrap(await viewShadow(w.ctx))
    const [day] = view.billers[0]!.days
    assert.deepEqual([day!.thereRows, day!.thereFen, day!.hereRows, day!.hereFen], [2, 14_881, 2, 14_881])
    assert.deepEqual(view.billers[0]!.streak, { days: 1, since: DAY, last: DAY })
    assert.deepEqual(view.declared, ['water'])
  }))

test('what only one of them took, another amount and a bill we do not have are told apart', () =>
  withShadow(async w => {
    await w.pay('W1')
    await w.pay('W2')
    morningAfter(w)
    const rows: Row[] = [
      { no: 'L1', bill: 'W1', fen: 7_441 },
      { no: 'L2', bill: 'W3', fen: 7_442 },
      { no: 'L3', bill: 'X9', fen: 500 },
    ]
    const report = await takeDay(w.kernel, DAY, rows)
    assert.deepEqual(report.found, { there_only: 1, here_only: 1, amount: 1, unknown_bill: 1, other_day: 0, settled: 0 })
    assert.deepEqual(await w.seen(), [
      'amount W1 7441 7440',
      'here_only W2 null 7441',
      'there_only W3 7442 null',
      'unknown_bill X9 500 null',
    ])
    assert.equal(unwrap(await viewShadow(w.ctx)).billers[0]!.streak.days, 0)
  }))

test('a payment near midnight that stands on the next day there is no difference, on either day', () =>
  withShadow(async w => {
    await w.pay('W1', DAY, 23.98)
    morningAfter(w, addDays(DAY, 1))
    assert.equal((await takeDay(w.kernel, DAY, [])).found.here_only, 1)
    const next = await takeDay(w.kernel, addDays(DAY, 1), [{ no: 'L1', bill: 'W1', fen: 7_440 }])
    assert.deepEqual([next.found.other_day, next.differences], [1, 0])
    assert.deepEqual(await w.seen(), ['other_day W1 null 7440'])
    assert.equal(unwrap(await viewShadow(w.ctx)).billers[0]!.streak.days, 2)
  }))

test('a bill known to be paid elsewhere is no difference, and what was given back counts on no side', () =>
  withShadow(async w => {
    const { orderCode } = await w.pay('W1')
    assert.ok(orderCode)
    await w.kernel.db.tx(1, tx => tx.run(sql`update billing.posting set state = ${POSTING.reversed} where tenant_id = 1`))
    await w.kernel.db.tx(1, tx => tx.run(sql`update billing.bill set settled_before = true where tenant_id = 1 and bill_no = 'W2'`))
    morningAfter(w)
    const report = await takeDay(w.kernel, DAY, [
      { no: 'L1', bill: 'W2', fen: 7_441 },
      { no: 'L2', bill: 'W1', fen: 7_440, status: '已冲正' },
    ])
    assert.deepEqual([report.differences, report.found.settled, report.voidRows], [0, 1, 1])
  }))

test('several payments of a bill are added up on both sides', () =>
  withShadow(async w => {
    await w.pay('W1')
    morningAfter(w)
    const report = await takeDay(w.kernel, DAY, [
      { no: 'L1', bill: 'W1', fen: 7_000 },
      { no: 'L2', bill: 'W1', fen: 440 },
    ])
    assert.equal(report.differences, 0)
  }))

test('the same file again changes nothing, another of the day takes its place, a wrong one leaves all as it was', () =>
  withShadow(async w => {
    await w.pay('W1')
    morningAfter(w)
    const half = fileOf([{ no: 'L7', bill: 'W2', fen: 7_441 }], DAY)
    assert.equal((await takeDay(w.kernel, DAY, half)).differences, 2)
    const again = await takeDay(w.kernel, DAY, half)
    assert.deepEqual([again.outcome, again.differences, again.rows], ['unchanged', 2, 1])
    const wrong = await takeDay(
      w.kernel,
      DAY,
      fileOf(
        [
          { no: 'L8', on: addDays(DAY, -1), bill: 'W1' },
          { no: 'L9', bill: 'W1' },
        ],
        DAY,
      ),
    )
    assert.deepEqual([wrong.outcome, wrong.errors.map(e => e.code)], ['refused', ['day_outside']])
    const twice = await takeDay(w.kernel, DAY, [
      { no: 'L8', bill: 'W1' },
      { no: 'L8', bill: 'W1' },
    ])
    assert.deepEqual([twice.outcome, twice.errors.map(e => e.code)], ['refused', ['payment_repeated']])
    assert.equal((await w.seen()).length, 2)
    const right = await takeDay(w.kernel, DAY, [{ no: 'L8', bill: 'W1', fen: 7_440 }])
    assert.deepEqual([right.outcome, right.differences, await w.seen()], ['compared', 0, []])
    assert.deepEqual(
      (await checkPast(w.kernel.db, 1)).map(c => c.ok),
      [true, true],
    )
    await w.kernel.db.tx(1, tx => tx.run(sql`delete from billing.shadow_row where tenant_id = 1`))
    assert.deepEqual(
      (await checkPast(w.kernel.db, 1)).map(c => c.ok),
      [true, false],
    )
  }))

test('a day without a payment needs a file that says so', () =>
  withShadow(async w => {
    morningAfter(w)
    assert.deepEqual((await takeDay(w.kernel, DAY, Buffer.alloc(0))).outcome, 'refused')
    assert.deepEqual([(await takeDay(w.kernel, DAY, [])).outcome, unwrap(await viewShadow(w.ctx)).billers[0]!.streak.days], ['compared', 1])
  }))

test('only a day that is over is compared, and only by those who may; nobody else looks', () =>
  withShadow(async w => {
    const input = { billerId: 'water', bytes: fileOf([], DAY), fileName: 'x' }
    for (const day of [DAY, addDays(DAY, 1), '2026-13-01', 'yesterday']) {
      const early = await shadowDay(w.ctx, { ...input, day })
      assert.equal(!early.ok && early.error.code, 'billing.shadow_day', day)
    }
    const nobody = testCtx(w.kernel)
    const denied = [
      await shadowDay(nobody, { ...input, day: '2026-11-01' }),
      await viewShadow(nobody),
      await viewShadowDay(nobody, 'water', DAY, 1),
    ]
    assert.deepEqual(
      denied.map(d => !d.ok && d.error.code),
      ['access.denied', 'access.denied', 'access.denied'],
    )
    const reader = testCtx(w.kernel, { permissions: new Set(['billing.shadow.read']) })
    const mayNotTake = await shadowDay(reader, { ...input, day: '2026-11-01' })
    assert.equal(!mayNotTake.ok && mayNotTake.error.code, 'access.denied')
    const unknown = await viewShadowDay(reader, 'water', '2026-11-01', 1)
    assert.equal(!unknown.ok && unknown.error.code, 'billing.shadow_day_not_found')
  }))

test('days in a row without a difference end at one that differs or was not compared', () => {
  const random = seededRandom(20_261_123)
  for (let run = 0; run < 500; run++) {
    const days = Array.from({ length: 1 + random.int(20) }, (_, i) => ({
      day: addDays(DAY, -i),
      differences: random.int(4) === 0 ? 1 : 0,
      isThere: random.int(6) > 0,
    }))
    const compared = days.filter(d => d.isThere)
    const streak = streakOf([...compared].sort(() => random.int(3) - 1))
    let expected = 0
    const from = days.findIndex(d => d.isThere)
    for (const d of from < 0 ? [] : days.slice(from)) {
      if (!d.isThere || d.differences > 0) break
      expected++
    }
    assert.equal(streak.days, expected)
    assert.equal(streak.since, expected > 0 ? addDays(compared[0]!.day, 1 - expected) : undefined)
    const inside = days.slice(from, days.findLastIndex(d => d.isThere) + 1)
    assert.deepEqual(missingDays(compared.map(d => d.day)).length, from < 0 ? 0 : inside.filter(d => !d.isThere).length)
  }
})

/** The same judgement, written as a person would check it by hand. */
function judge(there: Map<string, number>, here: Map<string, number>, day: string, bill: string, isKnown: boolean): string | undefined {
  const key = (d: string) => `${d} ${bill}`
  const [t, h] = [there.get(key(day)), here.get(key(day))]
  if (t === h) return undefined
  if (t !== undefined && h !== undefined) return 'amount'
  const isNear = [addDays(day, -1), addDays(day, 1)].some(other =>
    t === undefined ? !here.has(key(other)) && there.get(key(other)) === h : !there.has(key(other)) && here.get(key(other)) === t,
  )
  if (isNear) return 'other_day'
  return t === undefined ? 'here_only' : isKnown ? 'there_only' : 'unknown_bill'
}

test('over many days at random, every bill is judged as by hand', () =>
  withShadow(async w => {
    const random = seededRandom(7)
    const bills = ['W1', 'W2', 'W3', 'X1']
    const days = Array.from({ length: 12 }, (_, i) => addDays(DAY, i))
    const [there, here] = [new Map<string, number>(), new Map<string, number>()]
    const rowsOf = new Map<string, Row[]>(days.map(day => [day, []]))
    for (const day of days)
      for (const bill of bills) {
        const fen = 100 + random.int(2)
        if (random.int(3) === 0) {
          there.set(`${day} ${bill}`, fen)
          rowsOf.get(day)!.push({ no: `${day}${bill}`, bill, fen })
        }
        if (bill !== 'X1' && random.int(3) === 0) here.set(`${day} ${bill}`, 100 + random.int(2))
      }
    for (const [key, fen] of here) {
      const [day, bill] = key.split(' ') as [string, string]
      const at = addMs(startOfDay(day), random.int(24 * 60) * 60_000)
      await w.kernel.db.tx(1, tx =>
        tx.run(sql`
          insert into billing.posting (tenant_id, id, order_id, bill_id, biller_id, state, amount_fen, late_fee_fen, rebate_fen, paid_at, tries, due_at)
          select 1, ${makeId(w.ctx)}, ${makeId(w.ctx)}, id, 'water', ${POSTING.posted}, ${fen}, 0, 0, ${at}, 0, ${at} from billing.bill
          where tenant_id = 1 and bill_no = ${bill}`),
      )
    }
    morningAfter(w, addDays(DAY, 14))
    for (const [day, rows] of rowsOf) assert.equal((await takeDay(w.kernel, day, rows)).outcome, 'compared')
    let [judged, differing] = [0, 0]
    for (const day of days) {
      const expected = bills.flatMap(bill => {
        const verdict = judge(there, here, day, bill, bill !== 'X1')
        return verdict ? [`${verdict} ${bill} ${there.get(`${day} ${bill}`) ?? null} ${here.get(`${day} ${bill}`) ?? null}`] : []
      })
      assert.deepEqual((await w.seen(day)).sort(), expected.sort(), day)
      judged += bills.length
      differing += expected.length
    }
    assert.ok(differing > 10 && differing < judged)
  }))
