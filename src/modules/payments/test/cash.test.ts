import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { queryIn, type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { catching } from '#kernel/result.ts'
import { manualClock } from '#kernel/time.ts'
import { checkLedger, ensureAccount, listBalances } from '#modules/ledger/index.ts'
import { DENOMINATIONS_FEN, readCount } from '../cash/model.ts'
import {
  checkBank,
  checkPayments,
  closeDrawer,
  ensureBankAccount,
  findDrawerReport,
  openDrawer,
  payOrderInCash,
  payOutCash,
  placeOrder,
  refundOrder,
  runPayouts,
  runRefunds,
  takeBankFile,
  viewDrawer,
} from '../index.ts'
import { renderBankFile } from '../settle/layout.ts'

const cashier = (kernel: TestKernel, n = 1): Ctx =>
  testCtx(kernel, { id: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`, permissions: new Set(['payments.cash.collect']) })

const faults = async (ctx: Ctx) =>
  [...(await checkLedger(ctx.kernel.db, 1)), ...(await checkPayments(ctx.kernel.db, 1))].filter(check => check.ok === false)

const take = (ctx: Ctx, amountFen: number, tenderedFen = amountFen) =>
  catching(() =>
    ctx.kernel.db.tx(1, async tx => {
      const payee = await ensureAccount(tx, ctx, '2202:water')
      const line = { subjectKind: 'bill', subjectId: makeId(ctx), payeeAccountId: payee, amountFen, title: '水费' }
      const placed = await placeOrder(tx, ctx, { lines: [line], title: '水费', payer: 'window:test', place: 'window' })
      assert.ok(placed.ok)
      return payOrderInCash(tx, ctx, { orderId: placed.value.orderId, tenderedFen })
    }),
  )

const giveBack = async (ctx: Ctx, orderId: string): Promise<string> => {
  const system = systemCtx(ctx.kernel, 1, 'test')
  const asked = await ctx.kernel.db.tx(1, tx => refundOrder(tx, system, orderId, 'voided'))
  assert.ok(asked.ok)
  return asked.value[0]!
}

test('a count is the sum of its pieces; what is no whole number of pieces names its denomination', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9_999), { minLength: DENOMINATIONS_FEN.length, maxLength: DENOMINATIONS_FEN.length }), pieces => {
      const counted = readCount(Object.fromEntries(DENOMINATIONS_FEN.map((fen, i) => [`d${fen}`, pieces[i] ? String(pieces[i]) : ''])))
      assert.ok(counted.ok)
      assert.equal(
        counted.value.fen,
        DENOMINATIONS_FEN.reduce((sum, fen, i) => sum + fen * pieces[i]!, 0),
      )
    }),
  )
  for (const bad of ['1.5', '-1', 'x', '1e3', '1234567', '²']) {
    const counted = readCount({ d500: bad })
    assert.equal(!counted.ok && counted.error.field, 'd500', bad)
  }
  assert.ok(readCount({ d500: ' １２ ' }).ok)
})

test('a drawer has one cashier and a cashier one drawer; money moves only through an open one', () =>
  withTestDb(async kernel => {
    const [one, two] = [cashier(kernel), cashier(kernel, 2)]
    const denied = await openDrawer(testCtx(kernel), { drawer: 'A1', pieces: {} })
    assert.equal(!denied.ok && denied.error.code, 'access.denied')
    const closed = await take(one, 500)
    assert.equal(!closed.ok && closed.error.code, 'payments.no_open_drawer')
    const bad = await openDrawer(one, { drawer: 'A 1', pieces: {} })
    assert.equal(!bad.ok && bad.error.code, 'payments.drawer_name')
    const both = await Promise.all([one, two].map(ctx => openDrawer(ctx, { drawer: 'A1', pieces: { d100: '3' } })))
    assert.deepEqual(both.map(opened => (opened.ok ? 'open' : opened.error.code)).sort(), ['open', 'payments.drawer_taken'])
    const holder = both[0]!.ok ? one : two
    const again = await openDrawer(holder, { drawer: 'B2', pieces: {} })
    assert.equal(!again.ok && again.error.code, 'payments.drawer_taken')
    const short = await take(holder, 500, 499)
    assert.equal(!short.ok && short.error.code, 'payments.tendered_too_small')
    const nothing = await viewDrawer(holder)
    assert.ok(nothing.ok && nothing.value.moves.length === 0)
    assert.deepEqual(await faults(systemCtx(kernel, 1, 'test')), [])
  }))

test('whatever is taken, voided and paid out at two drawers, numbers have no gaps and over and short are exact', { timeout: 120_000 }, () =>
  withTestDb(async kernel => {
    const system = systemCtx(kernel, 1, 'test')
    let day = 0
    const step = fc.record({
      act: fc.constantFrom('take', 'take', 'take', 'void', 'payout'),
      who: fc.nat(1),
      fen: fc.integer({ min: 1, max: 50_000 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), fc.tuple(fc.nat(20), fc.nat(20)), async (steps, counts) => {
        day++
        const people = [cashier(kernel, day * 2), cashier(kernel, day * 2 + 1)]
        const inside = [0, 0]
        const orders: string[] = []
        const refunds: { id: string; fen: number }[] = []
        for (const [i, ctx] of people.entries()) {
          const opened = await openDrawer(ctx, { drawer: `D${i}`, pieces: { d1000: String(counts[i]) } })
          assert.ok(opened.ok)
          inside[i] = counts[i]! * 1_000
        }
        for (const { act, who, fen } of steps) {
          const ctx = people[who]!
          if (act === 'take') {
            const done = await take(ctx, fen, fen + 100)
            assert.ok(done.ok)
            assert.equal(done.value.changeFen, 100)
            inside[who] = inside[who]! + fen
            orders.push(done.value.orderId)
          } else if (act === 'void' && orders.length > 0) {
            const orderId = orders.shift()!
            const id = await giveBack(ctx, orderId)
            const { rows } = await kernel.db.tx(1, tx =>
              tx.client.query('select amount_fen as fen from payments.refund where id = $1', [id]),
            )
            refunds.push({ id, fen: rows[0].fen })
          } else if (act === 'payout' && refunds.length > 0) {
            const { id, fen: back } = refunds.shift()!
            const both = await Promise.all(people.map(person => payOutCash(person, id)))
            assert.equal(both.filter(paid => paid.ok).length, 1, 'paid out once')
            const payer = both[0]!.ok ? 0 : 1
            inside[payer] = inside[payer]! - back
          }
        }
        // The worker never touches cash.
        assert.equal(await runRefunds(kernel, 1), false)
        for (const [i, ctx] of people.entries()) {
          const closed = await closeDrawer(ctx, { pieces: { d100: '7' } })
          assert.ok(closed.ok)
          assert.deepEqual([closed.value.session.expectedFen, closed.value.overFen], [inside[i], 700 - inside[i]!])
          const report = await findDrawerReport(ctx, closed.value.session.id)
          assert.ok(report.ok && report.value.taken + report.value.paidOut === closed.value.session.lastSeq)
          const other = await findDrawerReport(people[1 - i]!, closed.value.session.id)
          assert.equal(other.ok, false, "another cashier's turn")
        }
        assert.deepEqual(await faults(system), [])
      }),
      { numRuns: 12 },
    )
    const total = (await kernel.db.read(1, tx => listBalances(tx, 1))).reduce((sum, row) => sum + row.amount, 0)
    assert.equal(total, 0)
  }),
)

test('the doctor tells a drawer whose moves or count were changed behind the product', () =>
  withTestDb(async kernel => {
    const ctx = cashier(kernel)
    await openDrawer(ctx, { drawer: 'A1', pieces: {} })
    await take(ctx, 500)
    await take(ctx, 700)
    await closeDrawer(ctx, { pieces: { d100: '12' } })
    const system = systemCtx(kernel, 1, 'test')
    assert.deepEqual(await faults(system), [])
    const plant = async (change: string, undo: string) => {
      await kernel.db.tx(1, tx => tx.client.query(change))
      const found = (await faults(system)).map(check => check.id)
      await kernel.db.tx(1, tx => tx.client.query(undo))
      return found
    }
    const set = (what: string) => `update payments.drawer_session set ${what}`
    assert.deepEqual(await plant(set('counted_fen = 1300'), set('counted_fen = 1200')), ['I12'])
    assert.deepEqual(await plant(set('expected_fen = 1100'), set('expected_fen = 1200')), ['I12'])
    assert.deepEqual(await plant(set('last_seq = 3'), set('last_seq = 2')), ['I12'])
    assert.deepEqual(await faults(system), [])
  }))

test('cash carried to the bank leaves its drawer by the bank statement alone, in whatever portions; more than was taken is grave', () => {
  const clock = manualClock('2026-11-20T08:00:00.000Z')
  return withTestDb(
    async kernel => {
      const [ctx, clerk] = [systemCtx(kernel, 1, 'test'), cashier(kernel)]
      await ensureBankAccount(ctx, 'icb', 'bank')
      assert.ok((await openDrawer(clerk, { drawer: 'A1', pieces: { d1000: '5' } })).ok)
      for (const fen of [5_000, 3_000]) assert.ok((await take(clerk, fen)).ok)
      let serial = 0
      const deposit = async (amountFen: number, drawer = 'A1') => {
        const purpose = `CASH ${drawer} 20261120`
        const row = { serial: `K${++serial}`, at: clock.now(), amountFen, balanceFen: amountFen, purpose }
        const bytes = renderBankFile({ bank: 'icb', day: '2026-11-20', openingFen: 0, rows: [row] })
        assert.ok((await takeBankFile(ctx, { name: 'bank.txt', bytes })).ok)
      }
      const state = async () => {
        await runPayouts(kernel, 1)
        const held = await kernel.db.read(1, tx => listBalances(tx, 1))
        const open = await queryIn(
          kernel,
          'select class, severity, stated_fen as fen from payments.break where resolved_at is null order by fen',
        )
        assert.deepEqual([...(await faults(ctx)), ...(await checkBank(kernel.db, 1)).filter(check => check.ok === false)], [])
        const of = (code: string) => held.find(b => b.code === code)?.amount ?? 0
        return { drawer: of('1001:A1'), bank: of('1002:icb'), breaks: open.rows }
      }
      await deposit(7_000)
      assert.deepEqual(await state(), { drawer: 1_000, bank: 7_000, breaks: [] })
      await deposit(2_000)
      await deposit(50, 'Z9')
      assert.deepEqual(await state(), { drawer: 1_000, bank: 7_000, breaks: [] }, 'what was taken without network may still come')
      clock.advance(5 * 86_400_000)
      const odd = (fen: number) => ({ class: 'settle_diff', severity: 1, fen })
      assert.deepEqual((await state()).breaks, [odd(50), odd(2_000)])
      assert.ok((await take(clerk, 1_200)).ok)
      assert.deepEqual(await state(), { drawer: 200, bank: 9_000, breaks: [odd(50)] })
    },
    { clock },
  )
})

test('the next turn at a drawer is told what the one before left: what is missing was taken out between, and no other drawer speaks for it', () =>
  withTestDb(async kernel => {
    const [one, two, head] = [cashier(kernel), cashier(kernel, 2), testCtx(kernel, { permissions: new Set(['payments.cash.read']) })]
    const turn = async (who: Ctx, drawer: string, opening: string, closing: string) => {
      const opened = await openDrawer(who, { drawer, pieces: { d1000: opening } })
      assert.ok(opened.ok)
      assert.ok((await closeDrawer(who, { pieces: { d1000: closing } })).ok)
      const report = await findDrawerReport(head, opened.value.id)
      assert.ok(report.ok)
      return report.value.handedOverFen
    }
    assert.equal(await turn(one, 'A1', '5', '8'), undefined, 'the first')
    assert.equal(await turn(two, 'B1', '3', '3'), undefined)
    assert.equal(await turn(two, 'A1', '5', '6'), 8_000)
    assert.equal(await turn(one, 'A1', '6', '6'), 6_000)
    assert.deepEqual(await faults(head), [])
  }))
