import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { catching, unwrap } from '#kernel/result.ts'
import { addDays, addMs, dayOf, manualClock, startOfDay } from '#kernel/time.ts'
import { checkLedger, ensureAccount, listBalances } from '#modules/ledger/index.ts'
import { readLast4, readReference, readTerminal } from '../card/model.ts'
import { type CardFile, type CardRow, parseCardFile, renderCardFile } from '../card/statement.ts'
import {
  bringCardStatement,
  checkPayments,
  confirmCardRefund,
  openDrawer,
  payOrderByCard,
  placeOrder,
  refundOrder,
  viewCardDesk,
  viewReconciliation,
} from '../index.ts'
import { StatementRefused } from '../ports.ts'

const DAY = '2026-11-20'
const NOON = addMs(startOfDay(DAY), 12 * 3_600_000)
const TERMINAL = 'T1234567'
const reference = (n: number): string => String(n).padStart(12, '0')
const slip = (n: number, terminal = TERMINAL) => ({ terminal, reference: reference(n), last4: '6217' })

const rows: fc.Arbitrary<CardRow> = fc.record({
  kind: fc.constantFrom('pay', 'refund'),
  terminal: fc.stringMatching(/^[0-9A-Z]{8}$/),
  reference: fc.stringMatching(/^\d{12}$/),
  at: fc.integer({ min: 0, max: 86_399 }).map(s => addMs(startOfDay(DAY), s * 1_000)),
  last4: fc.stringMatching(/^\d{4}$/),
  amountFen: fc.integer({ min: 1, max: 10 ** 11 }),
  feeFen: fc.integer({ min: 0, max: 10 ** 6 }),
})
const files: fc.Arbitrary<CardFile> = fc.record({
  merchant: fc.constant('898100000000001'),
  day: fc.constant(DAY),
  rows: fc.array(rows, { maxLength: 6 }),
})
const refusal = (bytes: Buffer): string | undefined => {
  try {
    parseCardFile(bytes, DAY)
    return undefined
  } catch (error) {
    assert.ok(error instanceof StatementRefused, String(error))
    return error.code
  }
}

test("an acquirer's file read back is the file that was written; cut off or lengthened it is refused", () => {
  fc.assert(
    fc.property(files, fc.nat(), (file, place) => {
      const bytes = renderCardFile(file)
      assert.deepEqual(
        parseCardFile(bytes, DAY).rows.map(row => ({ ...row })),
        file.rows.map(row => ({ ...row })),
      )
      assert.ok(refusal(bytes.subarray(0, place % bytes.length)))
      assert.ok(refusal(Buffer.concat([bytes, Buffer.from('x')])))
    }),
    { numRuns: 200 },
  )
  const bytes = renderCardFile({
    ...{ merchant: '898100000000001', day: DAY },
    rows: [{ kind: 'pay', terminal: TERMINAL, reference: reference(1), at: NOON, last4: '6217', amountFen: 5_250, feeFen: 32 }],
  })
  assert.equal(refusal(Buffer.from(bytes.toString().replace('00005250', '00005251'))), 'sum')
  assert.throws(() => parseCardFile(bytes, addDays(DAY, 1)), { code: 'day' })
})

test('what a clerk types off a slip, in whatever width, is read or refused', () => {
  assert.equal(readTerminal(' ｔ123 4567'), TERMINAL)
  assert.equal(readReference('１２３456789012'), '123456789012')
  assert.equal(readLast4('62 17'), '6217')
  for (const bad of ['', '12345', '1234567890123', '12345678901x']) assert.equal(readReference(bad), undefined, bad)
})

interface World {
  readonly kernel: TestKernel
  readonly ctx: Ctx
  readonly clerk: Ctx
  readonly clock: ReturnType<typeof manualClock>
  order(amountFen: number): Promise<string>
  pay(orderId: string, n: number, terminal?: string): Promise<string>
}

const world = (work: (w: World) => Promise<void>) => {
  const clock = manualClock(NOON)
  return withTestDb(
    async kernel => {
      const ctx = systemCtx(kernel, 1, 'test')
      const clerk = testCtx(kernel, { id: makeId(ctx), permissions: new Set(['payments.cash.collect']) })
      unwrap(await openDrawer(clerk, { drawer: 'A1', pieces: {} }))
      await work({
        ...{ kernel, ctx, clerk, clock },
        order: amountFen =>
          kernel.db.tx(1, async tx => {
            const payeeAccountId = await ensureAccount(tx, ctx, '2202:water')
            const line = { subjectKind: 'bill', subjectId: makeId(ctx), payeeAccountId, amountFen, title: '-' }
            return unwrap(await placeOrder(tx, ctx, { lines: [line], title: '-', payer: 'window:x', place: 'window' })).orderId
          }),
        async pay(orderId, n, terminal) {
          const done = await catching(() => kernel.db.tx(1, tx => payOrderByCard(tx, clerk, { orderId, ...slip(n, terminal) })))
          return done.ok ? `paid ${done.value.amountFen}` : done.error.code
        },
      })
    },
    { clock },
  )
}
const balanceOf = async ({ kernel }: World, code: string) =>
  (await kernel.db.read(1, tx => listBalances(tx, 1))).find(row => row.code === code)?.amount ?? 0
const broken = async ({ kernel }: World) =>
  [...(await checkLedger(kernel.db, 1)), ...(await checkPayments(kernel.db, 1))].filter(check => check.ok === false)

test('a reference pays once a day and terminal; the order, the reference and the booking are one', () =>
  world(async w => {
    const [one, two] = [await w.order(5_250), await w.order(900)]
    assert.deepEqual((await Promise.all([1, 2, 3].map(() => w.pay(one, 1)))).sort(), [
      'paid 5250',
      'payments.order_not_open',
      'payments.order_not_open',
    ])
    assert.equal(await w.pay(two, 1), 'payments.card_reference_used')
    assert.equal(await w.pay(two, 1, 'T7654321'), 'paid 900', 'another terminal has numbers of its own')
    w.clock.advance(24 * 3_600_000)
    assert.equal(await w.pay(await w.order(10), 1), 'paid 10', 'and each day')
    assert.equal(await balanceOf(w, `1012:card:${TERMINAL}`), 5_260)
    assert.deepEqual(await broken(w), [])
    const idle = testCtx(w.kernel, { id: makeId(w.ctx), permissions: new Set(['payments.cash.collect']) })
    const without = await catching(() => w.kernel.db.tx(1, async tx => payOrderByCard(tx, idle, { orderId: await w.order(7), ...slip(9) })))
    assert.equal(!without.ok && without.error.code, 'payments.no_open_drawer')
  }))

test('an agreed refund waits for the clerk, is made on its terminal and booked once', () =>
  world(async w => {
    const order = await w.order(5_250)
    await w.pay(order, 1)
    const [refundId] = unwrap(await w.kernel.db.tx(1, tx => refundOrder(tx, w.ctx, order, 'biller_refused')))
    const { payouts } = unwrap(await viewCardDesk(w.clerk))
    assert.deepEqual(
      payouts.map(p => [p.refundId, p.terminal, p.reference, p.last4, p.amountFen]),
      [[refundId, TERMINAL, reference(1), '6217', 5_250]],
    )
    const confirm = async (n: string, who = w.clerk) => {
      const done = await confirmCardRefund(who, { refundId: refundId!, reference: n })
      return done.ok ? 'returned' : done.error.code
    }
    assert.equal(await confirm('12'), 'payments.card_reference')
    assert.equal(await confirm(reference(1)), 'payments.card_reference_used', "the payment's own reference is none of a refund")
    assert.equal(await confirm(reference(2), testCtx(w.kernel)), 'access.denied')
    assert.deepEqual((await Promise.all([2, 3].map(n => confirm(reference(n))))).sort(), ['payments.payout_not_found', 'returned'])
    assert.equal(await balanceOf(w, `1012:card:${TERMINAL}`), 0)
    assert.deepEqual(await broken(w), [])
  }))

test("the acquirer's statement is compared terminal by terminal, by the terminal's reference", () =>
  world(async w => {
    for (const [n, fen] of [100, 200, 300].entries()) await w.pay(await w.order(fen), n + 1, n === 2 ? 'T7654321' : TERMINAL)
    const back = await w.order(50)
    await w.pay(back, 4)
    const [refundId] = unwrap(await w.kernel.db.tx(1, tx => refundOrder(tx, w.ctx, back, 'biller_refused')))
    unwrap(await confirmCardRefund(w.clerk, { refundId: refundId!, reference: reference(5) }))
    const row = (n: number, amountFen: number, terminal = TERMINAL, kind: CardRow['kind'] = 'pay'): CardRow => ({
      ...{ kind, terminal, reference: reference(n), at: NOON, last4: '6217', amountFen, feeFen: 0 },
    })
    const all = [row(1, 100), row(2, 200), row(3, 300, 'T7654321'), row(4, 50), row(5, 50, TERMINAL, 'refund')]
    w.clock.advance(24 * 3_600_000)
    const bring = async (stated: readonly CardRow[]) => {
      const bytes = renderCardFile({ merchant: '898100000000001', day: DAY, rows: stated })
      return unwrap(await bringCardStatement(w.ctx, { day: DAY, file: { name: 'up.txt', pieces: () => [bytes] } })).outcome
    }
    const seen = async () =>
      unwrap(await viewReconciliation(w.ctx, DAY, DAY))
        .open.map(b => `${b.class} ${b.mchid} ${b.ref}`)
        .sort()
    const no = (n: number, terminal = TERMINAL) => `card:${terminal}-${DAY.replaceAll('-', '')}-${reference(n)}`
    await bring(all.filter(stated => stated.terminal === TERMINAL && stated.amountFen !== 200))
    assert.deepEqual(await seen(), [`ledger_only T7654321 ${no(3, 'T7654321')}`, `ledger_only ${TERMINAL} ${no(2)}`].sort())
    assert.equal(await bring(all), 'reconciled')
    assert.deepEqual(await seen(), [])
    assert.equal(await bring(all), 'unchanged')
    await assert.rejects(bring([...all, row(1, 5, 'UNKNOWN1')]), StatementRefused)
    assert.equal(dayOf(NOON), DAY)
    const denied = await bringCardStatement(testCtx(w.kernel), { day: DAY, file: { name: 'x', pieces: () => [] } })
    assert.equal(!denied.ok && denied.error.code, 'access.denied')
    assert.deepEqual(await broken(w), [])
  }))
